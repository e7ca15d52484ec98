"""What must hold of every plan, whatever the machine and the profile: applied it is done, undone it never was."""

from typing import Any

from nodeagent.model.change import Change
from nodeagent.model.facts import HostFacts
from nodeagent.model.verdict import State
from nodeagent.tune.tunable import AnyTunable
from tests.unit.tunables.fake_kernel import FakeKernel


def check(tunable: AnyTunable, kernel: FakeKernel, wanted: Any, facts: HostFacts) -> None:
    before = dict(kernel.files)
    changes = plan(tunable, kernel, wanted, facts)
    assert len({change.key for change in changes}) == len(changes)
    for change in changes:
        assert kernel.state(change) == change.before_state()
        kernel.perform(change)
        assert kernel.state(change) == change.after_state()
    assert plan(tunable, kernel, wanted, facts) == ()
    check_verdict(tunable, kernel, wanted, facts)
    for change in reversed(changes):
        back = change.inverse()
        assert back is not None
        kernel.perform(back)
        assert kernel.state(change) == change.before_state()
    assert kernel.files == before


def plan(tunable: AnyTunable, kernel: FakeKernel, wanted: Any, facts: HostFacts) -> tuple[Change, ...]:
    items = tunable.plan(tunable.observe(kernel, wanted, facts), wanted, facts)
    changes = tuple(item for item in items if isinstance(item, Change))
    assert len(changes) == len(items)
    return changes


def check_verdict(tunable: AnyTunable, kernel: FakeKernel, wanted: Any, facts: HostFacts) -> None:
    """After an apply nothing that is enforced drifts; every finding says how to go on."""
    for finding in tunable.judge(tunable.observe(kernel, wanted, facts), wanted, facts).findings:
        assert finding.state is not State.DRIFT or finding.optional
        assert (finding.remedy == "") is (finding.state is State.OK)
