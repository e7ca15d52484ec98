"""One kernel file held against one setting: the finding, and the change that would mend it.

Shared by the tunables whose settings are files of /proc/sys and /sys. What a real machine answers instead of a value
(no such file, no permission, not a number) becomes a finding here and never a change.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nodeagent.model.knob_form import KnobForm
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.model.risk import Risk
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.reasoned import reasoned

if TYPE_CHECKING:
    from nodeagent.model.change import Change

APPLY_REMEDY = "nodeagent tune plan shows the change, nodeagent tune apply makes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """`key` is that of the change which would mend it, and stays when names move.

    `label` names the knob in got and wanted where several share a key. `wanted` replaces the setting's value where the
    kernel rounds it.
    """

    key: str
    tunable: str
    setting: Setting[Any]
    reading: Reading
    form: KnobForm = KnobForm.PLAIN
    wanted: str | None = None
    label: str = ""
    absent_remedy: str = "this kernel doesn't have it; leave it out of the profile or set its mode to ignore"
    risk: Risk = Risk.LIVE

    @property
    def current(self) -> str:
        return self.form.parse(self.reading.text)

    @property
    def value(self) -> str:
        """What would be written."""
        return self.wanted if self.wanted is not None else self.form.parse(str(self.setting.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of one setting. `change` is set only where a finding says DRIFT and the setting is enforced."""

    finding: Finding
    change: "Change | None" = None


@dataclass(slots=True)
class Comparisons:
    """All of a tunable's settings, in the order their changes are to be performed."""

    made: list[Comparison] = field(default_factory=list)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(item.finding for item in self.made)

    @property
    def changes(self) -> "tuple[Change, ...]":
        return tuple(item.change for item in self.made if item.change)


def compare(knob: Knob) -> Comparison:
    """Hold the knob against its setting."""
    if problem := unusable(knob):
        return Comparison(finding=problem)
    try:
        accepted = accepts(knob.setting, knob.current, knob.value)
    except ValueError:
        return Comparison(finding=finding(knob, State.UNKNOWN, remedy="a bound (>= or <=) compares single numbers"))
    if accepted:
        return Comparison(finding=finding(knob, State.OK))
    if not knob.reading.writable:
        return Comparison(finding=finding(knob, State.NOT_APPLICABLE, remedy="the kernel lets nobody write it here"))
    change = _written(knob) if enforced(knob.setting) else None
    return Comparison(finding=finding(knob, State.DRIFT), change=change)


def _written(knob: Knob) -> "Change":
    from nodeagent.model.change import WriteFile  # a machine that is as wanted needs no kind of change

    return WriteFile(
        key=knob.key,
        tunable=knob.tunable,
        risk=knob.risk,
        why=knob.setting.why,
        source=knob.setting.source,
        path=knob.reading.path,
        before=knob.current,
        after=knob.value,
        form=knob.form,
    )


def unusable(knob: Knob) -> Finding | None:
    """The finding for a knob that is absent or can't be read; None where it has a value."""
    if knob.reading.status is ReadStatus.ABSENT:
        return finding(knob, State.NOT_APPLICABLE, got="absent", remedy=knob.absent_remedy)
    if not knob.reading.ok:
        got = f"unreadable ({knob.reading.problem})"
        return finding(knob, State.UNKNOWN, got=got, remedy=f"read it as root: cat {knob.reading.path}")
    return None


def finding(
    knob: Knob, state: State, *, got: str | None = None, remedy: str | None = None, id: str | None = None
) -> Finding:
    """A finding about a knob; `got` and the remedy of DRIFT have defaults."""
    if remedy is None:
        remedy = "" if state is State.OK else APPLY_REMEDY
    return reasoned(
        subject=knob.key,
        state=state,
        got=f"{knob.label} {knob.current if got is None else got}".lstrip(),
        wanted=f"{knob.label} {wanted_text(knob.setting, knob.value)}".lstrip(),
        remedy=remedy,
        setting=knob.setting,
        id=id,
    )


def accepts(setting: Setting[Any], current: str, value: str) -> bool:
    """Is `current` as wanted, with `value` in the place of the setting's own? ValueError: a bound without numbers."""
    match setting.bound:
        case Bound.EXACTLY:
            return current == value
        case Bound.AT_LEAST:
            return number(current) >= number(value)
        case Bound.AT_MOST:
            return number(current) <= number(value)


def number(text: str) -> float | int:
    """Kernel counters reach 2**63, where floats have long stopped counting by ones."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def wanted_text(setting: Setting[Any], value: str) -> str:
    """`none`, or `>= 1000000`."""
    return value if setting.bound is Bound.EXACTLY else f"{setting.bound} {value}"


def enforced(setting: Setting[Any]) -> bool:
    return setting.mode is Mode.ENFORCE


def watched(setting: Setting[Any] | None) -> bool:
    """Named by the profile, and not to be left alone."""
    return setting is not None and setting.mode is not Mode.IGNORE
