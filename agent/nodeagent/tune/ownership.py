"""User and group names to numbers, from the files of the machine that is looked at (also a captured one).

Only /etc/passwd and /etc/group are read: what owns a validator's directories is a local account, and asking the
network's directory service would make a plan depend on a network that is being tuned. Source: passwd(5), group(5).
"""

from nodeagent.model.host_reader import HostReader

PASSWD = "/etc/passwd"  # noqa: S105 - a file name
GROUP = "/etc/group"


def user_id(host: HostReader, name: str) -> int | None:
    """The uid of a local user; a number stands for itself; None for a name that isn't known."""
    return _number(host, PASSWD, name)


def group_id(host: HostReader, name: str) -> int | None:
    """The gid of a local group; a number stands for itself; None for a name that isn't known."""
    return _number(host, GROUP, name)


def _number(host: HostReader, path: str, name: str) -> int | None:
    if name.isascii() and name.isdecimal():
        return int(name)
    for line in host.read(path).text.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[0] == name and fields[2].isdecimal():
            return int(fields[2])
    return None
