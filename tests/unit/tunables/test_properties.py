"""What must hold of every plan, whatever the machine and the profile: applied it is done, undone it never was.

The kernel is tests/unit/tunables/fake_kernel.py, which couples its knobs as the real one does.
"""

from typing import Any

from hypothesis import given, settings

from nodeagent.model.change import Change
from nodeagent.model.facts import HostFacts
from nodeagent.model.setting import Mode
from nodeagent.model.verdict import State
from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.tunables.block_queue import BLOCK_QUEUE
from nodeagent.tune.tunables.sysctl import SYSCTL
from nodeagent.tune.tunables.transparent_hugepages import TRANSPARENT_HUGEPAGES
from tests.unit.tunables import strategies
from tests.unit.tunables.fake_kernel import FakeKernel, facts_of


def _check(tunable: AnyTunable, kernel: FakeKernel, wanted: Any, facts: HostFacts) -> None:
    before = dict(kernel.files)
    changes = _plan(tunable, kernel, wanted, facts)
    assert len({change.key for change in changes}) == len(changes)
    for change in changes:
        assert kernel.state(change) == change.before_state()
        kernel.perform(change)
        assert kernel.state(change) == change.after_state()
    assert _plan(tunable, kernel, wanted, facts) == ()
    _check_verdict(tunable, kernel, wanted, facts)
    for change in reversed(changes):
        back = change.inverse()
        assert back is not None
        kernel.perform(back)
        assert kernel.state(change) == change.before_state()
    assert kernel.files == before


def _plan(tunable: AnyTunable, kernel: FakeKernel, wanted: Any, facts: HostFacts) -> tuple[Change, ...]:
    items = tunable.plan(tunable.observe(kernel, wanted, facts), wanted, facts)
    changes = tuple(item for item in items if isinstance(item, Change))
    assert len(changes) == len(items)
    return changes


def _check_verdict(tunable: AnyTunable, kernel: FakeKernel, wanted: Any, facts: HostFacts) -> None:
    """After an apply nothing that is enforced drifts; every finding says how to go on."""
    for finding in tunable.judge(tunable.observe(kernel, wanted, facts), wanted, facts).findings:
        assert finding.state is not State.DRIFT or finding.optional
        assert (finding.remedy == "") is (finding.state is State.OK)


@given(strategies.sysctls())
@settings(max_examples=300)
def test_sysctl_applied_is_done_and_undone_never_was(drawn: Any) -> None:
    kernel, wanted = drawn
    _check(SYSCTL, kernel, wanted, facts_of())


@given(strategies.hugepages())
@settings(max_examples=200)
def test_hugepages_applied_are_done_and_undone_never_were(drawn: Any) -> None:
    kernel, wanted = drawn
    _check(TRANSPARENT_HUGEPAGES, kernel, wanted, facts_of())


@given(strategies.queues())
@settings(max_examples=400)
def test_queues_applied_are_done_and_undone_never_were(drawn: Any) -> None:
    kernel, wanted, devices = drawn
    _check(BLOCK_QUEUE, kernel, wanted, facts_of(*devices))


@given(strategies.sysctls())
def test_what_is_not_enforced_is_never_changed(drawn: Any) -> None:
    kernel, wanted = drawn
    enforced = [key for key, setting in wanted.items() if setting.mode is Mode.ENFORCE]
    for change in _plan(SYSCTL, kernel, wanted, facts_of()):
        assert set(change.key.removeprefix("sysctl:").split("+")) & set(enforced)
