"""The live way of boot parameters: a program that makes the menu, a rename, errors and kills, in a mount namespace."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodeagent.model.errors import ExitCode
from tests.host.tunables.grub_lab import PROGRAM, TOKENS
from tests.needs import need_root, need_tool

pytestmark = [pytest.mark.host, need_root, need_tool("unshare")]

_REPOSITORY = Path(__file__).parents[3]
_ENTER = """
mount --bind "$0/default" /etc/default
mount --bind "$0/boot" /boot
mount --bind "$0/bin" /usr/local/sbin
exec "$@"
"""


@dataclass
class Grub:
    """The files, from outside of the namespace."""

    directory: Path

    @property
    def menu(self) -> Path:
        return self.directory / "boot" / "grub" / "grub.cfg"

    @property
    def drop_in(self) -> Path:
        return self.directory / "default" / "grub.d" / "90-nodeagent.cfg"

    def argv(self, *command: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-ec", _ENTER, str(self.directory), *command]

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(["/usr/local/sbin", os.environ["PATH"]])
        return {**os.environ, "PATH": path, "PYTHONPATH": f"{_REPOSITORY / 'agent'}{os.pathsep}{_REPOSITORY}"}

    def command(self, verb: str) -> list[str]:
        return self.argv(sys.executable, "-m", "tests.host.tunables.grub_lab", verb, str(self.directory / "state"))

    def run(self, verb: str) -> subprocess.CompletedProcess[str]:
        return self.start(*self.command(verb))

    def start(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, env=self.environment(), cwd=_REPOSITORY, capture_output=True, text=True, timeout=120, check=False
        )

    def say(self, word: str) -> None:
        """Tell the program to fail, hang or lose the parameters."""
        (self.directory / "default" / word).touch()

    def contents(self) -> dict[str, tuple[str, int]]:
        tops = (self.directory / "boot", self.directory / "default" / "grub.d")
        files = (path for top in tops for path in sorted(top.rglob("*")) if path.is_file())
        return {str(path): (path.read_text(), path.stat().st_mode & 0o777) for path in files}


@pytest.fixture
def grub(tmp_path: Path) -> Grub:
    for name in ("default/grub.d", "boot/grub", "bin", "state"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "state").chmod(0o700)
    (tmp_path / "default" / "grub").write_text('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n')
    program = tmp_path / "bin" / "grub-mkconfig"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    found = Grub(tmp_path)
    subprocess.run(found.argv("grub-mkconfig", "-o", "/boot/grub/grub.cfg"), env=found.environment(), check=True)
    found.menu.chmod(0o444)
    return found


def test_the_menu_is_made_anew_and_comes_back_to_the_byte(grub: Grub) -> None:
    before = grub.contents()
    applied = grub.run("apply")
    assert applied.returncode == ExitCode.DIFFERS, applied  # all is set, and waits for a boot
    assert applied.stdout.startswith("applied")
    menu = grub.menu.read_text().splitlines()
    assert [line.endswith(f"quiet {TOKENS}") for line in menu if "linux\t" in line] == [True, False]
    assert grub.menu.stat().st_mode & 0o777 == 0o444
    assert grub.run("rollback").returncode == ExitCode.OK
    assert grub.contents() == before


@pytest.mark.parametrize(("word", "told"), [("fail", "no such device"), ("lose", "would give the kernel")])
def test_a_menu_that_is_not_made_or_not_as_wanted_leaves_the_old_one(grub: Grub, word: str, told: str) -> None:
    before = grub.contents()
    grub.say(word)
    applied = grub.run("apply")
    assert applied.returncode == ExitCode.ROLLED_BACK, applied
    assert told in applied.stdout
    assert grub.contents() == before


def test_a_kill_while_the_menu_is_made_leaves_the_old_one_and_is_undone(grub: Grub) -> None:
    before = grub.contents()
    grub.say("hang")
    hanging = grub.directory / "default" / "hanging"
    command, environment = grub.command("apply"), grub.environment()
    with subprocess.Popen(command, env=environment, cwd=_REPOSITORY, start_new_session=True) as agent:
        deadline = time.monotonic() + 60
        while not (hanging.exists() and hanging.read_text().endswith("\n")):
            assert agent.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(agent.pid, signal.SIGKILL)
    os.killpg(int(hanging.read_text()), signal.SIGKILL)  # the program has a session of its own
    assert grub.drop_in.exists()
    assert grub.menu.read_text() == before[str(grub.menu)][0]
    (grub.directory / "default" / "hang").unlink()
    assert grub.run("recover").returncode == 0
    assert grub.contents() == before


def test_the_undo_script_takes_drop_in_and_menu_back_without_the_agent(grub: Grub) -> None:
    before = grub.contents()
    grub.run("apply")
    (script,) = (grub.directory / "state" / "undo").glob("*.sh")
    undone = grub.start(*grub.argv("sh", str(script)))
    assert undone.returncode == 0, undone
    assert texts(grub.contents()) == texts(before)


def texts(contents: dict[str, tuple[str, int]]) -> dict[str, str]:
    return {path: text for path, (text, _) in contents.items()}
