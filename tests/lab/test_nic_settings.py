"""Queues, rings, coalescing, offloads and the UDP hash of a real (emulated) card: igb in a guest, Linux 6.1.

The oracle is `ethtool` in the guest. Everything is typed into it over its management port, which none of this touches.
"""

from collections.abc import Iterator

import pytest

from cherrylab.guests.guest import Guest
from tests.lab.steps import kill_after, lay_out

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

_ALL = """\
schema: 1
summary: every setting of a port
tune:
  nic-queues:
    - {name: data, nic: {driver: igb, count: 1}, queues: "2", udp4_hash: sdfn}
  nic-rings:
    - {name: data, nic: {driver: igb, count: 1}, rx: "1001", tx: max}
  nic-coalescing:
    - {name: data, nic: {driver: igb, count: 1}, rx_usecs: 20}
  nic-offloads:
    - {name: data, nic: {driver: igb, count: 1}, features: {gro: false, tx: false, rxhash: false}}
"""
_VFS = """\
schema: 1
summary: VFs, which take queues from their port, and queues after them
tune:
  sriov:
    - {name: data, nic: {driver: igb, count: 1}, vfs: 2}
  nic-queues:
    - {name: data, nic: {driver: igb, count: 1}, queues: "1"}
  nic-rings:
    - {name: data, nic: {driver: igb, count: 1}, rx: "512"}
"""
_APPLY = "nodeagent tune apply --yes --allow link-flap --no-confirm --profile"
_SNAPSHOT = """
for flag in g l c k; do ethtool -$flag data0; done
ethtool -n data0 rx-flow-hash udp4
cat /sys/class/net/data0/device/sriov_numvfs
"""
_RESET = """
rm -rf /var/lib/nodeagent
echo 0 > /sys/class/net/data0/device/sriov_numvfs
ethtool -L data0 combined 4
ethtool -X data0 default
ethtool -G data0 rx 256 tx 256
ethtool -C data0 rx-usecs 3
ethtool -K data0 gro on tx on sg on tso on rxhash on
ethtool -N data0 rx-flow-hash udp4 sd
ip link set dev data0 up
for wait in $(seq 100); do [ "$(cat /sys/class/net/data0/carrier)" = 1 ] && exit 0; sleep 0.2; done
exit 1
"""


@pytest.fixture
def clean(node: Guest) -> Iterator[Guest]:
    """The node with the settings that its driver gives a port; the profiles lie in /root."""
    node.shell.check(_RESET, timeout_seconds=120)
    lay_out(node, {"all": _ALL, "vfs": _VFS})
    yield node
    node.shell.check(_RESET, timeout_seconds=120)


def _profile(guest: Guest, tunable: str, settings: str) -> None:
    """/root/one.yaml with one entry for the port."""
    entry = f"    - {{name: data, nic: {{driver: igb, count: 1}}, {settings}}}"
    lay_out(guest, {"one": f"schema: 1\nsummary: x\ntune:\n  {tunable}:\n{entry}\n"})


def _now(guest: Guest, flag: str, label: str) -> str:
    """What stands behind a label below the maxima."""
    text = guest.shell.check(f"ethtool -{flag} data0").partition("Current hardware settings:")[2]
    return next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(f"{label}:"))


def test_the_card_shows_what_the_profile_asked_for(clean: Guest) -> None:
    clean.shell.check(f"{_APPLY} /root/all.yaml", timeout_seconds=600)
    assert _now(clean, "l", "Combined") == "2"
    assert (_now(clean, "g", "RX"), _now(clean, "g", "TX")) == ("1008", "4096")
    assert "rx-usecs: 20\n" in clean.shell.check("ethtool -c data0")
    flags = clean.shell.check("ethtool -k data0")
    assert "generic-receive-offload: off\n" in flags
    assert "tx-checksumming: off\n" in flags
    assert "tx-tcp-segmentation: off [requested on]" in flags
    assert "receive-hashing: off\n" in flags
    assert "L4 bytes 0 & 1" in clean.shell.check("ethtool -n data0 rx-flow-hash udp4")
    verify = clean.shell.run("nodeagent tune verify --profile /root/all.yaml", timeout_seconds=120)
    assert verify.exit_code == 0, verify.stdout
    again = clean.shell.check("nodeagent tune plan --profile /root/all.yaml --detailed-exitcode", timeout_seconds=120)
    assert "nothing to change" in again


@pytest.mark.at_length
def test_every_queue_has_its_share_of_the_flows(clean: Guest) -> None:
    """After fewer, and after more."""
    for queues in ("2", "3", "4"):
        _profile(clean, "nic-queues", f'queues: "{queues}"')
        clean.shell.check(f"{_APPLY} /root/one.yaml", timeout_seconds=300)
        table = clean.shell.check("ethtool -x data0").partition("RSS hash key")[0].splitlines()[1:]
        named = [int(word) for line in table for word in line.partition(":")[2].split()]
        assert set(named) == set(range(int(queues)))


@pytest.mark.parametrize(
    "way",
    ["nodeagent tune rollback", pytest.param("sh /var/lib/nodeagent/undo/*.sh", marks=pytest.mark.at_length)],
)
def test_what_was_applied_is_undone_to_the_byte(clean: Guest, way: str) -> None:
    before = clean.shell.check(_SNAPSHOT)
    clean.shell.check(f"{_APPLY} /root/all.yaml", timeout_seconds=600)
    assert clean.shell.check(_SNAPSHOT) != before
    clean.shell.check(way, timeout_seconds=300)
    assert clean.shell.check(_SNAPSHOT) == before


@pytest.mark.at_length
def test_several_applies_go_back_to_the_first_original(clean: Guest) -> None:
    before = clean.shell.check(_SNAPSHOT)
    for settings in ('rx: "512"', 'tx: "1024"', 'rx: "2048", tx: "512"'):
        _profile(clean, "nic-rings", settings)
        clean.shell.check(f"{_APPLY} /root/one.yaml", timeout_seconds=300)
    clean.shell.check("nodeagent tune rollback", timeout_seconds=300)
    assert clean.shell.check(_SNAPSHOT) == before


@pytest.mark.at_length
@pytest.mark.parametrize(
    ("tunable", "settings", "words"),
    [
        ("nic-queues", 'queues: "5"', "there are 4 CPUs"),
        ("nic-queues", 'queues: "99"', "at most 8"),
        ("nic-rings", 'rx: "5000"', "at most 4096"),
        ("nic-offloads", "features: {lro: true}", "fixed"),
    ],
)
def test_what_the_card_can_not_do_is_told_and_not_tried(clean: Guest, tunable: str, settings: str, words: str) -> None:
    before = clean.shell.check(_SNAPSHOT)
    _profile(clean, tunable, settings)
    told = clean.shell.run(f"{_APPLY} /root/one.yaml", timeout_seconds=120)
    assert words in (told.stdout + told.stderr).decode()
    assert clean.shell.check(_SNAPSHOT) == before


@pytest.mark.at_length
def test_what_the_driver_refuses_is_undone_and_told(clean: Guest) -> None:
    """Igb coalesces by time only; no driver says so before it is asked."""
    before = clean.shell.check(_SNAPSHOT)
    _profile(clean, "nic-coalescing", "rx_usecs: 20, rx_frames: 8")
    told = clean.shell.run(f"{_APPLY} /root/one.yaml", timeout_seconds=120)
    assert told.exit_code == 5, told.stdout
    assert b"leave it out" in told.stderr + told.stdout
    assert clean.shell.check(_SNAPSHOT) == before


def test_queues_and_rings_follow_the_vfs_that_are_made_before_them(clean: Guest) -> None:
    before = clean.shell.check(_SNAPSHOT)
    clean.shell.check(f"{_APPLY} /root/vfs.yaml", timeout_seconds=600)
    assert _now(clean, "l", "Combined") == "1"
    assert _now(clean, "g", "RX") == "512"
    verify = clean.shell.run("nodeagent tune verify --profile /root/vfs.yaml", timeout_seconds=120)
    assert verify.exit_code == 0, verify.stdout
    clean.shell.check("nodeagent tune rollback", timeout_seconds=300)
    assert clean.shell.check(_SNAPSHOT) == before


@pytest.mark.parametrize("steps", [4, *(pytest.param(steps, marks=pytest.mark.at_length) for steps in (1, 2, 6))])
def test_an_apply_that_is_killed_is_undone_by_a_rollback(clean: Guest, steps: int) -> None:
    """`steps` are told before the signal; the next one is under way when it comes."""
    before = clean.shell.check(_SNAPSHOT)
    kill_after(clean, f"{_APPLY} /root/all.yaml", steps=steps)
    assert clean.shell.run("nodeagent tune rollback", timeout_seconds=300).exit_code == 0
    assert clean.shell.check(_SNAPSHOT) == before
