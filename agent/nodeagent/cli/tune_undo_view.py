"""How undone steps look as text: one line a key, its three states where something was kept, the summary last."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from nodeagent.cli.output import Symbol, Terminal, Tone, table
from nodeagent.cli.tune_finding_view import INDENT, mark, short, shown, wrapped
from nodeagent.tune.undo.undo import Fate, UndoStep

_GROUPED = re.compile(r"(/\S+)='([^']*)'(?= |$)")
"""The canonical state of a group of knobs (model.change.coupled_state)."""

_FATES: dict[Fate, tuple[Symbol | str, Tone]] = {
    Fate.RESTORED: (Symbol.OK, Tone.GOOD),
    Fate.ALREADY_ORIGINAL: (Symbol.OK, Tone.GOOD),
    Fate.LAPSED: ("-", Tone.FAINT),
    Fate.IRREVERSIBLE: (Symbol.REBOOT, Tone.WARN),
    Fate.CONFLICT: (Symbol.FAIL, Tone.BAD),
    Fate.ORPHAN: (Symbol.DEFERRED, Tone.WARN),
    Fate.UNKNOWN: (Symbol.DEFERRED, Tone.WARN),
    Fate.FAILED: (Symbol.FAIL, Tone.BAD),
}


def undo_lines(steps: Sequence[UndoStep], terminal: Terminal, *, verbose: bool, width: int) -> Iterator[str]:
    """One line a key, and the three states where something was kept."""
    rows = [(mark(_FATES[step.fate], terminal), shown(step.key), step.fate.value, _way(step)) for step in steps]
    for row, step in zip(table(rows).splitlines(), steps, strict=True):
        yield row
        if step.fate in (Fate.CONFLICT, Fate.FAILED, Fate.ORPHAN, Fate.UNKNOWN, Fate.IRREVERSIBLE):
            states = f"original {short(step.original)}, ours {short(step.ours)}"
            current = f", now {short(step.current)}" if step.current else ""
            yield from wrapped(f"{step.detail} ({states}{current})", width, terminal=terminal)
        if verbose and step.command:
            yield f"{INDENT}$ {step.command}"


def undo_summary(steps: Sequence[UndoStep]) -> str:
    counted = Counter(step.fate for step in steps)
    parts = [f"{number} {fate.value}" for fate in Fate if (number := counted[fate])]
    return f"Rollback: {', '.join(parts)}." if parts else "Rollback: nothing to restore."


def _way(step: UndoStep) -> str:
    if step.fate not in (Fate.RESTORED, Fate.FAILED):
        return ""
    ours, original = dict(_GROUPED.findall(step.ours)), dict(_GROUPED.findall(step.original))
    if not ours or ours.keys() != original.keys():
        return f"{short(step.ours)} -> {short(step.original)}"
    # Of a group of knobs those that were there and differ; what only came back with them is in the plan.
    moved = [path for path in sorted(ours) if ours[path] and ours[path] != original[path]]
    ways = [f"{shown(path.rpartition('/')[2])} {shown(ours[path])} -> {shown(original[path])}" for path in moved]
    return ", ".join(ways)
