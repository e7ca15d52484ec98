"""What a driver keeps, on the real kernel: veth and tap ports in a network namespace that ends with the process.

They hang on no PCI function, so the changes are carried out by the name of the interface. The oracle is `ethtool`; the
undo script's functions find the ports through a tree of links that stands for the bus.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nodeagent.model.ethtool_change import FeatureState, SetChannels, SetCoalescing, SetFeatures
from nodeagent.model.port_settings import Channels, Coalescing
from nodeagent.tune.undo import ethtool as undo_ethtool
from nodeagent.tune.undo import script as undo_script
from tests.needs import need_root, need_tool, tool

pytestmark = [pytest.mark.host, need_root, need_tool("unshare", "ip", "ethtool", "dash")]

_VETH, _TAP = "0000:01:00.0", "0000:02:00.0"
_PRELUDE = f"""
import json, subprocess, sys
from nodeagent.host import ethtool
from nodeagent.host.changes.port_settings import apply_to, state_of
from nodeagent.model.errors import HostError
from nodeagent.model.ethtool_change import *
from nodeagent.model.port_settings import *

def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

queues = "numrxqueues 4 numtxqueues 4"
run({tool("ip")!r}, *f"link add v0 {{queues}} type veth peer name v1 {{queues}}".split())
for port in ("v0", "v1"):
    run({tool("ip")!r}, "link", "set", port, "up")
run({tool("ip")!r}, *"tuntap add t0 mode tap".split())
told = {{"key": "k", "tunable": "t", "address": "a"}}

def shown(flag, port):
    return run({tool("ethtool")!r}, flag, port)

def flags(port):
    return {{flag.name: flag for flag in ethtool.read_settings("a", port).features}}

def flag(name, active, requested=None):
    return FeatureState(name=name, active=active, requested=active if requested is None else requested)
"""


def _in_namespace(script: str, *, before: str = "") -> Any:
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "agent"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    command = [tool("unshare"), "--net", sys.executable, "-c", f"{_PRELUDE}\n{before}\n{script}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_queues_are_set_read_back_and_restored_to_the_byte() -> None:
    told = _in_namespace("""
before = shown("-l", "v0")
change = SetChannels(**told, before=Channels(rx=4, tx=4), after=Channels(rx=2, tx=3))
state = state_of(ethtool.read_settings("a", "v0"), change)
apply_to("v0", "veth", change)
between = shown("-l", "v0").split("Current")[1].split()
apply_to("v0", "veth", change.inverse())
json.dump([state, between, before == shown("-l", "v0")], sys.stdout)
""")
    state, between, same = told
    assert state == "rx=4 tx=4"
    assert [between[between.index(label) + 1] for label in ("RX:", "TX:")] == ["2", "3"]
    assert same


def test_more_queues_than_there_are_is_an_error_with_what_to_do() -> None:
    told = _in_namespace("""
before = shown("-l", "v0")
try:
    apply_to("v0", "veth", SetChannels(**told, before=Channels(rx=4, tx=4), after=Channels(rx=9, tx=4)))
except HostError as error:
    json.dump([error.message, error.remedy, before == shown("-l", "v0")], sys.stdout)
""")
    message, remedy, same = told
    assert "EINVAL" in message
    assert "ethtool -l v0" in remedy
    assert same


def test_a_flag_takes_along_what_needs_it_and_gives_it_back() -> None:
    """Checksums off hold TSO off; the wish for it stands, so undoing the one thing undoes all of it."""
    told = _in_namespace("""
before = shown("-k", "v0")
name = "tx-checksum-ip-generic"
change = SetFeatures(**told, before=(flag(name, True),), after=(flag(name, False),))
assert state_of(ethtool.read_settings("a", "v0"), change) == change.before_state()
apply_to("v0", "veth", change)
held = flags("v0")["tx-tcp-segmentation"]
apply_to("v0", "veth", change.inverse())
json.dump([held.active, held.requested, before == shown("-k", "v0")], sys.stdout)
""")
    assert told == [False, True, True]


def test_a_wish_that_can_not_be_fulfilled_comes_back_as_a_wish() -> None:
    """Undone while what it needs is off: the kernel holds it off again, and the flag reads as before."""
    told = _in_namespace("""
run("ethtool", "-K", "v0", "tx", "off")
before = shown("-k", "v0")
names = [name for name in sorted(flags("v0")) if name == "tx-tcp-segmentation"]
change = SetFeatures(
    **told,
    before=tuple(flag(name, False, True) for name in names),
    after=tuple(flag(name, False) for name in names),
)
assert state_of(ethtool.read_settings("a", "v0"), change) == change.before_state()
apply_to("v0", "veth", change)
between = shown("-k", "v0")
apply_to("v0", "veth", change.inverse())
json.dump([before != between, before == shown("-k", "v0")], sys.stdout)
""")
    assert told == [True, True]


def test_a_flag_that_stays_off_is_an_error_with_what_was_kept() -> None:
    told = _in_namespace("""
run("ethtool", "-K", "v0", "tx", "off", "tso", "off")
name = "tx-tcp-segmentation"
try:
    apply_to("v0", "veth", SetFeatures(**told, before=(flag(name, False),), after=(flag(name, True),)))
except HostError as error:
    json.dump(error.message, sys.stdout)
""")
    assert told.endswith("it kept tx-tcp-segmentation=off(requested-on)")


def test_frames_are_coalesced_and_what_the_driver_lacks_is_refused() -> None:
    told = _in_namespace("""
before = shown("-c", "t0")
change = SetCoalescing(**told, before=Coalescing(rx_frames=0), after=Coalescing(rx_frames=16))
apply_to("t0", "tun", change)
between = shown("-c", "t0")
apply_to("t0", "tun", change.inverse())
try:
    apply_to("t0", "tun", SetCoalescing(**told, before=Coalescing(rx_usecs=0), after=Coalescing(rx_usecs=9)))
except HostError as error:
    json.dump([between, before == shown("-c", "t0"), error.message, error.remedy], sys.stdout)
""")
    between, same, message, remedy = told
    assert "rx-frames: 16" in between
    assert same
    assert "Operation not supported" in message
    assert "leave it out" in remedy


def _state(name: str, *, active: bool, requested: bool | None = None) -> FeatureState:
    return FeatureState(name=name, active=active, requested=active if requested is None else requested)


_UNDONE: list[Any] = [
    SetChannels(
        key="k", tunable="t", address=_VETH, before=Channels(rx=4, tx=4), after=Channels(combined=0, rx=2, tx=3)
    ),
    SetCoalescing(key="k", tunable="t", address=_TAP, before=Coalescing(rx_frames=0), after=Coalescing(rx_frames=16)),
    SetFeatures(
        key="k",
        tunable="t",
        address=_VETH,
        before=(_state("rx-gro", active=False), _state("tx-tcp-segmentation", active=True)),
        after=(_state("rx-gro", active=True), _state("tx-tcp-segmentation", active=False)),
    ),
]


@pytest.mark.parametrize("change", _UNDONE, ids=lambda change: change.kind)
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_the_undo_script_sees_and_restores_it_in_a_plain_shell(change: Any, shell: str, tmp_path: Path) -> None:
    """In the script's own words: is it as it was, is it ours, the way back, is it as it was."""
    words = shell.split()
    words[0] = tool(words[0])
    for address, port in ((_VETH, "v0"), (_TAP, "t0")):
        (tmp_path / f"sys/bus/pci/devices/{address}/net/{port}").mkdir(parents=True)
    head = undo_script._HEAD.replace("@ROOT@", str(tmp_path)).replace("@BOOT@", "")
    back = change.inverse()
    original, ours = undo_ethtool.condition(back), undo_ethtool.condition(change)
    forth, home = (" && ".join(undo_ethtool.actions(side)) for side in (change, back))
    if isinstance(change, SetChannels):  # veth has no combined queues to ask for, and reads 0
        forth = forth.replace("combined 0 ", "")
    lines = [forth, f"{ours} && echo ours", f"{original} || echo moved", home, f"{original} && echo back"]
    script = "\n".join([head, undo_ethtool.FUNCTIONS, *lines])
    said = _in_namespace(
        f"json.dump(run(*{words!r}, '-c', {script!r}).split(), sys.stdout)",
        before='run("ethtool", "-K", "v0", "gro", "off")',
    )
    assert said == ["ours", "moved", "back"]
