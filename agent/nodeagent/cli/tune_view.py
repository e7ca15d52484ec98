"""How plans and verdicts look as text: symbols that carry the meaning, 80 columns, the summary last."""

from collections.abc import Iterator, Sequence
from difflib import unified_diff

from nodeagent.cli.output import Symbol, Terminal, Tone
from nodeagent.cli.tune_finding_view import INDENT, finding_lines, mark, short, shown, wrapped
from nodeagent.model.array_change import MakeArray
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
from nodeagent.model.verdict import Finding, State
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
        case MakeArray():
            return f": RAID 0 of {', '.join(str(member) for member in item.members)}"
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
    yield from finding_lines(told, terminal, verbose=False, width=width)
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
