"""block-queue on the real kernel, with a loop device of its own: applied it is done, undone every file is as before.

A loop device keeps its queue's settings when its file is taken away, so the fixture puts them back by hand.
"""

import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodeagent.host import Host, changes
from nodeagent.model.change import Change, WriteCoupled
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import State
from nodeagent.tune.tunables.block_queue import BLOCK_QUEUE, QueueSettings
from tests.needs import need_kernel, need_root, need_tool, tool

pytestmark = [pytest.mark.host, need_root, need_tool("losetup"), need_kernel("/dev/loop-control")]

_KEPT = ("scheduler", "nr_requests", "read_ahead_kb", "nomerges", "rq_affinity", "wbt_lat_usec")

STARTS: tuple[dict[str, str], ...] = (
    {},
    {"nr_requests": "64"},
    {"scheduler": "mq-deadline", "nr_requests": "100", "iosched/read_expire": "111", "iosched/async_depth": "50"},
    {"scheduler": "bfq", "iosched/slice_idle_us": "8500"},
    {"scheduler": "kyber", "wbt_lat_usec": "0"},
)
WANTED: tuple[dict[str, Setting[str] | Setting[int]], ...] = (
    {"scheduler": Setting(value="mq-deadline")},
    {"scheduler": Setting(value="mq-deadline"), "nr_requests": Setting(value=300)},
    {"scheduler": Setting(value="none"), "nr_requests": Setting(value=64), "wbt_lat_usec": Setting(value=0)},
    {"scheduler": Setting(value="bfq"), "wbt_lat_usec": Setting(value=5000), "read_ahead_kb": Setting(value=16)},
    {"nr_requests": Setting(value=77), "nomerges": Setting(value=2), "rq_affinity": Setting(value=2)},
)


@dataclass(frozen=True)
class LoopQueue:
    """A loop device's request queue."""

    name: str
    backing_file: Path

    @property
    def directory(self) -> Path:
        return Path("/sys/block") / self.name / "queue"

    def set(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            (self.directory / name).write_text(value)

    def offers(self, scheduler: str) -> bool:
        words = (self.directory / "scheduler").read_text().replace("[", "").replace("]", "").split()
        return scheduler in words

    def everything(self) -> dict[str, str]:
        """Every file of the queue as it reads now, an errno for one that can't be read."""
        found = {}
        for path in sorted([*self.directory.glob("*"), *self.directory.glob("iosched/*")]):
            if path.is_file():
                try:
                    found[str(path.relative_to(self.directory))] = path.read_text()
                except OSError as error:
                    found[str(path.relative_to(self.directory))] = f"errno {error.errno}"
        return found


@pytest.fixture
def loop_queue(tmp_path: Path) -> Iterator[LoopQueue]:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    losetup = tool("losetup")
    node = subprocess.run([losetup, "--find", "--show", image], capture_output=True, text=True, check=True).stdout
    queue = LoopQueue(name=node.strip().removeprefix("/dev/"), backing_file=image)
    as_found = {name: value for name, value in queue.everything().items() if name in _KEPT}
    as_found["scheduler"] = as_found["scheduler"].partition("[")[2].partition("]")[0]
    try:
        yield queue
    finally:
        queue.set({name: as_found[name] for name in _KEPT if not as_found[name].startswith("errno")})
        subprocess.run([losetup, "--detach", node.strip()], check=True)


@pytest.mark.parametrize(("start", "wanted"), list(itertools.product(STARTS, WANTED)))
def test_applied_it_is_done_and_undone_every_file_is_as_before(
    loop_queue: LoopQueue, start: dict[str, str], wanted: dict[str, Setting[str] | Setting[int]]
) -> None:
    _go_to(loop_queue, start, wanted)
    before = loop_queue.everything()
    settings = _settings(loop_queue, wanted)
    planned = _plan(settings)
    for change in planned:
        assert changes.observe(Host(), change).state == change.before_state()
        changes.perform(Host(), change)
        seen = changes.observe(Host(), change)
        assert (seen.state, seen.gone) == (change.after_state(), False)
    assert _plan(settings) == ()
    assert _states(settings) == {State.OK}
    for change in reversed(planned):
        _undo(change)
    assert loop_queue.everything() == before


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("wanted", WANTED[:4])
def test_cut_between_two_writes_it_is_known_as_half_done_and_can_be_undone(
    loop_queue: LoopQueue, start: dict[str, str], wanted: dict[str, Setting[str] | Setting[int]]
) -> None:
    _go_to(loop_queue, start, wanted)
    before = loop_queue.everything()
    groups = [change for change in _plan(_settings(loop_queue, wanted)) if isinstance(change, WriteCoupled)]
    for group in groups:
        writes = [member for member in group.members if member.forward]
        for count in range(1, len(writes) + 1):
            for member in writes[:count]:
                Path(member.path).write_text(member.after)
            seen = changes.observe(Host(), group).state
            assert seen == group.after_state() or changes.is_half_done(group, seen)
            _undo(group)
            assert loop_queue.everything() == before


def test_a_depth_beyond_the_hardware_is_refused_by_the_kernel_and_never_planned(loop_queue: LoopQueue) -> None:
    loop_queue.set({"scheduler": "none"})
    settings = _settings(loop_queue, {"nr_requests": Setting(value=4096)})
    assert _plan(settings) == ()
    assert _states(settings) == {State.UNKNOWN}
    with pytest.raises(OSError, match="Invalid argument"):
        (loop_queue.directory / "nr_requests").write_text("4096")


def _go_to(queue: LoopQueue, start: dict[str, str], wanted: dict[str, Setting[str] | Setting[int]]) -> None:
    """Bring the queue to where the test starts; a scheduler that this kernel lacks ends the test by name."""
    scheduler = wanted.get("scheduler")
    for name in (start.get("scheduler"), scheduler.value if scheduler else None):
        if name is not None and not queue.offers(str(name)):
            from tests.needs import missing

            missing(f"the I/O scheduler {name}", remedy="load its module or boot a kernel with it")
    queue.set({"scheduler": "none", **start})


def _settings(queue: LoopQueue, wanted: dict[str, Setting[str] | Setting[int]]) -> tuple[QueueSettings, ...]:
    selector = DeviceSelector(backing_file=str(queue.backing_file), count=1)
    return (QueueSettings(name="own", devices=selector, **wanted),)  # type: ignore[arg-type]


def _plan(settings: tuple[QueueSettings, ...]) -> tuple[Change, ...]:
    facts = Host().facts()
    return BLOCK_QUEUE.plan(BLOCK_QUEUE.observe(Host(), settings, facts), settings, facts)


def _states(settings: tuple[QueueSettings, ...]) -> set[State]:
    facts = Host().facts()
    verdict = BLOCK_QUEUE.judge(BLOCK_QUEUE.observe(Host(), settings, facts), settings, facts)
    return {finding.state for finding in verdict.findings}


def _undo(change: Change) -> None:
    back = change.inverse()
    assert back is not None
    changes.perform(Host(), back)
    assert changes.observe(Host(), change).state == change.before_state()
