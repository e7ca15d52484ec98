r"""Lines of /etc/fstab, found by mount point and changed without touching any other byte.

The file is the administrator's: comments, order, blanks and line ends stay as they are; a line is added at the end, or
the options of one line are replaced in their place. Fields are separated by blanks; a blank, tab or backslash inside a
field is written in octal (`\040`). Sources: fstab(5), getmntent(3), systemd.mount(5) for `nofail` and `x-systemd.*`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nodeagent.model.mount_options import same_question

PATH = "/etc/fstab"

_FIELD = re.compile(r"\S+")
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_ESCAPED = re.compile(r"[ \t\n\\#]")
_BY_UUID = "/dev/disk/by-uuid/"


@dataclass(frozen=True, slots=True, kw_only=True)
class FstabLine:
    """One mount. `start` and `end` are where its options stand in the text; the same place where it has none."""

    source: str
    target: str
    fstype: str
    options: tuple[str, ...]
    start: int
    end: int

    @property
    def at_boot(self) -> bool:
        return "noauto" not in self.options

    @property
    def uuid(self) -> str:
        """The UUID that it mounts by; "" where it goes by something else."""
        return source_uuid(self.source)


def lines_of(text: str, mount_point: str) -> tuple[FstabLine, ...]:
    """The lines for one mount point; more than one is a mistake of somebody's, and the last one is mounted on top."""
    return tuple(line for line in _lines(text) if line.target == mount_point)


def with_line(text: str, *, uuid: str, mount_point: str, fstype: str, options: Iterable[str], note: str) -> str:
    """The text with a comment and a line for a filesystem at its end.

    Only ext4 is to be checked at boot (the last field): fsck.xfs and fsck.btrfs do nothing.
    """
    joined = text if not text or text.endswith("\n") else text + "\n"
    check = "2" if fstype == "ext4" else "0"
    return f"{joined}# {note}\nUUID={uuid} {_encoded(mount_point)} {fstype} {','.join(options)} 0 {check}\n"


def with_options(text: str, line: FstabLine, wanted: Iterable[str]) -> str:
    """The text with these options in force in one line: what answers the same question goes, the rest stays."""
    named = tuple(wanted)
    new = [option for option in named if option not in line.options]
    kept = [
        option
        for option in line.options
        if option in named or (option != "noauto" and not any(same_question(option, other) for other in new))
    ]
    options = ",".join((*kept, *new)) or "defaults"
    # A line may end after the type; its options then start with a blank of their own.
    separator = " " if line.start == line.end else ""
    return f"{text[: line.start]}{separator}{options}{text[line.end :]}"


def source_uuid(source: str) -> str:
    """`UUID="..."` and `/dev/disk/by-uuid/...` mean the same."""
    if source.startswith("UUID="):
        return source.removeprefix("UUID=").strip('"').lower()
    return source.removeprefix(_BY_UUID).lower() if source.startswith(_BY_UUID) else ""


def _lines(text: str) -> Iterable[FstabLine]:
    offset = 0
    for line in text.split("\n"):
        fields = list(_FIELD.finditer(line))
        if len(fields) > 2 and not fields[0][0].startswith("#"):
            options = fields[3] if len(fields) > 3 else None
            yield FstabLine(
                source=_decoded(fields[0][0]),
                target=_decoded(fields[1][0]),
                fstype=fields[2][0],
                options=tuple(options[0].split(",")) if options else (),
                start=offset + (options.start() if options else fields[2].end()),
                end=offset + (options.end() if options else fields[2].end()),
            )
        offset += len(line) + 1


def _decoded(field: str) -> str:
    plain = _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
    return plain.rstrip("/") or "/" if plain.startswith("/") else plain


def _encoded(path: str) -> str:
    return _ESCAPED.sub(lambda match: f"\\{ord(match[0]):03o}", path)
