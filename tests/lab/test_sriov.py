"""Virtual functions and MTUs on a real kernel with a real (emulated) SR-IOV card: igb with 7 VFs, Linux 6.1.

The oracle is iproute2 in the guest, and the peer at the other end of the cable. Everything is typed into the guest over
its management port, which none of the changes touches.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cherrylab.guests.guest import Guest
from tests.lab.steps import kill_after, lay_out, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

_VFS = """\
schema: 1
summary: four virtual functions with addresses, a VLAN, trust and long frames
tune:
  sriov:
    - name: data
      nic: {driver: igb, count: 1}
      vfs: 4
      mtu: 9000
      vf:
        - {index: "0-1", trust: true, mtu: 9000}
        - {index: "0", mac: "02:00:00:00:00:a0"}
        - {index: "1", mac: "02:00:00:00:00:a1", vlan: 100, qos: 3}
        - {index: "2", spoofchk: false}
"""
_SMALL_MTU = """\
schema: 1
summary: an MTU that the other end does not keep to
tune:
  nic-mtu:
    - {name: data, nic: {driver: igb, count: 1}, mtu: 1400}
"""
_GUARDED = "nodeagent tune apply --yes --allow link-flap"
_APPLY = f"{_GUARDED} --no-confirm --profile"

_SNAPSHOT = """
function=/sys/class/net/data0/device
cat $function/sriov_numvfs $function/sriov_drivers_autoprobe /sys/class/net/data0/mtu
ip -d link show dev data0 | sed 's/state [A-Z]*//; s/<[^>]*>//'
ls /sys/class/net
"""
_RESET = """
for name in vf0 vf1; do ip netns del $name 2>/dev/null; done
rm -rf /var/lib/nodeagent
function=/sys/class/net/data0/device
echo 0 > $function/sriov_numvfs
echo 1 > $function/sriov_drivers_autoprobe
ip link set dev data0 mtu 1500 up
for wait in $(seq 100); do [ "$(cat /sys/class/net/data0/carrier)" = 1 ] && exit 0; sleep 0.2; done
exit 1
"""


@pytest.fixture
def clean(node: Guest) -> Guest:
    """The node as it booted, with the MTU that ports have; the profiles lie in /root."""
    node.shell.check(_RESET, timeout_seconds=120)
    lay_out(node, {"vfs": _VFS, "small": _SMALL_MTU})
    return node


@pytest.fixture
def applied(clean: Guest) -> Guest:
    clean.shell.check(f"{_APPLY} /root/vfs.yaml", timeout_seconds=600)
    return clean


@pytest.fixture
def guests_of_vfs(applied: Guest, peer: Guest) -> Iterator[Guest]:
    """VF 0 and VF 1 in a network namespace each, as a container has them."""
    for index in (0, 1):
        applied.shell.check(
            f"""
            set -e
            ip netns add vf{index}
            name=$(ls /sys/class/net/data0/device/virtfn{index}/net)
            ip link set dev $name netns vf{index} name vf
            ip -n vf{index} address add 10.78.0.{50 + index}/24 dev vf
            ip -n vf{index} link set dev vf up
            """
        )
    assert until(applied, f"ip netns exec vf0 ping -c 1 -W 2 {peer.data_address}", seconds=60)
    yield applied
    applied.shell.check("ip netns del vf0; ip netns del vf1; sleep 1")


def _vfs(guest: Guest) -> list[dict[str, Any]]:
    """The VFs as the kernel tells iproute2."""
    (link,) = json.loads(guest.shell.check("ip -j -d link show dev data0"))
    found: list[dict[str, Any]] = link["vfinfo_list"]
    return found


def test_a_plan_changes_nothing_and_names_what_is_known_after_apply(clean: Guest) -> None:
    before = clean.shell.check(_SNAPSHOT)
    plan = clean.shell.check("nodeagent tune plan --profile /root/vfs.yaml --output json", timeout_seconds=120)
    assert clean.shell.check(_SNAPSHOT) == before
    steps = [step for tunable in json.loads(plan)["tunables"] for step in tunable["steps"]]
    kinds = [step["change"]["kind"] for step in steps]
    assert kinds[:2] == ["set-link", "set-vf-count"]
    assert set(kinds[2:]) == {"deferred"}


@pytest.mark.at_length
def test_without_being_allowed_nothing_flaps(clean: Guest) -> None:
    before = clean.shell.check(_SNAPSHOT)
    completed = clean.shell.run("nodeagent tune apply --yes --profile /root/vfs.yaml", timeout_seconds=120)
    assert completed.exit_code == 4, completed.stderr
    assert clean.shell.check(_SNAPSHOT) == before


def test_the_kernel_shows_what_the_profile_asked_for(applied: Guest) -> None:
    first, second, third, fourth = _vfs(applied)
    assert (first["address"], first["trust"], first["spoofchk"]) == ("02:00:00:00:00:a0", True, True)
    assert (second["address"], second["trust"]) == ("02:00:00:00:00:a1", True)
    assert second["vlan_list"] == [{"vlan": 100, "qos": 3}]
    assert (third["trust"], third["spoofchk"]) == (False, False)
    assert (fourth["trust"], fourth["spoofchk"]) == (False, True)
    addresses = applied.shell.check("cat /sys/class/net/data0/device/virtfn[01]/net/*/address").split()
    assert addresses == ["02:00:00:00:00:a0", "02:00:00:00:00:a1"]
    drivers = applied.shell.check("readlink /sys/class/net/data0/device/virtfn*/driver").split()
    assert [driver.rpartition("/")[2] for driver in drivers] == ["igbvf"] * 4
    verify = applied.shell.run("nodeagent tune verify --profile /root/vfs.yaml", timeout_seconds=120)
    assert verify.exit_code == 0, verify.stdout
    again = applied.shell.check("nodeagent tune plan --profile /root/vfs.yaml --detailed-exitcode", timeout_seconds=120)
    assert "nothing to change" in again


def test_a_vf_reaches_the_peer_with_whole_frames_of_9000_bytes(guests_of_vfs: Guest, peer: Guest) -> None:
    ping = "ip netns exec vf0 ping -c 2 -W 4 -M do -s"
    assert guests_of_vfs.shell.run(f"{ping} 8972 {peer.data_address}").ok
    too_long = guests_of_vfs.shell.run(f"{ping} 8973 {peer.data_address}")
    assert b"message too long" in too_long.stderr + too_long.stdout


def test_a_vf_in_a_vlan_is_alone_in_it(guests_of_vfs: Guest, peer: Guest) -> None:
    assert not guests_of_vfs.shell.run(f"ip netns exec vf1 ping -c 2 -W 2 {peer.data_address}").ok


@pytest.mark.at_length
def test_drift_of_an_attribute_is_told_and_mended(applied: Guest) -> None:
    applied.shell.check("ip link set dev data0 vf 0 trust off")
    verify = applied.shell.run("nodeagent tune verify --profile /root/vfs.yaml", timeout_seconds=120)
    assert verify.exit_code == 2
    assert b"vf0:trust" in verify.stdout
    applied.shell.check(f"{_APPLY} /root/vfs.yaml", timeout_seconds=300)
    assert _vfs(applied)[0]["trust"] is True


@pytest.mark.at_length
def test_an_address_of_a_vf_in_use_is_taken_over_with_its_mtu_and_undone_with_the_rest(clean: Guest) -> None:
    before = clean.shell.check(_SNAPSHOT)
    clean.shell.check(f"{_APPLY} /root/vfs.yaml", timeout_seconds=600)
    clean.shell.check("sed s/00:a0/00:b0/ /root/vfs.yaml > /root/other.yaml")
    clean.shell.check(f"{_APPLY} /root/other.yaml", timeout_seconds=300)
    shown = clean.shell.check("cd /sys/class/net/data0/device/virtfn0/net/* && cat address mtu")
    assert shown.split() == ["02:00:00:00:00:b0", "9000"]
    clean.shell.check("nodeagent tune rollback", timeout_seconds=300)
    assert clean.shell.check(_SNAPSHOT) == before


@pytest.mark.parametrize(
    "way",
    ["nodeagent tune rollback", pytest.param("sh /var/lib/nodeagent/undo/*.sh", marks=pytest.mark.at_length)],
)
def test_what_was_applied_is_undone_to_the_byte(clean: Guest, way: str) -> None:
    before = clean.shell.check(_SNAPSHOT)
    clean.shell.check(f"{_APPLY} /root/vfs.yaml", timeout_seconds=600)
    assert clean.shell.check(_SNAPSHOT) != before
    clean.shell.check(way, timeout_seconds=300)
    assert clean.shell.check(_SNAPSHOT) == before


@pytest.mark.at_length
def test_another_number_of_vfs_destroys_those_that_are_there_only_where_that_is_allowed(clean: Guest) -> None:
    numbers = "cat /sys/class/net/data0/device/sriov_numvfs /sys/class/net/data0/device/sriov_drivers_autoprobe"
    clean.shell.check("echo 2 > /sys/class/net/data0/device/sriov_numvfs; sleep 3")
    assert clean.shell.run(f"{_APPLY} /root/vfs.yaml", timeout_seconds=120).exit_code == 4
    assert clean.shell.check(numbers) == "2\n1\n"
    clean.shell.check(f"{_APPLY} /root/vfs.yaml --allow vf-destroying", timeout_seconds=600)
    assert clean.shell.check(numbers) == "4\n1\n"
    assert _vfs(clean)[1]["vlan_list"] == [{"vlan": 100, "qos": 3}]
    clean.shell.check("nodeagent tune rollback", timeout_seconds=300)
    assert clean.shell.check(numbers) == "2\n1\n"


@pytest.mark.parametrize("steps", [5, *(pytest.param(steps, marks=pytest.mark.at_length) for steps in (1, 2, 9, 11))])
def test_an_apply_that_is_killed_is_undone_by_a_rollback(clean: Guest, steps: int) -> None:
    """`steps` are told before the signal; the next one is under way when it comes."""
    before = clean.shell.check(_SNAPSHOT)
    kill_after(clean, f"{_APPLY} /root/vfs.yaml", steps=steps)
    assert clean.shell.run("nodeagent tune rollback", timeout_seconds=300).exit_code == 0
    assert clean.shell.check(_SNAPSHOT) == before
    again = clean.shell.check("nodeagent tune rollback", timeout_seconds=120)
    assert "restored" not in again


def test_an_mtu_that_cuts_the_connection_comes_back_without_the_agent(clean: Guest, peer: Guest) -> None:
    """The peer's long packets stop; the apply is killed; the guard alone brings them back, in time."""
    within_seconds = 40
    clean.shell.check("ip link set dev data0 mtu 9000")
    reach = f"ping -c 1 -W 2 -M do -s 8972 {clean.data_address}"
    assert until(peer, reach, seconds=60)
    started = time.monotonic()
    clean.shell.check(
        f"""
        {_GUARDED} --profile /root/small.yaml --confirm-within {within_seconds}s > /root/told 2>&1 &
        apply=$!
        while kill -0 $apply && [ "$(cat /sys/class/net/data0/mtu)" = 9000 ]; do sleep 0.05; done
        kill -9 $apply
        wait $apply
        [ "$(cat /sys/class/net/data0/mtu)" = 1400 ]
        """,
        timeout_seconds=120,
    )
    assert not peer.shell.run(reach).ok
    assert until(peer, reach, seconds=within_seconds + 60)
    took = time.monotonic() - started
    assert clean.shell.check("cat /sys/class/net/data0/mtu") == "9000\n"
    assert took < within_seconds + 60
