"""What TuneD has in force: the chosen profile with those it includes, read from its files.

TuneD applies a profile when it starts and when one is chosen, and takes the values back when it stops. Of a file the
sections say which plugin is at work, [sysctl] says the values; a profile in /etc stands over one of the same name below
/usr, and what includes stands over what is included.

Sources: tuned-profiles(7), tuned.conf(5), tuned-main.conf(5); TuneD 2.20 (profiles in /usr/lib/tuned) and 2.23
(/usr/lib/tuned/profiles).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nodeagent.model.host_reader import HostReader
from nodeagent.tune.kernel import sysctl_name

ACTIVE_PROFILE = "/etc/tuned/active_profile"
DIRECTORIES = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")

PLUGINS = {
    "cpu": "cpu-governor",
    "vm": "transparent-hugepages",
    "disk": "block-queue",
    "net": "nic-offloads",
    "irq": "irq-affinity",
    "irqbalance": "irq-affinity",
    "scheduler": "irq-affinity",
    "bootloader": "kernel-command-line",
}
"""Which plugin sets what one of our tunables sets; the plugin for sysctl is compared key by key."""

_DEPTH = 8
_VARIABLE = re.compile(r"\$\{")


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedProfile:
    """`names` as chosen, `plugins` at work, `sysctls` by canonical key with the file that says so.

    A value that TuneD computes (with variables or functions) is None. `missing` are profiles that were not found.
    """

    names: tuple[str, ...]
    plugins: frozenset[str] = frozenset()
    sysctls: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def read_tuned(host: HostReader) -> TunedProfile:
    """The profile that is chosen; without names where none is."""
    names = tuple((host.read(ACTIVE_PROFILE).value or "").split())
    plugins: set[str] = set()
    sysctls: dict[str, tuple[str | None, str]] = {}
    missing: list[str] = []
    for name in names:
        for path, section, key, value in _assignments(host, name, missing, depth=0):
            plugins.add(_plugin(section, key, value))
            if section == "sysctl" and key != "enabled" and sysctl_name.parts(key):
                sysctls[sysctl_name.canonical(key)] = (_plain(value), path)
    return TunedProfile(names=names, plugins=frozenset(plugins), sysctls=sysctls, missing=tuple(missing))


def _assignments(host: HostReader, name: str, missing: list[str], *, depth: int) -> Iterator[tuple[str, str, str, str]]:
    """Path, section, key and value, those of included profiles first."""
    path = next((p for d in DIRECTORIES if host.read(p := f"{d}/{name}/tuned.conf").ok), "")
    if not path or depth > _DEPTH:
        missing.append(name)
        return
    lines = list(_lines(host.read(path).text))
    for section, key, value in lines:
        if (section, key) == ("main", "include"):
            for included in re.split(r"[\s,;]+", value):
                yield from _assignments(host, included, missing, depth=depth + 1) if included else ()
    for section, key, value in lines:
        yield path, section, key, value


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    section = ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip().lower()
        elif line and line[0] not in "#;" and "=" in line:
            key, _, value = line.partition("=")
            yield section, key.strip(), value.split("#")[0].strip()


def _plugin(section: str, key: str, value: str) -> str:
    """A section of any name may say which plugin it is for."""
    return value.lower() if key == "type" else section


def _plain(value: str) -> str | None:
    """A leading > or < asks to raise or lower only, which is a value all the same."""
    return None if _VARIABLE.search(value) else value.lstrip("<>= ").strip('"')
