"""Labs without guests: who cleans up, also after a SIGKILL. A process in the namespace stands for QEMU."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cherrylab.guests import kept_lab
from cherrylab.guests.image import Image
from cherrylab.guests.lab import Lab, network_of, sweep
from nodeagent.host.process import run
from nodeagent.model.command import Command
from nodeagent.model.errors import BusyError
from tests.needs import need_root, need_tool

pytestmark = [pytest.mark.host, need_root, need_tool("ip")]

_REPOSITORY = Path(__file__).parents[3]
_OWNER = """
import sys, time
from pathlib import Path
from cherrylab.guests.image import Image
from cherrylab.guests.lab import Lab
from nodeagent.host.process import start_detached
from nodeagent.model.command import Command

lab = Lab.create(image=Image(directory=Path("/nowhere")))
lab.network.add_tap("g1m", bridge="br0")
argv = ("ip", "netns", "exec", lab.network.namespace, "sleep", "600")
pid = start_detached(Command(argv=argv, timeout_seconds=600), output=lab.directory / "log")
print(lab.directory, pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NODEAGENT_LAB_ROOT", str(tmp_path))
    yield tmp_path
    for directory in tmp_path.glob("lab-*"):
        (directory / "kept").unlink(missing_ok=True)
    sweep(tmp_path)


@pytest.fixture
def image() -> Image:
    return Image(directory=Path("/nowhere"))


@pytest.fixture
def owner() -> Iterator["subprocess.Popen[str]"]:
    """A process of its own with a lab, in which another process lives that ends with nobody."""
    path = os.pathsep.join(str(_REPOSITORY / part) for part in ("agent", "provisioning"))
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True, env=environment) as child:
        yield child
        child.kill()


def _made_by(owner: "subprocess.Popen[str]") -> tuple[Path, int]:
    assert owner.stdout is not None
    directory, pid = owner.stdout.readline().split()
    return Path(directory), int(pid)


def _is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_what_a_killed_owner_left_is_swept_by_the_next_lab(owner: "subprocess.Popen[str]", image: Image) -> None:
    directory, pid = _made_by(owner)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert _is_alive(pid)
    assert network_of(directory).exists()
    with Lab.create(image=image):
        assert not _is_alive(pid)
        assert not network_of(directory).exists()
        assert not directory.exists()


def test_a_lab_whose_owner_lives_is_left_alone(owner: "subprocess.Popen[str]", labs: Path) -> None:
    directory, pid = _made_by(owner)
    assert sweep(labs) == ()
    assert _is_alive(pid)
    assert directory.exists()


def test_a_lab_leaves_nothing_behind(image: Image, labs: Path) -> None:
    with Lab.create(image=image) as lab:
        lab.network.add_tap("g1m", bridge="br0")
        assert lab.network.exists()
    assert not lab.network.exists()
    assert list(labs.iterdir()) == []


def test_a_kept_lab_outlives_its_owner_and_is_adopted(image: Image, labs: Path) -> None:
    lab = Lab.create(image=image, keep=True)
    with pytest.raises(BusyError, match="somebody else is at work"):
        Lab.adopt(lab.directory, image=image)
    lab.release()
    assert sweep(labs) == ()
    adopted = Lab.adopt(lab.directory, image=image)
    assert adopted.network.exists()
    adopted.remove()
    assert not lab.network.exists()
    assert list(labs.iterdir()) == []


def test_after_a_restart_of_the_host_a_kept_lab_is_cleared_away(image: Image) -> None:
    lab = Lab.create(image=image, keep=True)
    lab.release()
    lab.network.remove()
    with kept_lab._lab(image) as fresh:
        assert fresh.directory != lab.directory
        assert not lab.directory.exists()
        assert fresh.network.exists()
        fresh.remove()


def test_one_guest_less_takes_its_taps_and_leaves_the_others(image: Image) -> None:
    from cherrylab.guests.template import PEER

    with Lab.create(image=image) as lab:
        guests = [lab.guest(PEER, number=number) for number in (1, 2)]
        for guest in guests:
            guest.directory.mkdir()
            guest.add_taps()
        lab.discard(guests[0])
        shown = run(Command(argv=("ip", "-netns", lab.network.namespace, "-br", "link"), timeout_seconds=10))
        names = {line.split()[0] for line in shown.stdout.decode().splitlines()}
        assert names >= {"g2m", "g2d"}
        assert not names & {"g1m", "g1d"}
        assert not guests[0].directory.exists()
