"""Interrupts of a device: found by name, told apart from those nobody may move, written where they belong."""

import errno
import os
from pathlib import Path

import pytest

from nodeagent.host import Host, changes
from nodeagent.host.changes import knob
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import HostError
from nodeagent.model.interrupts import VectorName, queue_of
from nodeagent.model.irq_change import SetIrqAffinity
from tests.fixtures.irqs import (
    IrqTree,
    ice_actions,
    igb_actions,
    mlx5_actions,
    nvme_actions,
    virtio_net_actions,
)

PORT = "0000:81:00.0"


def _change(action: str, after: str, *, before: str = "0-15", turn: int = 0) -> SetIrqAffinity:
    return SetIrqAffinity(
        key=f"irq-affinity:{PORT}:{action}",
        tunable="irq-affinity",
        address=PORT,
        vector=VectorName(action=action, turn=turn),
        before=CpuSet.parse(before),
        after=CpuSet.parse(after),
    )


@pytest.mark.parametrize(
    ("action", "queue"),
    [
        ("ice-data0-TxRx-63", 63),
        ("ice-0000:81:00.0:misc", None),
        ("i40e-eth0-TxRx-7", 7),
        ("eth0-TxRx-0", 0),
        ("eth0-rx-3", 3),
        ("eth0-tx-3", 3),
        ("eth0", None),
        ("enp1-0-TxRx-3", 3),
        ("mlx5_comp12@pci:0000:81:00.0", 12),
        ("mlx5_async0@pci:0000:81:00.0", None),
        ("mlx4-5@0000:04:00.0", 5),
        ("eth0-Tx-Rx-2", 2),
        ("ena-mgmnt@pci:0000:00:05.0", None),
        ("gve-ntfy-blk4@pci:0000:00:04.0", 4),
        ("gve-mgmnt@pci:0000:00:04.0", None),
        ("mana_q1@pci:7870:00:00.0", 1),
        ("mana_hwc@pci:7870:00:00.0", None),
        ("virtio2-input.0", 0),
        ("virtio2-output.1", 1),
        ("virtio1-req.3", 3),
        ("virtio2-config", None),
        ("nvme0q0", None),
        ("nvme0q8", 7),
        ("vfio-msix[0](0000:81:00.0)", None),
        ("", None),
    ],
)
def test_the_queue_stands_in_the_name_that_the_driver_gave(action: str, queue: int | None) -> None:
    assert queue_of(action) == queue


@pytest.mark.parametrize(
    ("driver", "actions", "queues"),
    [
        ("ice", ice_actions("data0", 64), 64),
        ("igb", igb_actions("data0", 4), 4),
        ("igb", igb_actions("data0", 2, paired=False), 4),
        ("mlx5_core", mlx5_actions(PORT, 16), 16),
        ("virtio-pci", virtio_net_actions(2, 2), 4),
    ],
)
def test_every_vector_of_a_port_is_found(tmp_path: Path, driver: str, actions: list[str], queues: int) -> None:
    tree = IrqTree(root=tmp_path)
    numbers = tree.device(PORT, actions, driver=driver, node=1)
    seen = tree.host().interrupts(PORT)
    assert [vector.number for vector in seen.vectors] == numbers
    assert [vector.name.action for vector in seen.vectors] == actions
    assert sum(vector.queue is not None for vector in seen.vectors) == queues
    assert all(vector.movable and vector.allowed == CpuSet.parse("0-15") for vector in seen.vectors)
    assert (seen.driver, seen.node) == (driver, 1)


def test_a_node_of_minus_one_is_unknown(tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path)
    tree.device(PORT, igb_actions("data0", 1), node=-1)
    assert tree.host().interrupts(PORT).node is None


def test_a_file_of_mode_0444_tells_that_only_the_kernel_moves_it(tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path)
    tree.device(PORT, ["a-TxRx-0", "a-TxRx-1"], fixed=[1])
    assert [(vector.movable, vector.managed) for vector in tree.host().interrupts(PORT).vectors] == [
        (True, False),
        (False, True),
    ]


def test_on_an_older_kernel_the_queues_of_nvme_are_known_by_their_name(tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path)
    tree.device(PORT, nvme_actions(0, 2), driver="nvme")
    assert [vector.movable for vector in tree.host().interrupts(PORT).vectors] == [True, False, False]


def test_a_device_with_one_line_has_one_vector(tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path)
    (number,) = tree.device(PORT, ["eth0"], msi=False)
    assert [vector.number for vector in tree.host().interrupts(PORT).vectors] == [number]


def test_a_function_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert Host(root=tmp_path).interrupts(PORT).vectors == ()


def test_vectors_of_one_name_are_told_apart_by_their_order(tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path)
    first, second = tree.device(PORT, ["same", "same"])
    changes.perform(tree.host(), _change("same", "3", turn=1))
    assert (tmp_path / f"proc/irq/{first}/smp_affinity_list").read_text() == "0-15\n"
    assert (tmp_path / f"proc/irq/{second}/smp_affinity_list").read_text() == "3\n"


def test_a_vector_is_found_by_its_name_after_a_reload(tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path)
    actions = igb_actions("data0", 2)
    tree.device(PORT, actions)
    change = _change("data0-TxRx-1", "5")
    changes.perform(tree.host(), change)
    assert changes.observe(tree.host(), change).state == change.after_state()
    *_, last = tree.reload(PORT, actions)
    assert changes.observe(tree.host(), change).state == "0-15"
    changes.perform(tree.host(), change)
    assert (tmp_path / f"proc/irq/{last}/smp_affinity_list").read_text() == "5\n"
    changes.perform(tree.host(), change.inverse())
    assert changes.observe(tree.host(), change).state == change.before_state()


def test_a_vector_that_is_gone_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    tree = IrqTree(root=tmp_path)
    tree.device(PORT, igb_actions("data0", 1))
    change = _change("data0-TxRx-7", "5")
    assert changes.observe(tree.host(), change).gone
    with pytest.raises(HostError, match="no interrupt data0-TxRx-7"):
        changes.perform(tree.host(), change)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EPERM, "NA-IRQ-002"),
        (errno.EIO, "NA-IRQ-002"),
        (errno.ENOSPC, "NA-IRQ-005"),
        (errno.EINVAL, "online"),
        (errno.EOVERFLOW, "lacks"),
    ],
)
def test_a_refusal_of_the_kernel_comes_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    tree = IrqTree(root=tmp_path)
    tree.device(PORT, igb_actions("data0", 1))
    tries = _refusing(monkeypatch, number, times=99)
    with pytest.raises(HostError, match=errno.errorcode[number]) as caught:
        changes.perform(tree.host(), _change("data0-TxRx-0", "5"))
    assert remedy in (caught.value.remedy or "")
    assert len(tries) == 1


def test_a_move_that_has_not_ended_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = IrqTree(root=tmp_path)
    _, number = tree.device(PORT, igb_actions("data0", 1))
    tries = _refusing(monkeypatch, errno.EBUSY, times=2)
    changes.perform(tree.host(), _change("data0-TxRx-0", "5"))
    assert len(tries) == 3
    assert (tmp_path / f"proc/irq/{number}/smp_affinity_list").read_text() == "5\n"


def _refusing(monkeypatch: pytest.MonkeyPatch, number: int, *, times: int) -> list[str]:
    """A kernel that refuses the first writes with an errno."""
    tries: list[str] = []
    original = knob.write

    def write(host: Host, path: str, value: str) -> None:
        tries.append(path)
        if len(tries) > times:
            original(host, path, value)
            return
        error = OSError(number, os.strerror(number))
        raise HostError(f"refused ({errno.errorcode[number]})") from error

    monkeypatch.setattr(knob, "write", write)
    return tries
