"""A directory of Terraform files, read into declarations: the blocks with their names, places and contents."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2
from hcl2.utils import SerializationOptions

_OPTIONS = SerializationOptions(
    with_comments=False, explicit_blocks=True, preserve_heredocs=False, strip_string_quotes=True
)
_LABELS = {"resource": 2, "data": 2, "variable": 1, "output": 1, "module": 1, "provider": 1, "check": 1}
META = frozenset({"__is_block__"})
"""What the parser adds to a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One block, or one entry of `locals`. `labels` are what stands between its kind and its brace."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]
    file: Path
    line: int

    @property
    def name(self) -> str:
        """The last label: what an author chose."""
        return self.labels[-1] if self.labels else self.kind

    def blocks(self, kind: str) -> list[Mapping[str, Any]]:
        """The blocks of one kind inside of it."""
        found = self.body.get(kind, [])
        return found if isinstance(found, list) else [found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One directory that Terraform reads as a whole."""

    directory: Path
    declarations: tuple[Declaration, ...]

    def of(self, *kinds: str) -> Iterator[Declaration]:
        """The declarations of these kinds, in the order of the files."""
        return (declaration for declaration in self.declarations if declaration.kind in kinds)

    @property
    def files(self) -> tuple[Path, ...]:
        """Its .tf files."""
        return tuple(sorted(self.directory.glob("*.tf")))

    @property
    def is_root(self) -> bool:
        """Whether it is applied by itself, and not called by another."""
        return "modules" not in self.directory.parts[-2:-1]


def read(directory: Path) -> Configuration:
    """Read the .tf files of one directory. Raises lark's UnexpectedInput where one is no HCL."""
    files = sorted(directory.glob("*.tf"))
    return Configuration(
        directory=directory, declarations=tuple(found for file in files for found in _declarations(file))
    )


def find(top: Path) -> tuple[Configuration, ...]:
    """Every directory with .tf files below `top`, but for what Terraform itself put there and the helpers of tests."""
    directories = {file.parent for file in top.rglob("*.tf") if not {".terraform", "tests"} & set(file.parts)}
    return tuple(read(directory) for directory in sorted(directories))


def _declarations(file: Path) -> Iterator[Declaration]:
    text = file.read_text()
    document = hcl2.loads(text, serialization_options=_OPTIONS)
    for kind, blocks in document.items():
        for block in blocks:
            if kind == "locals":
                yield from _locals(block, file, text)
                continue
            labels: tuple[str, ...] = ()
            body = block
            for _ in range(_LABELS.get(kind, 0)):
                ((label, body),) = ((key, value) for key, value in body.items() if key not in META)
                labels += (label.strip('"'),)
            head = r"\s+".join((kind, *(f'"{re.escape(label)}"' for label in labels)))
            yield Declaration(kind=kind, labels=labels, body=body, file=file, line=_line(text, head))


def _locals(block: Mapping[str, Any], file: Path, text: str) -> Iterator[Declaration]:
    for name, value in block.items():
        if name not in META:
            line = _line(text, rf"{re.escape(name)}\s*=")
            yield Declaration(kind="local", labels=(name,), body={"value": value}, file=file, line=line)


def _line(text: str, head: str) -> int:
    """The line that begins with this; the parser doesn't tell."""
    found = re.search(rf"^\s*{head}", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 1


def references(value: object, pattern: str) -> set[str]:
    """What a pattern with one group finds in the expressions of a value."""
    return set(re.findall(pattern, json.dumps(value)))
