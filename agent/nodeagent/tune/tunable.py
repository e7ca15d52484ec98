"""The contract of a tunable: one kind of host setting, as pure functions over what was read.

A tunable never writes and never starts anything. `observe` reads through HostReader, `plan` answers with Changes as
data, `judge` with a Verdict. The engine does the rest once for all of them: it journals, performs, reads back, undoes.

Rules that keep the promises:
- `plan(observe(after apply)) == ()`; no change where the value is already as wanted, `>=` and `<=` included.
- A setting of mode `warn` or `ignore` never gives a change; `warn` gives an optional finding.
- What the kernel lacks, what can't be read and what no device matches is a finding with a remedy, never an exception.
- The order of changes inside one tunable is the order they are performed in; keys are unique within a plan.
"""

from __future__ import annotations  # what a tunable is asked with is only named here

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from nodeagent.model.change import PlanItem
    from nodeagent.model.facts import HostFacts
    from nodeagent.model.host_reader import HostReader
    from nodeagent.model.need import Need
    from nodeagent.model.placement import CpuRole
    from nodeagent.model.risk import Risk
    from nodeagent.model.verdict import Verdict

S = TypeVar("S", contravariant=True)
Seen = TypeVar("Seen")  # what was observed


class Tunable(Protocol, Generic[S, Seen]):
    """One file in `tunables/` makes one object of this shape.

    `name` is kebab-case and the same everywhere: CLI argument, profile key, metric label, file name, docs page.
    `risk` is the worst any of its changes can carry; `sources` are kernel documents and man pages.
    `follows` names earlier tunables whose steps remake what this one sets (VFs, queues, interrupts): where one of them
    has a step in a plan, the whole of this one is known after apply.
    `Settings` is a frozen dataclass (or a mapping type) that profiles/ turns into the schema; its fields are
    `Setting[...]` values, so that each may carry mode, bound, why and source.
    """

    name: str
    summary: str
    risk: Risk
    needs: tuple[Need, ...]
    follows: tuple[str, ...]
    sources: tuple[str, ...]
    Settings: Any

    def observe(self, host: HostReader, settings: S, facts: HostFacts) -> Seen: ...

    def plan(self, observed: Seen, settings: S, facts: HostFacts) -> tuple[PlanItem, ...]: ...

    def judge(self, observed: Seen, settings: S, facts: HostFacts) -> Verdict: ...

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        """Empty where this host can carry the tunable, else the reason, for `tune list`."""
        ...


AnyTunable = Tunable[Any, Any]


@runtime_checkable
class UsesRoles(Protocol):
    """What a tunable has besides that places something by `facts.placement`: the roles whose CPUs it looks at.

    `tune explain` shows how they came by their CPUs.
    """

    roles: tuple[CpuRole, ...]
