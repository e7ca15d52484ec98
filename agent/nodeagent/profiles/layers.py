"""All the files that make up one document: what it extends, then itself, each once, the first mention counting.

`extends` names documents, never paths. They are looked for beside the file first, then along the search list; a file
may extend another of its own name, which is how a machine adjusts a shipped profile without renaming it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from nodeagent.profiles import document
from nodeagent.profiles.document import Mapping, Scalar, parse, read_text
from nodeagent.profiles.problems import Problems, nearest, shown
from nodeagent.profiles.search import candidate, is_name, names

CHAIN_LIMIT = 8
FILES_LIMIT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One file of a document, as nodes; `digest` is that of the text they were made from."""

    path: Path
    node: Mapping
    digest: str


@dataclass(slots=True)
class LayerReader:
    """Reads a file and all that it extends; faults go to `problems`."""

    search: Sequence[Path]
    problems: Problems
    layers: list[Layer] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def read(self, path: Path) -> tuple[Layer, ...]:
        """Every layer, those extended first, the file itself last; () where the file can't be read."""
        self._read(path, ())
        return tuple(self.layers)

    def _read(self, path: Path, chain: tuple[Path, ...]) -> None:
        self.seen.add(path.absolute())
        text = read_text(path, str(path), self.problems)
        node = None if text is None else parse(text, str(path), self.problems)
        if text is None or node is None:
            return
        for wanted in _extended(node):
            self._extend(wanted, path, (*chain, path.absolute()))
        self.layers.append(Layer(path=path, node=node, digest=sha256(text.encode()).hexdigest()))

    def _extend(self, wanted: Scalar, path: Path, chain: tuple[Path, ...]) -> None:
        if not is_name(wanted.text):
            return  # told when the document is bound to its type
        search = (path.parent, *self.search)
        found = candidate(wanted.text, search, but_not=path)
        if found is None and wanted.text == path.stem:
            self._tell(wanted, "extends itself, and there is no other document of this name")
        elif found is None:
            self._tell(wanted, "there is no document of this name", near=nearest(wanted.text, names(search)))
        elif found.absolute() in chain:
            circle = " -> ".join(step.stem for step in (*chain[chain.index(found.absolute()) :], found))
            self._tell(wanted, f"extends in a circle: {circle}")
        elif len(chain) >= CHAIN_LIMIT:
            self._tell(wanted, f"extends more than {CHAIN_LIMIT} documents in a row")
        elif len(self.seen) >= FILES_LIMIT:
            self._tell(wanted, f"more than {FILES_LIMIT} documents in all")
        elif found.absolute() not in self.seen:
            self._read(found, chain)

    def _tell(self, wanted: Scalar, problem: str, *, near: str = "") -> None:
        self.problems.add(wanted.mark, problem, path="extends", got=shown(wanted.text), nearest=near)


def _extended(node: Mapping) -> tuple[Scalar, ...]:
    wanted = node.entries.get("extends")
    if not isinstance(wanted, document.Sequence):
        return ()
    return tuple(item for item in wanted.items if isinstance(item, Scalar))
