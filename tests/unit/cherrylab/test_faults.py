"""When a fault strikes: which calls it matches, which of them it names, and with what luck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cherrylab.cloud.faults import DEFAULT_SECONDS, Calls, Fault, Faults, Kind, Moment, parse_header

ORDERS = "POST /v1/projects/*/servers"


def _hits(faults: Faults, times: int, *, method: str = "GET", path: str = "/v1/user") -> list[int]:
    return [number for number in range(1, times + 1) if faults.of(method, path) is not None]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3", [3]), ("1,4", [1, 4]), ("2-4", [2, 3, 4]), ("1, 5 - 6", [1, 5, 6]), ("1-9", list(range(1, 8)))],
)
def test_calls_are_named_by_number(text: str, numbers: list[int]) -> None:
    faults = Faults([Fault(kinds=(Kind.INTERNAL_ERROR,), calls=Calls.parse(text))])
    assert _hits(faults, 7) == numbers


@pytest.mark.parametrize("text", ["", "0", "3-2", "a", "1;2", "-1", "1-", "1.5", "0-3"])
def test_what_names_no_call(text: str) -> None:
    with pytest.raises(ValueError, match="calls"):
        Calls.parse(text)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=4), st.integers(1, 70))
def test_ranges_hold_both_ends(ranges: list[tuple[int, int]], number: int) -> None:
    calls = Calls.parse(",".join(f"{first}-{first + more}" for first, more in ranges))
    assert (number in calls) == any(first <= number <= first + more for first, more in ranges)


@pytest.mark.parametrize(
    ("request_", "method", "path", "hit"),
    [
        ("* *", "DELETE", "/v1/ips/x", True),
        (ORDERS, "POST", "/v1/projects/7/servers", True),
        (ORDERS, "GET", "/v1/projects/7/servers", False),
        (ORDERS, "POST", "/v1/projects/7/ips", False),
        ("GET /v1/servers/*", "GET", "/v1/servers/9", True),
        ("GET /v1/servers/9", "GET", "/v1/servers/90", False),
    ],
)
def test_a_rule_matches_by_method_and_path(request_: str, method: str, path: str, hit: bool) -> None:
    fault = Fault(kinds=(Kind.FORBIDDEN,), request=request_)
    assert (Faults([fault]).of(method, path) is not None) == hit


def test_only_matching_calls_count() -> None:
    faults = Faults([Fault(kinds=(Kind.FORBIDDEN,), request=ORDERS, calls=Calls.parse("2"))])
    assert _hits(faults, 5) == []
    assert _hits(faults, 3, method="POST", path="/v1/projects/7/servers") == [2]


def test_the_first_rule_that_strikes_has_the_call_and_all_count_it() -> None:
    first = Fault(kinds=(Kind.INTERNAL_ERROR,), calls=Calls.parse("1"))
    second = Fault(kinds=(Kind.FORBIDDEN,), calls=Calls.parse("1-2"))
    faults = Faults([first, second])
    struck = [faults.of("GET", "/") for _ in range(3)]
    assert [None if one is None else one.kind for one in struck] == [Kind.INTERNAL_ERROR, Kind.FORBIDDEN, None]


def test_luck_comes_from_the_seed() -> None:
    fault = Fault(kinds=(Kind.INTERNAL_ERROR, Kind.CUT_CONNECTION, Kind.HTML_BAD_GATEWAY), probability=0.2)

    def run(seed: int) -> list[Kind | None]:
        faults = Faults([fault], seed=seed)
        struck = (faults.of("GET", "/v1/user") for _ in range(1_000))
        return [None if one is None else one.kind for one in struck]

    once, again, other = run(7), run(7), run(8)
    assert once == again
    assert once != other
    hits = [kind for kind in once if kind is not None]
    assert 150 < len(hits) < 250
    assert {*hits} == {*fault.kinds}
    assert min(hits.count(kind) for kind in fault.kinds) > 30


def test_a_header_is_one_fault() -> None:
    fault = parse_header("hang; moment=after; seconds=0.5")
    strike = fault.strike(fault.kinds[0])
    assert (strike.kind, strike.moment, strike.seconds) == (Kind.HANG, Moment.AFTER, 0.5)
    assert parse_header("slow-delete").strike(Kind.SLOW_DELETE).seconds == DEFAULT_SECONDS[Kind.SLOW_DELETE]


@pytest.mark.parametrize("text", ["", "flood", "hang; second=1", "hang; moment=never", "hang; seconds=soon"])
def test_a_header_that_means_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"fault|Moment|float"):
        parse_header(text)


def test_every_kind_has_a_meaning() -> None:
    assert all(kind.meaning for kind in Kind)
