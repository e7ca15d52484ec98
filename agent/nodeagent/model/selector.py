"""Which drives and network ports a setting means: by identity or by property, never by a name that moves."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeagent.model.block_device import BlockDevice
    from nodeagent.model.facts import Nic


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSelector:
    """All given fields must hold; patterns are shell globs. An empty selector matches nothing.

    `count` is how many drives must match; None means any number. Sizes are inclusive, in bytes.
    """

    serial: str | None = None
    wwn: str | None = None
    model: str | None = None
    backing_file: str | None = None
    transport: str | None = None
    driver: str | None = None
    rotational: bool | None = None
    size_at_least_bytes: int | None = None
    size_at_most_bytes: int | None = None
    count: int | None = None

    def matches(self, device: "BlockDevice") -> bool:
        checks = [
            *(
                fnmatchcase(got, pattern)
                for pattern, got in (
                    (self.serial, device.serial),
                    (self.wwn, device.wwn),
                    (self.model, device.model),
                    (self.backing_file, device.backing_file),
                    (self.transport, device.transport),
                    (self.driver, device.driver),
                )
                if pattern is not None
            ),
            *([device.rotational == self.rotational] if self.rotational is not None else []),
            *self._size_checks(device.size_bytes),
        ]
        return bool(checks) and all(checks)

    def _size_checks(self, size_bytes: int | None) -> list[bool]:
        checks = []
        if self.size_at_least_bytes is not None:
            checks.append(size_bytes is not None and size_bytes >= self.size_at_least_bytes)
        if self.size_at_most_bytes is not None:
            checks.append(size_bytes is not None and size_bytes <= self.size_at_most_bytes)
        return checks

    def __str__(self) -> str:
        names = self.__slots__
        given = [f"{name}={getattr(self, name)}" for name in names if getattr(self, name) is not None]
        return " ".join(given) or "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class NicSelector:
    """Ports on the PCI bus that are no virtual functions. All given fields must hold; patterns are shell globs.

    `count` is how many ports must match; None means any number.
    """

    pci_address: str | None = None
    driver: str | None = None
    mac: str | None = None
    count: int | None = None

    def matches(self, nic: "Nic") -> bool:
        if not nic.pci_address or nic.physical_function:
            return False
        checks = [
            fnmatchcase(got.lower(), pattern.lower())
            for pattern, got in ((self.pci_address, nic.pci_address), (self.driver, nic.driver), (self.mac, nic.mac))
            if pattern is not None
        ]
        return bool(checks) and all(checks)

    def __str__(self) -> str:
        given = [f"{name}={getattr(self, name)}" for name in self.__slots__ if getattr(self, name) is not None]
        return " ".join(given) or "nothing"
