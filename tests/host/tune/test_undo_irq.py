"""The undo script's view of interrupts and masks, and the policy script of irqbalance, in real shells."""

import subprocess
from pathlib import Path

import pytest

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.interrupts import VectorName
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.tune.interrupts import irqbalance
from nodeagent.tune.undo import irq as undo_irq
from nodeagent.tune.undo import script as undo_script
from tests import needs
from tests.fixtures.irqs import IrqTree
from tests.fixtures.tree import Tree

pytestmark = pytest.mark.host

PORT = "0000:81:00.0"


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param.split()
    return [needs.tool(words[0]), *words[1:]]


def _run(shell: list[str], root: Path, script: str) -> int:
    head = undo_script._HEAD.replace("@ROOT@", str(root)).replace("@BOOT@", "")
    return subprocess.run([*shell, "-c", f"{head}{undo_irq.FUNCTIONS}\n{script}"], check=False, timeout=30).returncode


def _change(action: str, after: str, *, turn: int = 0) -> SetIrqAffinity:
    cpus = CpuSet.parse(after)
    name = VectorName(action=action, turn=turn)
    return SetIrqAffinity(key="k", tunable="t", address=PORT, vector=name, before=cpus, after=cpus)


def test_a_vector_is_found_by_its_name_and_set(shell: list[str], tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path, next_number=98)  # 98, 99, 100: a list by letters has 100 first
    tree.device(PORT, ["data0", "data0-TxRx-0", "data0-TxRx-1"])
    assert _run(shell, tmp_path, undo_irq.condition(_change("data0-TxRx-1", "0-15"))) == 0
    assert _run(shell, tmp_path, undo_irq.condition(_change("data0-TxRx-1", "0-14"))) == 1
    assert _run(shell, tmp_path, " && ".join(undo_irq.actions(_change("data0-TxRx-1", "3,5")))) == 0
    assert (tmp_path / "proc/irq/100/smp_affinity_list").read_text() == "3,5\n"


def test_vectors_of_one_name_are_told_apart_by_their_order(shell: list[str], tmp_path: Path) -> None:
    IrqTree(root=tmp_path, next_number=99).device(PORT, ["same's", "same's"])
    assert _run(shell, tmp_path, " && ".join(undo_irq.actions(_change("same's", "7", turn=1)))) == 0
    assert (tmp_path / "proc/irq/99/smp_affinity_list").read_text() == "0-15\n"
    assert (tmp_path / "proc/irq/100/smp_affinity_list").read_text() == "7\n"


def test_a_device_with_one_line_is_found(shell: list[str], tmp_path: Path) -> None:
    IrqTree(root=tmp_path).device(PORT, ["data0"], msi=False)
    assert _run(shell, tmp_path, undo_irq.condition(_change("data0", "0-15"))) == 0


def test_a_vector_that_is_gone_is_a_failure_and_no_other_is_written(shell: list[str], tmp_path: Path) -> None:
    IrqTree(root=tmp_path).device(PORT, ["data0"])
    assert _run(shell, tmp_path, undo_irq.condition(_change("data0-TxRx-1", "0-15"))) != 0
    assert _run(shell, tmp_path, " && ".join(undo_irq.actions(_change("data0-TxRx-1", "1")))) != 0
    assert (tmp_path / "proc/irq/40/smp_affinity_list").read_text() == "0-15\n"


@pytest.mark.parametrize(
    ("held", "asked", "same"),
    [
        ("00000000,00000003", "3", True),
        ("0003", "3", True),
        ("00000001,00000000", "1,00000000", True),
        ("0000", "0", True),
        ("00000000,00000000", "0", True),
        ("00000013", "3", False),
        ("0", "3", False),
    ],
)
def test_a_mask_is_read_without_its_leading_zeroes(
    shell: list[str], tmp_path: Path, held: str, asked: str, same: bool
) -> None:
    Tree(root=tmp_path).file("/proc/irq/default_smp_affinity", held)
    assert (_run(shell, tmp_path, f"is mask /proc/irq/default_smp_affinity {asked}") == 0) is same


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/sys/bus/pci/devices/0000:81:00.0", "ban=true\n"),
        ("/sys/bus/pci/devices/0000:81:00.0/", "ban=true\n"),
        ("/sys/devices/pci0000:80/0000:80:01.0/0000:81:10.1", "ban=true\n"),
        ("/sys/bus/pci/devices/0000:81:00.1", ""),
        ("/sys/bus/pci/devices", ""),
        ("", ""),
    ],
)
def test_the_policy_script_bans_our_devices_and_leaves_the_others(
    shell: list[str], tmp_path: Path, path: str, answer: str
) -> None:
    """Any exit code but 0 means to irqbalance that there is no policy."""
    script = tmp_path / "policy"
    script.write_text(irqbalance._script([PORT, "0000:81:10.1"]))
    done = subprocess.run([*shell, str(script), path, "42"], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, answer, "")


def test_a_policy_for_no_device_bans_nothing(shell: list[str], tmp_path: Path) -> None:
    script = tmp_path / "policy"
    script.write_text(irqbalance._script([]))
    done = subprocess.run([*shell, str(script), "/sys/x", "1"], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (0, "")


@needs.need_tool("shellcheck")
def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    scripts = {"policy": irqbalance._script([PORT]), "undo": f"{undo_script._HEAD}{undo_irq.FUNCTIONS}"}
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        argv = [needs.tool("shellcheck"), "--shell=sh", "--severity=warning", str(tmp_path / name)]
        checked = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert checked.stdout == "", checked.stdout
