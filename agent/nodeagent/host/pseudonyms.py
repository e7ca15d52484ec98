"""Pseudonyms for what tells a machine or its owner: the same secret gets the same one, of the same form.

They are numbered in the order met, not hashed: a MAC address or a serial number has too few possibilities for a hash to
hide it. The same tree gives the same numbers, so a capture is reproducible.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

_MAC = r"(?<![0-9a-fA-F:])[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}(?![0-9a-fA-F:])"
_UUID = r"(?<![0-9a-fA-F-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F-])"
_LINK_NAME = r"(?<=/by-uuid/)[^/\s]+"  # FAT and NTFS have shorter ones
_HOME = r"(?:(?<=/home/)|(?<=/media/))[^/\s,:]+"
_TELLS_NOTHING = re.compile(r"[0:\-xX.fF\s]*")
_SHORTEST_FOUND_ANYWHERE = 8


class Secret(StrEnum):
    """The kinds; the value is the word in a made-up name."""

    SERIAL = "serial"
    WWN = "wwn"
    MAC = "mac"
    UUID = "uuid"
    MACHINE_ID = "machine-id"
    HOST = "host"
    USER = "user"
    PARAMETER = "parameter"
    INIT = "init"
    SOURCE = "source"
    DIRECTORY = "directory"


@dataclass(slots=True, kw_only=True)
class Pseudonyms:
    """`given` maps each secret met so far to its pseudonym."""

    given: dict[tuple[Secret, str], str] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None
    _known: dict[str, str] = field(default_factory=dict)

    def of(self, kind: Secret, secret: str) -> str:
        """The pseudonym; an empty text and one of zeros only (the loopback's address) stay what they are."""
        if _TELLS_NOTHING.fullmatch(secret):
            return secret
        key = (kind, secret)
        if key not in self.given:
            number = 1 + sum(1 for other, _ in self.given if other is kind)
            self.given[key] = _shaped(kind, secret, number)
            self._pattern = None
        return self.given[key]

    def everywhere(self, text: str) -> str:
        """Replace what is recognised by its form (MAC addresses, UUIDs, home directories) or was met before.

        A known secret is found inside other text only if it is long and has a digit: `vm` may be a host's name, but it
        is a directory of /proc/sys as well.
        """
        if self._pattern is None:
            self._pattern = self._compile()
        return self._pattern.sub(self._replacement, text)

    def _compile(self) -> re.Pattern[str]:
        self._known = {secret: name for (_, secret), name in self.given.items() if _distinctive(secret)}
        ordered = sorted(self._known, key=lambda secret: (-len(secret), secret))
        alternatives = [re.escape(secret) for secret in ordered]
        named = [f"(?P<uuid>{_UUID}|{_LINK_NAME})", f"(?P<mac>{_MAC})", f"(?P<user>{_HOME})"]
        return re.compile("|".join([*(f"(?P<known>{'|'.join(alternatives)})" for _ in alternatives[:1]), *named]))

    def _replacement(self, match: re.Match[str]) -> str:
        found = match[0]
        if match.lastgroup == "known":
            return self._known[found]
        return self.of(Secret(match.lastgroup or ""), found)


def _distinctive(secret: str) -> bool:
    return len(secret) >= _SHORTEST_FOUND_ANYWHERE and any(character.isdigit() for character in secret)


def _shaped(kind: Secret, secret: str, number: int) -> str:
    match kind:
        case Secret.SERIAL:
            return f"X{number}".rjust(len(secret), "X")
        case Secret.WWN:
            prefix = re.match(r"(?:0x|[a-z0-9]+\.)?", secret)
            start = prefix[0] if prefix else ""
            return start + str(number).rjust(len(secret) - len(start), "0")
        case Secret.MAC:
            return f"{secret[:8]}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        case Secret.UUID:
            return f"00000000-0000-4000-8000-{number:012x}"
        case Secret.MACHINE_ID:
            return f"{number:032x}"
        case _:
            return f"{kind}-{number}"
