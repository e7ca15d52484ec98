"""The undo script alone, without nodeagent: three-way as the engine, in every shell of a rescue system."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.host import changes
from nodeagent.model.array_change import MakeArray
from nodeagent.model.change import (
    Change,
    CoupledKnob,
    DeviceIdentity,
    DirectoryState,
    KnobForm,
    MakeFilesystem,
    SetDirectory,
    WriteConfig,
    WriteCoupled,
    WriteFile,
)
from nodeagent.tune.session import open_session
from nodeagent.tune.undo.script import write_undo_script
from tests.needs import find_tool, missing, need_tool
from tests.unit.tune.clock import FakeClock
from tests.unit.tune.toys import make_host, write

pytestmark = [pytest.mark.host, need_tool("dash")]

SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}
OWNER = {"uid": os.geteuid(), "gid": os.getegid()}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    name, *rest = SHELLS[request.param]
    found = find_tool(name)
    if found is None:
        missing(f"the shell {name}", remedy=f"apt-get install {name}")
    return (found, *rest)


FILES = {
    "/proc/sys/plain": "60\n",
    "/proc/sys/words": "1000\t2000\n",
    "/sys/thp": "always [madvise] never\n",
    "/proc/sys/vm/bytes": "0\n",
    "/proc/sys/vm/ratio": "20\n",
    "/etc/replaced.conf": "old 'quoted' $HOME `x` \\n\n\n",
    "/etc/removed.conf": "bye\n",
    "/etc/names with 'quotes'/x": "",
}
STEPS: tuple[Change, ...] = (
    WriteFile(key="plain", tunable="t", path="/proc/sys/plain", before="60", after="17"),
    WriteFile(key="words", tunable="t", path="/proc/sys/words", before="1000 2000", after="3 4", form=KnobForm.WORDS),
    WriteFile(key="thp", tunable="t", path="/sys/thp", before="madvise", after="never", form=KnobForm.SELECTED),
    WriteCoupled(
        key="couple",
        tunable="t",
        members=(
            CoupledKnob(path="/proc/sys/vm/bytes", before="0", after="4096"),
            CoupledKnob(path="/proc/sys/vm/ratio", before="20", after="0"),
        ),
    ),
    WriteConfig(key="made", tunable="t", path="/etc/made.conf", before=None, after="a\n\n"),
    WriteConfig(
        key="replaced", tunable="t", path="/etc/replaced.conf", before=FILES["/etc/replaced.conf"], after="-n\n"
    ),
    WriteConfig(key="removed", tunable="t", path="/etc/removed.conf", before="bye\n", after=None),
    SetDirectory(
        key="it's",
        tunable="t",
        path="/etc/names with 'quotes'/dir",
        before=None,
        after=DirectoryState(mode=0o2750, **OWNER),
    ),
)
KERNEL = {"/sys/thp": "always madvise [never]\n"}


class Machine:
    """A toy machine on which the steps were made and the script was left."""

    def __init__(self, base: Path, steps: tuple[Change, ...] = STEPS) -> None:
        self.root = base / "root"
        self.host = make_host(self.root, FILES)
        self.before = self.tree()
        with open_session(self.host, base / "state", command="test", clock=FakeClock()) as session:
            self.script = write_undo_script(session, "t1", steps)
        for step in steps:
            if not isinstance(step, MakeFilesystem | MakeArray):
                changes.perform(self.host, step)
        for path, after in KERNEL.items():
            write(self.root, path, after)

    def tree(self) -> dict[str, str]:
        """Every path with its mode and content."""
        return {
            str(path.relative_to(self.root)): f"{path.lstat().st_mode:o} {path.read_text() if path.is_file() else ''}"
            for path in self.root.rglob("*")
        }

    def undo(self, shell: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*shell, str(self.script)], capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
        )


def restored(machine: Machine) -> dict[str, str]:
    """What the kernel of the toy machine would show: it has only files, so its own part is played here."""
    written = {"/sys/thp": "madvise\n", "/proc/sys/words": "1000 2000\n"}
    for path, text in written.items():
        assert (machine.root / path.lstrip("/")).read_text() == text
        write(machine.root, path, FILES[path])
    return machine.tree()


def test_everything_is_as_before(tmp_path: Path, shell: tuple[str, ...]) -> None:
    machine = Machine(tmp_path)
    assert machine.tree() != machine.before
    done = machine.undo(shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("restored: ") == len(STEPS)
    assert restored(machine) == machine.before


def test_a_second_run_finds_everything_back(tmp_path: Path, shell: tuple[str, ...]) -> None:
    machine = Machine(tmp_path)
    machine.undo(shell)
    restored(machine)
    again = machine.undo(shell)
    assert again.returncode == 0
    assert again.stdout.count("already as before: ") == len(STEPS)
    assert machine.tree() == machine.before


@pytest.mark.parametrize(
    ("path", "text", "key"),
    [
        ("/proc/sys/plain", "5\n", "plain"),
        ("/proc/sys/words", "3 4 5\n", "words"),
        ("/sys/thp", "[always] madvise never\n", "thp"),
        ("/proc/sys/vm/bytes", "8192\n", "couple"),
        ("/etc/made.conf", "a\n", "made"),
        ("/etc/replaced.conf", "theirs\n", "replaced"),
        ("/etc/removed.conf", "new one\n", "removed"),
    ],
)
def test_what_somebody_else_changed_is_kept(
    tmp_path: Path, shell: tuple[str, ...], path: str, text: str, key: str
) -> None:
    machine = Machine(tmp_path)
    write(machine.root, path, text)
    done = machine.undo(shell)
    assert done.returncode == 2
    assert f"KEPT, somebody else changed it: {key}\n" in done.stdout
    assert (machine.root / path.lstrip("/")).read_text() == text
    assert done.stdout.count("restored: ") == len(STEPS) - 1


def test_after_a_reboot_only_files_are_undone(tmp_path: Path, shell: tuple[str, ...]) -> None:
    machine = Machine(tmp_path)
    write(machine.root, "/proc/sys/kernel/random/boot_id", "boot-2\n")
    done = machine.undo(shell)
    assert done.returncode == 0
    assert done.stdout.count("ended with the reboot: ") == 4
    assert done.stdout.count("restored: ") == 4
    assert (machine.root / "proc/sys/plain").read_text() == "17\n"
    assert not (machine.root / "etc/made.conf").exists()


def test_what_cannot_be_restored_says_so(tmp_path: Path, shell: tuple[str, ...]) -> None:
    machine = Machine(tmp_path)
    write(machine.root, "/etc/names with 'quotes'/dir/theirs", "")
    done = machine.undo(shell)
    assert done.returncode == 1
    assert "FAILED: it's\n" in done.stdout


def test_a_filesystem_cannot_be_unmade(tmp_path: Path, shell: tuple[str, ...]) -> None:
    made = MakeFilesystem(
        key="mkfs", tunable="t", device=DeviceIdentity(serial="S"), fstype="ext4", label="l", uuid="u"
    )
    done = Machine(tmp_path, (made,)).undo(shell)
    assert (done.returncode, done.stdout) == (0, "cannot be undone: mkfs\n")


def test_an_array_cannot_be_unmade(tmp_path: Path, shell: tuple[str, ...]) -> None:
    made = MakeArray(
        key="array", tunable="t", members=(DeviceIdentity(serial="S"),), uuid="0" * 32, name="a", chunk_bytes=4096
    )
    done = Machine(tmp_path, (made,)).undo(shell)
    assert (done.returncode, done.stdout) == (0, "cannot be undone: array\n")


def test_bytes_that_are_no_text_come_back(tmp_path: Path, shell: tuple[str, ...]) -> None:
    odd = WriteConfig(key="odd", tunable="t", path="/etc/odd\udcff", before=None, after="\udcfe\n")
    machine = Machine(tmp_path, (odd,))
    assert (machine.root / "etc/odd\udcff").read_bytes() == b"\xfe\n"
    done = machine.undo(shell)
    assert (done.returncode, done.stdout) == (0, "restored: odd\n")
    assert not (machine.root / "etc/odd\udcff").exists()


def test_a_nul_byte_is_left_to_nodeagent(tmp_path: Path, shell: tuple[str, ...]) -> None:
    nul = replace(STEPS[5], after="a\0b") if isinstance(STEPS[5], WriteConfig) else STEPS[5]
    machine = Machine(tmp_path, (nul,))
    done = machine.undo(shell)
    assert done.returncode == 1
    assert "a NUL byte does not go through a shell: replaced" in done.stdout
    assert (machine.root / "etc/replaced.conf").read_text() == "a\0b"


@need_tool("shellcheck")
def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    checked = subprocess.run(
        [find_tool("shellcheck") or "", "--shell=sh", "--severity=warning", str(machine.script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == ""
