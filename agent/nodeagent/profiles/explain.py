"""Which file set which value of a profile, in the order the files are merged: the last one named is in force."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeagent.model.errors import ProfileError
from nodeagent.profiles import document
from nodeagent.profiles.assembly import Merged, read_merged
from nodeagent.profiles.document import Node, Scalar
from nodeagent.profiles.load import load_profile
from nodeagent.profiles.merge import walk
from nodeagent.profiles.problems import Mark, Problems, nearest, shown
from nodeagent.profiles.search import find


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one file says of a value: as text, with its reason and source where it gives them."""

    mark: Mark
    text: str
    why: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One value of the merged profile. `said` is in merge order; the last of it, refinements included, is in force."""

    path: str
    value: str
    why: str
    source: str
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A profile's files in merge order, and its values."""

    files: tuple[str, ...]
    values: tuple[Explained, ...]


def explain(
    reference: str | Path, *, settings_types: Mapping[str, Any], search: Sequence[Path], key: str = ""
) -> Explanation:
    """The values at or below `key` (`tune.sysctl`, "" for all of them); ProfileError where nothing has that name."""
    load_profile(reference, settings_types=settings_types, search=search)
    path = find(reference, search, what="profile")
    merged = read_merged(path, settings_types=settings_types, search=search, problems=Problems())
    if merged is None:
        raise ProfileError(f"{path} can't be read any more", remedy="run it again")
    values = _values(merged)
    chosen = [value for value in values if not key or value.path == key or value.path.startswith(f"{key}.")]
    if not chosen:
        near = nearest(key, [value.path for value in values])
        hint = f"; did you mean {near!r}?" if near else ""
        raise ProfileError(
            f"profile {shown(str(reference))} sets nothing named {shown(key)}{hint}",
            remedy="nodeagent profile explain without a key lists everything it sets",
        )
    return Explanation(files=tuple(str(layer.path) for layer in merged.layers), values=tuple(chosen))


def _values(merged: Merged) -> list[Explained]:
    shape = dict(merged.shape)
    said: dict[str, list[Said]] = {}
    for layer in merged.layers:
        for path, node, _ in walk(layer.node, shape):
            if _is_value(node, path, shape):
                said.setdefault(path, []).append(_said(node))
    found = []
    for path, node, _ in walk(merged.node, shape):
        if path in said and _is_value(node, path, shape):
            last = _said(node)
            found.append(
                Explained(path=path, value=last.text, why=last.why, source=last.source, said=tuple(said[path]))
            )
    return found


def _is_value(node: Node, path: str, shape: Collection[str]) -> bool:
    """A setting, a plain value or a list as a whole; list entries are walked through, and told by what they hold."""
    is_entry = isinstance(node, document.Mapping) and not {"value", "mode"} & node.entries.keys()
    return not is_entry and path.split(".")[0] in shape


def _said(node: Node) -> Said:
    entries = node.entries if isinstance(node, document.Mapping) else {}
    value = entries.get("value", node)
    mode = _text(entries["mode"]) if "mode" in entries else ""
    text = _text(value) if "value" in entries or not entries else ""
    return Said(
        mark=value.mark,
        text=" ".join(part for part in (text, f"({mode})" if mode else "") if part),
        why=_text(entries["why"]) if "why" in entries else "",
        source=_text(entries["source"]) if "source" in entries else "",
    )


def _text(node: Node) -> str:
    match node:
        case Scalar():
            return node.text
        case document.Sequence():
            return f"[{', '.join(map(_text, node.items))}]"
        case document.Mapping():
            return f"{{{', '.join(f'{key}: {_text(item)}' for key, item in node.entries.items())}}}"
