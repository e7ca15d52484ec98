"""Interrupts on a real kernel: igb on node 1 of two, NVMe drives with managed queues, irqbalance of Debian.

The oracle is the kernel itself: /proc/interrupts under load from the peer, masks of /proc/irq, the errno of a write.
Everything is typed into the guest over its management port, which none of the changes touches.
"""

import time
from collections.abc import Iterator

import pytest

from cherrylab.guests.guest import Guest
from tests.lab.steps import lay_out

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

_PROFILE = """\
schema: 1
summary: interrupts of the data port on node 1, new ones on node 0, drives only reported
tune:
  irq-affinity:
    default: "0-1"
    devices:
      - {name: data, nic: {driver: igb, count: 1}, cpus: "2-3"}
      - {name: drives, nvme: {transport: nvme}}
  rps-xps:
    ports:
      - {name: data, nic: {driver: igb, count: 1}, rps_cpus: none, cpus: "2-3", xps_cpus: own-queue}
"""
_AWAY = _PROFILE.replace('default: "0-1"', 'default: "0-1"\n    keep_irqbalance_away: true')
_APPLY = "nodeagent tune apply --yes --profile"
_VERIFY = "nodeagent tune verify --profile"

_NUMBERS = "$(ls /sys/class/net/data0/device/msi_irqs | sort -n)"
_SNAPSHOT = f"""
for irq in {_NUMBERS}; do echo "$(cat /sys/kernel/irq/$irq/actions) $(cat /proc/irq/$irq/smp_affinity_list)"; done
cat /proc/irq/default_smp_affinity
grep -H . /sys/class/net/data0/queues/*/[rx]ps_*
ls /etc/irqbalance-nodeagent.sh /etc/default/irqbalance-nodeagent /etc/systemd/system/irqbalance.service.d 2>&1 || true
"""
_RESET = f"""
systemctl stop irqbalance 2>/dev/null
systemctl mask irqbalance 2>/dev/null
rm -rf /var/lib/nodeagent /etc/irqbalance-nodeagent.sh /etc/default/irqbalance-nodeagent
rm -rf /etc/systemd/system/irqbalance.service.d
systemctl daemon-reload
echo 0 > /sys/class/net/data0/device/sriov_numvfs
ip link set dev data0 mtu 1500 up
for irq in {_NUMBERS}; do echo 0-3 > /proc/irq/$irq/smp_affinity_list; done
echo f > /proc/irq/default_smp_affinity
for wait in $(seq 100); do [ "$(cat /sys/class/net/data0/carrier)" = 1 ] && exit 0; sleep 0.2; done
exit 1
"""
_REFUSED = """
from nodeagent.host import Host, changes
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import HostError
from nodeagent.model.irq_change import SetIrqAffinity

host = Host()
drive = next(drive for drive in host.facts().block_devices if drive.transport in ("nvme", "pcie") and drive.pcie)
device = host.interrupts(drive.pcie.address)
vector = next(vector for vector in device.vectors if vector.queue is not None)
assert not vector.movable, vector
change = SetIrqAffinity(
    key="k", tunable="t", address=device.address, vector=vector.name, before=vector.allowed, after=CpuSet.of([1])
)
try:
    changes.perform(host, change)
except HostError as error:
    print(error.message, "|", error.remedy)
"""


@pytest.fixture
def clean(node: Guest) -> Guest:
    """The node as it booted, its interrupts free to fire anywhere; the profiles lie in /root."""
    node.shell.check(_RESET, timeout_seconds=120)
    lay_out(node, {"irq": _PROFILE, "away": _AWAY})
    return node


@pytest.fixture
def applied(clean: Guest) -> Guest:
    clean.shell.check(f"{_APPLY} /root/irq.yaml", timeout_seconds=300)
    return clean


@pytest.fixture
def irqbalance(clean: Guest) -> Iterator[Guest]:
    """Debian's irqbalance, seen at work on the data port."""
    clean.shell.check("systemctl unmask irqbalance && systemctl start irqbalance", timeout_seconds=120)
    moved = f"for irq in {_NUMBERS}; do [ $(cat /proc/irq/$irq/smp_affinity_list) = 0-3 ] || exit 0; done; exit 1"
    deadline = time.monotonic() + 60
    while not clean.shell.run(moved).ok:  # the danger is real: it takes over what nobody told it to leave
        assert time.monotonic() < deadline, "irqbalance moves nothing here"
        time.sleep(1)
    yield clean
    clean.shell.check("systemctl stop irqbalance; systemctl mask irqbalance", timeout_seconds=120)


def _counts(guest: Guest) -> list[list[int]]:
    """How often each queue of the data port fired on each CPU; igb pairs them (TxRx) or not, by its history."""
    lines = guest.shell.check("grep -E 'data0-(TxRx|rx|tx)-' /proc/interrupts").splitlines()
    return [[int(count) for count in line.split()[1:5]] for line in lines]


def _load(node: Guest, peer: Guest) -> None:
    """Several flows, so that more than one queue has work."""
    node.shell.check("iperf3 --server --one-off --daemon --bind " + str(node.data_address))
    time.sleep(1)
    peer.shell.check(f"iperf3 --client {node.data_address} --parallel 8 --time 5", timeout_seconds=120)


def test_queues_fire_on_their_own_node_under_load(applied: Guest, peer: Guest) -> None:
    _load(applied, peer)  # the kernel moves an interrupt when it next fires
    before = _counts(applied)
    _load(applied, peer)
    grown = [[b - a for a, b in zip(*pair, strict=True)] for pair in zip(before, _counts(applied), strict=True)]
    near, far = sum(sum(row[2:]) for row in grown), sum(sum(row[:2]) for row in grown)
    assert near > 1000, grown
    assert far == 0, grown
    verify = applied.shell.run(f"{_VERIFY} /root/irq.yaml", timeout_seconds=120)
    assert verify.exit_code == 0, verify.stdout


@pytest.mark.at_length
def test_a_second_plan_has_nothing_to_change(applied: Guest) -> None:
    again = applied.shell.check("nodeagent tune plan --profile /root/irq.yaml --detailed-exitcode", timeout_seconds=120)
    assert "nothing to change" in again


@pytest.mark.at_length
@pytest.mark.parametrize("way", ["nodeagent tune rollback", "sh /var/lib/nodeagent/undo/*.sh"])
def test_masks_come_back_to_the_byte(clean: Guest, way: str) -> None:
    before = clean.shell.check(_SNAPSHOT)
    clean.shell.check(f"{_APPLY} /root/irq.yaml", timeout_seconds=300)
    assert clean.shell.check(_SNAPSHOT) != before
    clean.shell.check(way, timeout_seconds=300)
    assert clean.shell.check(_SNAPSHOT) == before


@pytest.mark.at_length
def test_a_driver_that_comes_back_has_its_interrupts_found_again(applied: Guest) -> None:
    """Its interrupts are new, and may have other numbers; a hole is made below them, so that they surely have."""
    before = applied.shell.check(f"echo {_NUMBERS}").split()
    applied.shell.check(
        """
        address=$(basename $(readlink /sys/class/net/data0/device))
        echo $address > /sys/bus/pci/drivers/igb/unbind
        echo $address > /sys/bus/pci/drivers/igb/bind
        for wait in $(seq 100); do [ -d /sys/class/net/data0 ] && break; sleep 0.2; done
        ip link set dev data0 up
        for wait in $(seq 100); do [ "$(cat /sys/class/net/data0/carrier)" = 1 ] && exit 0; sleep 0.2; done
        exit 1
        """,
        timeout_seconds=120,
    )
    verify = applied.shell.run(f"{_VERIFY} /root/irq.yaml", timeout_seconds=120)
    assert verify.exit_code == 2, (before, verify.stdout)
    applied.shell.check(f"{_APPLY} /root/irq.yaml", timeout_seconds=300)
    verify = applied.shell.run(f"{_VERIFY} /root/irq.yaml", timeout_seconds=120)
    assert verify.exit_code == 0, verify.stdout


@pytest.mark.at_length
def test_queues_of_drives_are_reported_and_left_alone(applied: Guest) -> None:
    shown = applied.shell.check(f"{_VERIFY} /root/irq.yaml --output json", timeout_seconds=120)
    assert "NA-IRQ-002" in shown


@pytest.mark.at_length
def test_the_kernel_refuses_a_managed_interrupt_and_the_message_says_what_to_do(clean: Guest) -> None:
    told = clean.shell.check(f"python3 -c '{_REFUSED}'", timeout_seconds=120)
    assert "EIO" in told or "EPERM" in told
    assert "NA-IRQ-002" in told


def test_irqbalance_is_told_by_its_script_and_leaves_the_port_alone(irqbalance: Guest) -> None:
    applied = irqbalance.shell.run(f"{_APPLY} /root/away.yaml", timeout_seconds=300)
    assert applied.exit_code == 2, applied.stdout  # all is set, and irqbalance has not heard of it
    untold = irqbalance.shell.run(f"{_VERIFY} /root/away.yaml", timeout_seconds=120)
    assert untold.exit_code == 2
    assert b"systemctl restart irqbalance" in untold.stdout
    irqbalance.shell.check("systemctl daemon-reload && systemctl restart irqbalance", timeout_seconds=120)
    assert "irqbalance-nodeagent.sh" in irqbalance.shell.check("tr '\\0' ' ' < /proc/$(pidof irqbalance)/cmdline")
    irqbalance.shell.check(f"{_APPLY} /root/away.yaml", timeout_seconds=300)  # what it had moved meanwhile
    time.sleep(25)  # two of its rounds
    verify = irqbalance.shell.run(f"{_VERIFY} /root/away.yaml", timeout_seconds=120)
    assert verify.exit_code == 0, verify.stdout
