"""The promises, held on processors of every kind (tests/unit/tunables/fake_processor.py)."""

from typing import Any

from hypothesis import given, settings

from nodeagent.tune.tunables.clocksource import CLOCKSOURCE
from nodeagent.tune.tunables.cpu_governor import CPU_GOVERNOR
from nodeagent.tune.tunables.cpu_idle import CPU_IDLE
from nodeagent.tune.tunables.hugepages import HUGEPAGES
from nodeagent.tune.tunables.smt import SMT
from tests.unit.tunables import processors
from tests.unit.tunables.fake_kernel import facts_of
from tests.unit.tunables.promises import check


@given(processors.clocks())
def test_a_clock_source_applied_is_done_and_undone_never_was(drawn: Any) -> None:
    kernel, wanted = drawn
    check(CLOCKSOURCE, kernel, wanted, facts_of())


@given(processors.threads())
def test_smt_applied_is_done_and_undone_never_was(drawn: Any) -> None:
    kernel, wanted = drawn
    check(SMT, kernel, wanted, facts_of())


@given(processors.limits())
@settings(max_examples=200)
def test_sleep_limits_applied_are_done_and_undone_never_were(drawn: Any) -> None:
    kernel, wanted = drawn
    check(CPU_IDLE, kernel, wanted, facts_of())


@given(processors.policies())
@settings(max_examples=400)
def test_policies_applied_are_done_and_undone_never_were(drawn: Any) -> None:
    kernel, wanted = drawn
    check(CPU_GOVERNOR, kernel, wanted, facts_of())


@given(processors.pools())
@settings(max_examples=300)
def test_pools_filled_are_filled_and_undone_never_were(drawn: Any) -> None:
    kernel, wanted = drawn
    check(HUGEPAGES, kernel, wanted, facts_of())
