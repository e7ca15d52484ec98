"""The programs that keep a clock: their units, packages and configuration, and which servers that names.

Sources: chrony.conf(5), timesyncd.conf(5), ntp.conf(5), ntpd.conf(5) (OpenNTPD); unit names of Debian, Ubuntu and
Fedora.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nodeagent.model.host_reader import HostReader
from nodeagent.model.unit_file import parse_unit_file

SYNCHRONISED_BY_TIMESYNCD = "/run/systemd/timesync/synchronized"
"""timesyncd makes it when it has set the clock for the first time since boot (systemd-timesyncd(8))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDaemon:
    """`units` are its names, the usual one first; `files` and `directories` (with an ending) its configuration."""

    name: str
    units: tuple[str, ...]
    package: str
    files: tuple[str, ...] = ()
    directories: tuple[tuple[str, str], ...] = ()


DAEMONS = (
    TimeDaemon(
        name="chrony",
        units=("chrony.service", "chronyd.service"),
        package="chrony",
        files=("/etc/chrony/chrony.conf", "/etc/chrony.conf"),
        directories=(
            ("/etc/chrony/conf.d", ".conf"),
            ("/etc/chrony/sources.d", ".sources"),
            ("/run/chrony-dhcp", ".sources"),
        ),
    ),
    TimeDaemon(
        name="systemd-timesyncd",
        units=("systemd-timesyncd.service",),
        package="systemd-timesyncd",
        files=("/etc/systemd/timesyncd.conf",),
        directories=(("/usr/lib/systemd/timesyncd.conf.d", ".conf"), ("/etc/systemd/timesyncd.conf.d", ".conf")),
    ),
    TimeDaemon(
        name="ntpsec",
        units=("ntpsec.service", "ntp.service", "ntpd.service"),
        package="ntpsec",
        files=("/etc/ntpsec/ntp.conf", "/etc/ntp.conf"),
        directories=(("/etc/ntpsec/ntp.d", ".conf"),),
    ),
    TimeDaemon(
        name="openntpd",
        units=("openntpd.service",),
        package="openntpd",
        files=("/etc/openntpd/ntpd.conf",),
    ),
)

NAMES = tuple(daemon.name for daemon in DAEMONS)
_SOURCES = ("server", "servers", "pool", "peer")


def daemon(name: str) -> TimeDaemon:
    """The one of that name; KeyError."""
    return {item.name: item for item in DAEMONS}[name]


def configured_servers(host: HostReader, item: TimeDaemon) -> tuple[str, ...]:
    """The servers and pools its configuration names, without those that only a running daemon knows (DHCP)."""
    texts = [host.read(path).text for path in item.files]
    for directory, ending in item.directories:
        texts += [host.read(f"{directory}/{name}").text for name in host.names(directory) if name.endswith(ending)]
    if item.name == "systemd-timesyncd":
        return tuple(dict.fromkeys(parse_unit_file(texts).words("Time", "NTP")))
    return tuple(dict.fromkeys(name for text in texts for name in _named(text)))


def _named(text: str) -> Iterator[str]:
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0].lower() in _SOURCES:
            # ntp.conf may say -4 or -6 before the name.
            yield next((word for word in words[1:] if not word.startswith("-")), "")
