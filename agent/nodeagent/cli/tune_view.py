"""How plans and verdicts look as text: symbols that carry the meaning, 80 columns, the summary last."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff
from textwrap import wrap

from nodeagent.cli.output import Symbol, Terminal, Tone, table
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.change import (
    Change,
    Deferred,
    MakeFilesystem,
    PlanItem,
    Risk,
    SetDirectory,
    SetMount,
    WriteConfig,
    WriteCoupled,
)
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.tune.action import Action, action_of, count
from nodeagent.tune.conflicts import Conflict
from nodeagent.tune.disruption import default_window, risks_to_allow
from nodeagent.tune.gate import allowing
from nodeagent.tune.plan import Plan, TunablePlan
from nodeagent.tune.tunables import TUNABLES

_ACTIONS: dict[Action, tuple[Symbol, Tone]] = {
    Action.CREATE: (Symbol.CREATE, Tone.GOOD),
    Action.CHANGE: (Symbol.CHANGE, Tone.WARN),
    Action.REMOVE: (Symbol.REMOVE, Tone.BAD),
    Action.REPLACE: (Symbol.REPLACE, Tone.BAD),
    Action.REBOOT: (Symbol.REBOOT, Tone.WARN),
    Action.DEFERRED: (Symbol.DEFERRED, Tone.FAINT),
}
_STATES: dict[State, tuple[Symbol | str, Tone]] = {
    State.OK: (Symbol.OK, Tone.GOOD),
    State.DRIFT: (Symbol.FAIL, Tone.BAD),
    State.NOT_APPLICABLE: ("-", Tone.FAINT),
    State.NEEDS_REBOOT: (Symbol.REBOOT, Tone.WARN),
    State.UNKNOWN: (Symbol.DEFERRED, Tone.WARN),
}
INDENT = " " * 6
_HASH_DIGITS = 12
_DIFF_LINES = 40


def plan_lines(plan: Plan, terminal: Terminal, *, verbose: bool, width: int) -> Iterator[str]:
    """The steps under their tunables, then what is only told, then what speaks against it, then the summary."""
    for tunable in plan.tunables:
        if tunable.items:
            yield terminal.style(tunable.tunable, Tone.STRONG)
            for item in tunable.items:
                yield from _item_lines(item, terminal, verbose=verbose, width=width)
            yield ""
    yield from _notice_lines(plan.tunables, terminal, width=width)
    for conflict in plan.conflicts:
        yield from _conflict_lines(conflict, terminal, width=width)
    yield from permission_lines(plan, width, terminal=terminal)
    yield plan_summary(plan)


def _conflict_lines(conflict: Conflict, terminal: Terminal, *, width: int) -> Iterator[str]:
    tone, word = (Tone.WARN, "overridden") if conflict.overridden else (Tone.BAD, "conflict")
    yield from wrapped(f"{word}: {conflict.id}: {conflict.reason}", width, tone=tone, terminal=terminal, indent="  ")
    if conflict.overridden:
        yield from wrapped(f"the profile: {conflict.overridden}", width, tone=tone, terminal=terminal, indent="    ")
    elif conflict.remedy:
        text = f"{conflict.remedy}; where it is meant: {conflict.override}"
        yield from wrapped(text, width, tone=tone, terminal=terminal, indent="    ")


def permission_lines(plan: Plan, width: int, *, terminal: Terminal) -> Iterator[str]:
    """What an apply of this plan must be told, and what it will do by itself; nothing where every step is live."""
    if risks := risks_to_allow(plan.items):
        yield from wrapped(f"To apply: {allowing(risks)}", width, terminal=terminal, tone=Tone.WARN, indent="")
    if within := default_window(plan.items, TUNABLES):
        text = (
            f"Links or VFs are affected: rolled back unless nodeagent tune confirm follows within {within:g} s "
            "(--confirm-within gives it more, --no-confirm leaves that out)"
        )
        yield from wrapped(text, width, terminal=terminal, tone=Tone.WARN, indent="")


def plan_summary(plan: Plan) -> str:
    counted = count(plan.items)
    if not plan.items:
        return "Plan: nothing to change."
    parts = [
        f"{counted[Action.CHANGE]} to change",
        f"{counted[Action.CREATE]} to create",
        f"{counted[Action.REMOVE]} to remove",
        *([f"{counted[Action.DEFERRED]} known after apply"] if counted[Action.DEFERRED] else []),
        *([f"{len(plan.refusals())} in conflict: apply will refuse"] if plan.refusals() else []),
    ]
    return f"Plan: {', '.join(parts)}."


def verdict_lines(verdicts: Sequence[Verdict], terminal: Terminal, *, verbose: bool, width: int) -> Iterator[str]:
    """Every setting with what it is and should be; below it what to do where it isn't so."""
    for verdict in verdicts:
        yield terminal.style(verdict.tunable, Tone.STRONG)
        told = [(verdict.tunable, finding) for finding in verdict.findings]
        yield from _finding_lines(told, terminal, verbose=verbose, width=width)
        yield ""
    yield verdict_summary(verdicts)


def verdict_summary(verdicts: Iterable[Verdict]) -> str:
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    counted = Counter(finding.state for finding in findings if not finding.optional)
    told = sum(finding.optional and finding.state is not State.OK for finding in findings)
    parts = [f"{counted[state]} {state.value}" for state in State if counted[state] or state in (State.OK, State.DRIFT)]
    return f"Verify: {', '.join(parts)}{f', {told} only told' if told else ''}."


def wrapped(
    text: str, width: int, *, terminal: Terminal, tone: Tone = Tone.FAINT, indent: str = INDENT
) -> Iterator[str]:
    """A sentence over several lines; words, and so commands and paths, stay whole."""
    lines = wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (terminal.style(line, tone) for line in lines)


def _item_lines(item: PlanItem, terminal: Terminal, *, verbose: bool, width: int) -> Iterator[str]:
    symbol = mark(_ACTIONS[action_of(item)], terminal)
    key = shown(item.key.removeprefix(f"{item.tunable}:"))
    yield f"{symbol} {key}{_content(item, terminal)}"
    yield from _details(item, terminal, width=width)
    if item.risk is not Risk.LIVE:
        yield from wrapped(f"risk: {item.risk.value}", width, terminal=terminal, tone=Tone.WARN)
    if item.why:
        yield from wrapped(item.why, width, terminal=terminal)
    if verbose and item.source:
        yield from wrapped(item.source, width, terminal=terminal)
    if verbose and isinstance(item, Change):
        yield f"{INDENT}$ {shown(item.command())}"


def _content(item: PlanItem, terminal: Terminal) -> str:
    """What stands behind the key on its line."""
    arrow = terminal.symbol(Symbol.ARROW)
    match item:
        case Deferred():
            return f": {item.summary} (known after apply)"
        case WriteCoupled():
            return ""
        case WriteConfig():
            return "" if item.after is None else f" ({len(item.after.splitlines())} lines)"
        case SetDirectory() | SetMount():
            states = [str(state) for state in (item.before, item.after) if state is not None]
            return f": {f' {arrow} '.join(states)}"
        case MakeFilesystem():
            return f": {item.fstype} on {item.device}"
        case SetBootParameters():
            menus = (shown(" ".join(menu)) or "nothing" for menu in (item.before_menu, item.after_menu))
            return f": {f' {arrow} '.join(menus)}"
        case _:
            return f": {short(item.before_state())} {arrow} {short(item.after_state())}"


def _details(item: PlanItem, terminal: Terminal, *, width: int) -> Iterator[str]:
    arrow = terminal.symbol(Symbol.ARROW)
    if isinstance(item, WriteCoupled):
        # A member written both ways (the scheduler, before what hangs on it) stands in the group twice.
        for member in {member.path: member for member in item.members}.values():
            if member.before != member.after:
                before, after = member.before or "absent", member.after or "absent"
                yield f"{INDENT}{shown(member.path)}: {short(before)} {arrow} {short(after)}"
    if isinstance(item, WriteConfig):
        old, new = ((text or "").splitlines() for text in (item.before, item.after))
        changed = [
            line for line in unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))
        ]
        yield from (f"{INDENT}{shown(line)}" for line in changed[:_DIFF_LINES])
        if len(changed) > _DIFF_LINES:
            yield f"{INDENT}and {len(changed) - _DIFF_LINES} more lines: --output json has them all"


def _notice_lines(plans: Sequence[TunablePlan], terminal: Terminal, *, width: int) -> Iterator[str]:
    """What no step of the plan mends: only told, needs a reboot, can't be told, does not exist here."""
    told = [
        (plan.tunable, finding)
        for plan in plans
        for finding in plan.verdict.findings
        if finding.state is not State.OK
        and (finding.optional or finding.state is not State.DRIFT or not _is_mended(finding, plan.items))
    ]
    if not told:
        return
    yield terminal.style("Not part of the plan", Tone.STRONG)
    yield from _finding_lines(told, terminal, verbose=False, width=width)
    yield ""


def _is_mended(finding: Finding, items: Sequence[PlanItem]) -> bool:
    """Is there a step for it? One step may stand for several findings, and the name of one begins with the other's."""
    return any(
        finding.subject.startswith(item.key) or item.key.startswith(finding.subject) or _is_whole(item)
        for item in items
    )


def _is_whole(item: PlanItem) -> bool:
    """Does it stand for all steps of its tunable?"""
    return isinstance(item, Deferred) and item.whole


def _finding_lines(
    told: Sequence[tuple[str, Finding]], terminal: Terminal, *, verbose: bool, width: int
) -> Iterator[str]:
    """Mark, setting, values; values that are too long for the line follow below it."""
    heads = [
        (mark(_STATES[finding.state], terminal), shown(finding.subject.removeprefix(f"{tunable}:")))
        for tunable, finding in told
    ]
    columns = table([(*head, "|") for head in heads]).splitlines()
    room = width - max((len(line) - 1 for line in columns), default=0)
    for head, column, (_, finding) in zip(heads, columns, told, strict=True):
        values = _values(finding)
        fits = len(values) <= room
        yield column.removesuffix("|") + values if fits else "  ".join(head) + _state_word(finding)
        if not fits:
            yield from wrapped(values.removesuffix(_state_word(finding)), width, terminal=terminal)
        if finding.state is not State.OK or verbose:
            yield from _explanation(finding, terminal, verbose=verbose, width=width)


def _values(finding: Finding) -> str:
    return f"current={short(finding.got)} recommended={short(finding.wanted)}{_state_word(finding)}"


def _state_word(finding: Finding) -> str:
    if finding.state is State.OK:
        return ""
    return f" ({finding.state.value}{', only told' if finding.optional else ''})"


def _explanation(finding: Finding, terminal: Terminal, *, verbose: bool, width: int) -> Iterator[str]:
    remedy = "its mode is warn, so it is told and not set" if _is_only_told(finding) else finding.remedy
    texts = [remedy] if finding.state is not State.OK else []
    texts += [finding.why, finding.source] if verbose else []
    told = f" [{finding.id}]" if finding.id and finding.state is not State.OK else ""
    for number, text in enumerate(filter(None, texts)):
        yield from wrapped(text + (told if number == 0 else ""), width, terminal=terminal)


def _is_only_told(finding: Finding) -> bool:
    return finding.optional and finding.state is State.DRIFT


def mark(meaning: tuple[Symbol | str, Tone], terminal: Terminal) -> str:
    """A symbol in its colour, indented for the head of a line."""
    symbol, tone = meaning
    text = terminal.symbol(symbol) if isinstance(symbol, Symbol) else symbol
    return "  " + terminal.style(text, tone)


def short(value: str) -> str:
    """A checksum by its first digits; everything else whole, on one line."""
    kind, colon, digits = value.partition(":")
    if colon and kind == "sha256":
        return f"sha256:{digits[:_HASH_DIGITS]}"
    return shown(value)


def shown(text: str) -> str:
    """No byte of a name or a value reaches a terminal as a control character."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
