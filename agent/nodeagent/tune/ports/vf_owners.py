"""Who else sets virtual functions here: NetworkManager, systemd-networkd and udev, the Kubernetes operator, udev rules.

A second owner resets what was set: NetworkManager when a connection goes up or down, udev and networkd at the next
boot or plug. They are told with the file, because only a person knows who should give way.

Sources: NetworkManager nm-settings-keyfile(5) (`sriov`), systemd.link(5) and systemd.network(5) (`[SR-IOV]`), udev(7),
the sriov-network-operator's /etc/sriov-operator.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nodeagent.model.facts import Nic
from nodeagent.model.host_reader import HostReader

NETWORKD = ("/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network")
NETWORK_MANAGER = ("/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections")
_UDEV = ("/etc/udev/rules.d", "/run/udev/rules.d")
_OPERATOR = "/etc/sriov-operator/pci"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A file that sets VFs, the program that reads it, and what decides whether it means a port.

    `patterns` maps name, mac, driver and address to shell globs, one of which must hold for each; {} means every port.
    """

    program: str
    path: str
    patterns: dict[str, tuple[str, ...]]

    def means(self, nic: Nic) -> bool:
        """Could the file be about this port? What can't be told counts as yes."""
        known = {"name": nic.name, "mac": nic.mac, "driver": nic.driver, "address": nic.pci_address}
        return all(
            any(fnmatchcase(known[name].lower(), pattern.lower()) for pattern in patterns)
            for name, patterns in self.patterns.items()
        )


def find_owners(host: HostReader) -> tuple[Owner, ...]:
    """Every file that sets VFs of some port, in the order of the directories above."""
    return (*_networkd(host), *_network_manager(host), *_udev(host), *_operator(host))


MATCH_KEYS = {"name": "name", "originalname": "name", "macaddress": "mac", "permanentmacaddress": "mac"}
MATCH_KEYS |= {"driver": "driver"}


def _networkd(host: HostReader) -> Iterator[Owner]:
    for path, text in configuration_files(host, NETWORKD, (".network", ".link")):
        sections = parse_sections(text)
        counts = any(key == "sr-iovvirtualfunctions" for key, _ in sections.get("link", ()))
        if "sr-iov" not in sections and not counts:
            continue
        patterns: dict[str, tuple[str, ...]] = {}
        for key, value in sections.get("match", ()):
            if key in MATCH_KEYS:
                patterns[MATCH_KEYS[key]] = tuple(value.split())
        yield Owner(program="systemd", path=path, patterns=patterns)


def _network_manager(host: HostReader) -> Iterator[Owner]:
    for path, text in configuration_files(host, NETWORK_MANAGER, (".nmconnection",)):
        sections = parse_sections(text)
        if "sriov" not in sections:
            continue
        patterns: dict[str, tuple[str, ...]] = {
            name: (value,)
            for section, key, name in (
                ("connection", "interface-name", "name"),
                ("ethernet", "mac-address", "mac"),
                ("802-3-ethernet", "mac-address", "mac"),
            )
            for found, value in sections.get(section, ())
            if found == key
        }
        yield Owner(program="NetworkManager", path=path, patterns=patterns)


def _udev(host: HostReader) -> Iterator[Owner]:
    for path, text in configuration_files(host, _UDEV, (".rules",)):
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        if any("sriov_numvfs" in line for line in lines):
            yield Owner(program="udev", path=path, patterns={})


def _operator(host: HostReader) -> Iterator[Owner]:
    for name in host.names(_OPERATOR):
        yield Owner(program="sriov-network-operator", path=f"{_OPERATOR}/{name}", patterns={"address": (name,)})


def configuration_files(
    host: HostReader, directories: tuple[str, ...], endings: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    for directory in directories:
        for name in host.names(directory):
            if name.endswith(endings):
                reading = host.read(f"{directory}/{name}")
                if reading.ok:
                    yield reading.path, reading.text


def parse_sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """Sections to their keys and values, names in small letters; a section that stands twice is joined."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].lower()
            found.setdefault(section, [])
        elif line and line[0] not in "#;" and "=" in line:
            key, _, value = line.partition("=")
            found.setdefault(section, []).append((key.strip().lower(), value.strip()))
    return found
