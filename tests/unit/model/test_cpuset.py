"""Sets of CPUs: both notations of the kernel, read and written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.model.cpuset import CPU_LIMIT, CpuSet

cpu_sets = st.sets(st.integers(min_value=0, max_value=CPU_LIMIT - 1), max_size=200).map(CpuSet.of)


@settings(max_examples=200, deadline=None)
@given(cpu_sets)
def test_list_form_is_read_back(cpus: CpuSet) -> None:
    assert CpuSet.parse(str(cpus)) == cpus


@settings(max_examples=200, deadline=None)
@given(cpu_sets, st.integers(min_value=1, max_value=CPU_LIMIT))
def test_mask_form_is_read_back_at_any_width(cpus: CpuSet, width: int) -> None:
    mask = cpus.mask(width=width)
    assert CpuSet.parse_mask(mask) == cpus
    assert len(mask.split(",")) >= -(-width // 32)


@settings(max_examples=200, deadline=None)
@given(cpu_sets, cpu_sets)
def test_set_operations_are_those_of_sets(one: CpuSet, other: CpuSet) -> None:
    assert set(one | other) == set(one) | set(other)
    assert set(one & other) == set(one) & set(other)
    assert set(one - other) == set(one) - set(other)
    assert (one <= other) == (set(one) <= set(other))
    assert (one - other) <= one


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), st.from_regex(r"[0-9,:/ -]{0,30}", fullmatch=True)))
def test_any_text_is_a_set_or_a_value_error(text: str) -> None:
    for parse in (CpuSet.parse, CpuSet.parse_mask):
        try:
            cpus = parse(text)
        except ValueError:
            continue
        assert all(0 <= cpu < CPU_LIMIT for cpu in cpus)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("", set()),
        ("0", {0}),
        ("0-3,8", {0, 1, 2, 3, 8}),
        (" 0-1 , 4\n", {0, 1, 4}),
        ("0-7:1/2", {0, 2, 4, 6}),
        ("0-31:2/16", {0, 1, 16, 17}),
    ],
)
def test_list_form_is_read(text: str, cpus: set[int]) -> None:
    assert set(CpuSet.parse(text)) == cpus


@pytest.mark.parametrize("text", ["a", "1-", "-1", "3-1", "0-9999", "99999999999", "0-3:0/2", "0-3:3/2", "0x3", "٣"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a CPU"):
        CpuSet.parse(text)


def test_the_kernels_own_examples() -> None:
    assert CpuSet.parse("0-3,8,32-33").mask(width=64) == "00000003,0000010f"
    assert str(CpuSet.parse_mask("00000003,0000010f")) == "0-3,8,32-33"
    assert CpuSet().mask() == "00000000"
