"""Names of sysctls: `net.core.rmem_max`, or with the separators swapped where a part holds a dot itself.

sysctl.d(5): if the first separator is a slash, slashes and dots stay as they are; if it is a dot, the two are
interchanged. So `net.ipv4.conf.eth0/100.rp_filter` and `net/ipv4/conf/eth0.100/rp_filter` are the same file.
"""

import re

ROOT = "/proc/sys"

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,63}", re.ASCII)


def parts(key: str) -> tuple[str, ...] | None:
    """The path below /proc/sys that a key means, by its parts; None for a text that is no key of ours.

    Patterns, empty parts, `.` and `..` are none: a key names one file, below /proc/sys.
    """
    first = re.search(r"[./]", key)
    text = key if first and first[0] == "/" else key.translate(str.maketrans("./", "/."))
    found = tuple(text.split("/"))
    named = all(_PART.fullmatch(part) for part in found)
    return found if named and len(found) >= 2 else None


def path(key: str) -> str:
    """The file of a key; ValueError for a text that is no key."""
    found = parts(key)
    if found is None:
        raise ValueError(f"no name of a sysctl: {key!r}")
    return "/".join((ROOT, *found))


def canonical(key: str) -> str:
    """One spelling for each file: dots between the parts, and slashes for the dots inside them."""
    found = parts(key)
    return key if found is None else ".".join(part.replace(".", "/") for part in found)
