"""swap on the real kernel: two swap files of our own go off, and come back with the priorities they had.

Areas of the machine itself are never touched: the tunable here sees only ours. Swap exists once on a machine, so
whoever changes it waits for the others.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.host import Host, changes
from nodeagent.model.change import Risk
from nodeagent.model.errors import HostError, RefusedError
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.profile import Profile
from nodeagent.model.setting import Setting
from nodeagent.model.swap_change import SetSwap, SwapState
from nodeagent.tune.apply import apply
from nodeagent.tune.apply_result import ApplyOutcome, ApplyResult, Order
from nodeagent.tune.plan import make_plan
from nodeagent.tune.rollback import rollback
from nodeagent.tune.session import open_session
from nodeagent.tune.tunables.swap import Swap, SwapSeen, SwapSettings
from tests import needs
from tests.campaigns.grounds import only_campaign
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [
    pytest.mark.host,
    need_root,
    need_kernel("/proc/swaps"),
    need_tool("mkswap", "swapon", "swapoff"),
]

_OFF = SwapSettings(in_use=Setting(value="off"))


class OurSwap(Swap):
    """Sees the areas below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def observe(self, host: HostReader, settings: SwapSettings, facts: HostFacts) -> SwapSeen:
        seen = super().observe(host, settings, facts)
        return replace(seen, areas=tuple(area for area in seen.areas if area.path.startswith(f"{self.directory}/")))


def _run(*argv: str) -> None:
    program = needs.tool(argv[0])
    subprocess.run([program, *argv[1:]], check=True, capture_output=True, timeout=60)


def _swaps(directory: Path) -> dict[str, int]:
    """Our areas and their priorities, as the kernel lists them."""
    rows = [line.split() for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    return {Path(row[0]).name: int(row[4]) for row in rows if row[0].startswith(f"{directory}/")}


@pytest.fixture
def areas(tmp_path: Path) -> Iterator[Path]:
    """A directory with the areas `one` and `two` in use, at priorities of the kernel's own, and `three` at 7."""
    with only_campaign():
        try:
            for name in ("one", "two", "three"):
                file = tmp_path / name
                file.write_bytes(bytes(4 << 20))
                file.chmod(0o600)
                _run("mkswap", "--label", name, str(file))
                done = subprocess.run(
                    [needs.tool("swapon"), *(["--priority", "7"] if name == "three" else []), str(file)],
                    check=False,
                    capture_output=True,
                    timeout=60,
                )
                if done.returncode != 0 and b"Invalid argument" in done.stderr:
                    needs.missing("a file system that swap files can be on", remedy="set TMPDIR to one on a disk")
                assert done.returncode == 0, done.stderr
            yield tmp_path
        finally:
            for path in [line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()[1:]]:
                if path.startswith(f"{tmp_path}/"):
                    _run("swapoff", path)
            assert _swaps(tmp_path) == {}


def _apply(directory: Path, state: Path) -> ApplyResult:
    host, tunables = Host(), (OurSwap(directory),)
    profile = Profile(name="off", summary="", digest="sha256:off", files=(), tune={"swap": _OFF})
    with open_session(host, state, command="tune apply") as session:
        order = Order(
            plan=make_plan(host, profile, host.facts(), tunables),
            profile=profile,
            tunables=tunables,
            read_facts=lambda: host.facts(fresh=True),
        )
        return apply(session, order)


def test_an_area_is_read_with_its_header(areas: Path) -> None:
    ours = {area.path: area for area in Host().swaps() if area.path.startswith(f"{areas}/")}
    three = ours[f"{areas}/three"]
    assert (three.label, three.priority, three.is_file, three.used_bytes) == ("three", 7, True, 0)
    uuid = subprocess.run(
        [needs.tool("blkid"), "-p", "-s", "UUID", "-o", "value", three.path], capture_output=True, text=True, check=True
    )
    assert three.uuid == uuid.stdout.strip()


def test_areas_go_off_and_a_rollback_brings_their_priorities_back(
    areas: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = _swaps(areas)
    state = tmp_path_factory.mktemp("state")
    result = _apply(areas, state)
    assert result.outcome is ApplyOutcome.APPLIED
    assert _swaps(areas) == {}
    assert _apply(areas, state).outcome is ApplyOutcome.NOTHING
    with open_session(Host(), state, command="tune rollback") as session:
        undone = rollback(session)
    assert [step.fate.value for step in undone.steps] == ["restored"] * 3
    assert _swaps(areas) == before


def test_the_undo_script_brings_them_back_without_the_agent(
    areas: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = _swaps(areas)
    result = _apply(areas, tmp_path_factory.mktemp("state"))
    assert result.undo_script is not None
    done = subprocess.run(["/bin/sh", result.undo_script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.count("restored:")) == (0, 3), done.stdout + done.stderr
    assert _swaps(areas) == before


def test_a_header_that_is_another_one_is_not_switched_on(areas: Path) -> None:
    path = f"{areas}/one"
    (area,) = [area for area in Host().swaps() if area.path == path]
    off = SetSwap(
        key="k",
        tunable="swap",
        risk=Risk.LIVE,
        path=path,
        uuid=area.uuid,
        before=SwapState(priority=area.priority),
        after=None,
    )
    host = Host()
    assert changes.observe(host, off).state == off.before_state()
    changes.perform(host, off)
    assert changes.observe(host, off).state == "off"
    _run("mkswap", path)
    back = off.inverse()
    with pytest.raises(RefusedError, match="is not the swap area"):
        changes.perform(host, back)
    assert "one" not in _swaps(areas)


def test_a_path_without_an_area_is_refused_by_the_kernel_and_told(areas: Path) -> None:
    (areas / "none").write_bytes(bytes(1 << 20))
    change = SetSwap(key="k", tunable="swap", path=f"{areas}/none", uuid="", before=SwapState(priority=1), after=None)
    with pytest.raises(HostError, match="swapoff"):
        changes.perform(Host(), change)
