"""What must hold of every plan, whatever the machine and the profile: applied it is done, undone it never was.

The kernel is tests/unit/tunables/fake_kernel.py, which couples its knobs as the real one does.
"""

from typing import Any

from hypothesis import given, settings

from nodeagent.model.setting import Mode
from nodeagent.tune.tunables.block_queue import BLOCK_QUEUE
from nodeagent.tune.tunables.sysctl import SYSCTL
from nodeagent.tune.tunables.transparent_hugepages import TRANSPARENT_HUGEPAGES
from tests.unit.tunables import strategies
from tests.unit.tunables.fake_kernel import facts_of
from tests.unit.tunables.promises import check, plan


@given(strategies.sysctls())
@settings(max_examples=300)
def test_sysctl_applied_is_done_and_undone_never_was(drawn: Any) -> None:
    kernel, wanted = drawn
    check(SYSCTL, kernel, wanted, facts_of())


@given(strategies.hugepages())
@settings(max_examples=200)
def test_hugepages_applied_are_done_and_undone_never_were(drawn: Any) -> None:
    kernel, wanted = drawn
    check(TRANSPARENT_HUGEPAGES, kernel, wanted, facts_of())


@given(strategies.queues())
@settings(max_examples=400)
def test_queues_applied_are_done_and_undone_never_were(drawn: Any) -> None:
    kernel, wanted, devices = drawn
    check(BLOCK_QUEUE, kernel, wanted, facts_of(*devices))


@given(strategies.sysctls())
def test_what_is_not_enforced_is_never_changed(drawn: Any) -> None:
    kernel, wanted = drawn
    enforced = [key for key, setting in wanted.items() if setting.mode is Mode.ENFORCE]
    for change in plan(SYSCTL, kernel, wanted, facts_of()):
        assert set(change.key.removeprefix("sysctl:").split("+")) & set(enforced)
