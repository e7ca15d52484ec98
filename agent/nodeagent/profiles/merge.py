"""How a profile stands over the ones it extends.

- Mappings are merged key by key, a later file standing over an earlier one.
- A setting is replaced as a whole when the later file gives a `value`, so that an old `why` never explains a new value;
  a mapping without `value` (`{mode: warn}`) only refines the earlier one.
- A list whose entries carry an identity (`role` of a place, `benchmark` and `place` of a benchmark, else `name`) is
  merged entry by entry, new ones after the old; every other list is replaced.
- `leave_out` forgets what the extended files set, before the file's own settings are merged in.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nodeagent.profiles.document import Mapping, Node, Scalar, Sequence
from nodeagent.profiles.hints import child, setting_type
from nodeagent.profiles.problems import Problems, nearest, shown
from nodeagent.profiles.profile_document import identity_keys


def merge(base: Node | None, over: Node, hint: Any) -> Node:
    """`over` on top of `base`, both of type `hint`; the nodes keep the marks of the files they stand in."""
    if setting_type(hint) is not None:
        return _merge_setting(base, over)
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        entries = dict(base.entries)
        for key, node in over.entries.items():
            entries[key] = merge(base.entries.get(key), node, child(hint, key))
        return Mapping(entries=entries, key_marks={**base.key_marks, **over.key_marks}, mark=over.mark)
    if isinstance(base, Sequence) and isinstance(over, Sequence):
        return _merge_list(base, over, child(hint, 0))
    return over


def _merge_setting(base: Node | None, over: Node) -> Node:
    if base is None or not isinstance(over, Mapping) or "value" in over.entries:
        return over
    if not isinstance(base, Mapping):
        base = Mapping(entries={"value": base}, key_marks={"value": base.mark}, mark=base.mark)
    return replace(base, entries=base.entries | over.entries, key_marks=base.key_marks | over.key_marks)


def _merge_list(base: Sequence, over: Sequence, item_type: Any) -> Sequence:
    labels = {label: at for at, item in enumerate(base.items) if (label := item_label(item, item_type))}
    if len(labels) < len(base.items):
        return over
    items = list(base.items)
    for item in over.items:
        at = labels.get(item_label(item, item_type))
        if at is None:
            items.append(item)
        else:
            items[at] = merge(items[at], item, item_type)
    return Sequence(items=tuple(items), mark=over.mark)


def item_label(item: Node, item_type: Any) -> str:
    """What tells a list entry from the others, `ledger` or `fio-randread@ledger`; "" where it has no identity."""
    if not isinstance(item, Mapping):
        return ""
    nodes = [item.entries.get(key) for key in identity_keys(item_type)]
    texts = [node.text for node in nodes if isinstance(node, Scalar)]
    return "@".join(texts) if len(texts) == len(nodes) and all(texts) else ""


def tell_twice_labelled(node: Node, hint: Any, path: str, problems: Problems) -> None:
    """Note list entries of one file that carry the same identity."""
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            tell_twice_labelled(entry, child(hint, key), f"{path}.{key}" if path else key, problems)
    elif isinstance(node, Sequence):
        seen: set[str] = set()
        for item in node.items:
            label = item_label(item, child(hint, 0))
            if label and label in seen:
                problems.add(item.mark, "a second entry of the same identity", path=path, got=shown(label))
            seen.add(label)
            tell_twice_labelled(item, child(hint, 0), f"{path}.{label}", problems)


def leave_out(base: Mapping, wanted: Scalar, shape: dict[str, Any], problems: Problems) -> Mapping:
    """`base` without what `wanted` names; a name that is not there is a fault."""
    left = _without(base, wanted.text, shape)
    if isinstance(left, Mapping) and left != base:
        return left
    known = [path for path, _, _ in walk(base, shape)]
    problems.add(
        wanted.mark,
        "nothing that is extended sets this",
        path="leave_out",
        got=shown(wanted.text),
        nearest=nearest(wanted.text, known),
    )
    return base


def _without(node: Node, path: str, hint: Any) -> Node | None:
    """The node without what `path` names; None if that is the node itself."""
    if not path:
        return None
    if isinstance(node, Mapping):
        for key in _first_keys(path, node.entries):
            left = _without(node.entries[key], path[len(key) + 1 :], child(hint, key))
            entries = {**node.entries, key: left} if left is not None else _dropped(node.entries, key)
            return replace(node, entries=entries)
    if isinstance(node, Sequence):
        labels = {item_label(item, child(hint, 0)): at for at, item in enumerate(node.items)}
        for label in _first_keys(path, labels):
            at = labels[label]
            left = _without(node.items[at], path[len(label) + 1 :], child(hint, 0))
            return replace(node, items=(*node.items[:at], *([left] if left else []), *node.items[at + 1 :]))
    return node


def _dropped(entries: dict[str, Node], key: str) -> dict[str, Node]:
    return {name: node for name, node in entries.items() if name != key}


def _first_keys(path: str, known: dict[str, Any]) -> list[str]:
    """The longest known key that `path` begins with, if any: keys of sysctls hold dots themselves."""
    fitting = [key for key in known if key and (path == key or path.startswith(f"{key}."))]
    return [max(fitting, key=len)] if fitting else []


def walk(node: Node, hint: Any, path: str = "") -> Iterator[tuple[str, Node, Any]]:
    """Everything that can be named, with its path: settings, plain values, lists without identities, list entries."""
    if isinstance(node, Mapping) and setting_type(hint) is None:
        for key, entry in node.entries.items():
            yield from walk(entry, child(hint, key), f"{path}.{key}" if path else key)
    elif isinstance(node, Sequence) and all(item_label(item, child(hint, 0)) for item in node.items):
        for item in node.items:
            label = f"{path}.{item_label(item, child(hint, 0))}"
            yield label, item, child(hint, 0)
            yield from walk(item, child(hint, 0), label)
    else:
        yield path, node, hint
