"""What `verify` says about one setting: one of five states, always with got, wanted and the next step."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The five answers to "is it set as the profile says?"."""

    OK = "ok"
    DRIFT = "drift"
    NOT_APPLICABLE = "not-applicable"
    NEEDS_REBOOT = "needs-reboot"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One setting, compared: `subject` is the key of the change that would mend it.

    `got` and `wanted` are as a person would write them (`"16384"`, `"absent"`); `remedy` is a command or a sentence,
    empty only when the state is OK. `optional` marks mode `warn`: it is told but does not fail a verify.
    `id` is the stable id of a known condition (`NA-SYSCTL-001`), with a page in docs/findings/.
    """

    subject: str
    state: State
    got: str
    wanted: str
    remedy: str = ""
    why: str = ""
    source: str = ""
    optional: bool = False
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All findings of one tunable; the worst one that counts is its state."""

    tunable: str
    findings: tuple[Finding, ...] = ()

    @property
    def state(self) -> State:
        counting = [finding.state for finding in self.findings if not finding.optional]
        return worst(counting) if counting else State.OK


_SEVERITY = (State.OK, State.NOT_APPLICABLE, State.NEEDS_REBOOT, State.UNKNOWN, State.DRIFT)


def worst(states: list[State]) -> State:
    """The most serious of several states; OK for none."""
    return max(states, key=_SEVERITY.index, default=State.OK)
