"""A pool of huge pages that comes out short, or is cut off while it is filled: all of the apply is undone."""

from collections.abc import Callable

import pytest

from nodeagent.host import Host
from nodeagent.host.changes import knob
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.recover import recover
from nodeagent.tune.session import open_session
from nodeagent.tune.undo.undo import Fate
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.toys import World, profile_of

NEAR, FAR = (f"/sys/devices/system/node/node{number}/hugepages/hugepages-2048kB/nr_hugepages" for number in (0, 1))
WANTED = profile_of(knobs={NEAR: "8", FAR: "8"})


class KilledError(BaseException):
    """The agent died in the middle of write(2)."""


@pytest.fixture
def pools(make_world: MakeWorld) -> World:
    return make_world({NEAR: "1\n", FAR: "0\n"})


def _far_gets(pages: int, monkeypatch: pytest.MonkeyPatch, *, then: Callable[[], None] = lambda: None) -> None:
    """Node 1 has memory for so many pages."""

    def write(host: Host, path: str, value: str) -> None:
        is_short = path == FAR and int(value) > pages
        host.path(path).write_text(f"{pages if is_short else value}\n")
        if is_short:
            then()

    monkeypatch.setattr(knob, "write", write)


def test_a_short_pool_takes_the_whole_apply_back_and_tells_how_to_boot(
    pools: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _far_gets(3, monkeypatch)
    result = pools.apply(WANTED)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "node 1 has no more than 3 huge pages of 2M after compaction, wanted 8" in result.problem
    assert "hugepagesz=2M hugepages=1:8" in result.remedy
    assert [step.fate for step in result.undone] == [Fate.RESTORED, Fate.RESTORED]
    assert (pools.value(NEAR), pools.value(FAR)) == ("1\n", "0\n")


def test_a_pool_that_was_cut_off_while_it_was_filled_is_known_as_ours(
    pools: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise KilledError

    _far_gets(3, monkeypatch, then=die)
    with pytest.raises(KilledError):
        pools.apply(WANTED)
    assert (pools.value(NEAR), pools.value(FAR)) == ("8\n", "3\n")
    monkeypatch.undo()
    with open_session(pools.host, pools.state, command="next", clock=pools.clock) as session:
        steps = recover(session).steps
    assert {step.key: step.fate for step in steps} == {
        f"knob:{FAR}": Fate.RESTORED,
        f"knob:{NEAR}": Fate.RESTORED,
    }
    assert (pools.value(NEAR), pools.value(FAR)) == ("1\n", "0\n")
