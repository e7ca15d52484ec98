"""More tunables on the real kernel: pools of huge pages, swap, a firewall, and a pair of virtual ports.

The ports live in the campaign's own network namespace, with a sysfs of that namespace. They hang on no bus, so a
directory of ours stands in /sys/bus/pci/devices of the campaign's own mount namespace and says where they are; every
knob in it is the kernel's.
"""

import ctypes
import os
import subprocess
from dataclasses import replace
from pathlib import Path

from nodeagent.model.change import Change, Risk
from nodeagent.model.facts import HostFacts, Nic
from tests.campaigns.grounds import MIB, Ground, Snapshot, loop_device

ADDRESS = "0000:ff:00.0"
_BUS = Path("/sys/bus/pci/devices")
_PORT = "v0"
_PORT_RISKS = frozenset({Risk.LIVE, Risk.LINK_FLAP})


class PoolGround(Ground):
    """A few huge pages of node 0."""

    name = "hugepages"
    share = 0.08
    _POOL = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
    _PAGES = 3

    def profile_text(self) -> str:
        pages = int(Path(self._POOL).read_text()) + self._PAGES
        return f"  hugepages:\n    - {{name: campaign, size: 2MiB, nodes: '0', pages: {pages}}}\n"

    def paths(self) -> tuple[str, ...]:
        return (self._POOL,)


class SwapGround(Ground):
    """Two loop devices are swapped to: one at a priority of the kernel's choice, one at 7."""

    name = "swap"
    share = 0.03

    def prepare(self) -> None:
        others = Path("/proc/swaps").read_text().splitlines()[1:]
        assert not others, f"the swap of this machine is not for a campaign to switch off: {others}"
        self.areas = {}
        for name, priority in (("one", None), ("two", 7)):
            node = loop_device(self.stack, self.directory / f"{name}.img", size_bytes=4 * MIB)
            _run("mkswap", "--label", name, node)
            self.areas[node] = priority
            self.stack.callback(subprocess.run, ["swapoff", node], check=False, capture_output=True)
        self._switch_on()

    def profile_text(self) -> str:
        return "  swap:\n    in_use: {value: off, why: campaign, source: campaign}\n"

    def paths(self) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> Snapshot:
        rows = [line.split() for line in Path("/proc/swaps").read_text().splitlines()[1:]]
        return {node: next((row[4] for row in rows if row[0] == node), "off") for node in self.areas}

    def reset(self) -> None:
        for node in self.areas:
            subprocess.run(["swapoff", node], check=False, capture_output=True)
        self._switch_on()

    def _switch_on(self) -> None:
        for node, priority in self.areas.items():
            _run("swapon", *(["--priority", str(priority)] if priority else []), node)


class FirewallGround(Ground):
    """Our table in the campaign's own network namespace, beside somebody else's."""

    name = "firewall"
    exists_once = False
    share = 0.02
    allow = frozenset(Risk)

    def prepare(self) -> None:
        _run("nft", "add table inet theirs; add chain inet theirs input { type filter hook input priority 5; }")
        self.stack.callback(_run, "nft", "flush ruleset")

    def profile_text(self) -> str:
        return (
            "  firewall:\n"
            "    policy: {value: drop, why: campaign, source: campaign}\n"
            "    management: {sources: [10.77.0.2], ports: '2222'}\n"
            "    services:\n"
            "      - {name: gossip, protocol: udp, ports: 8000-8010, sources: [any], udp_packets_per_second: 40}\n"
        )

    def paths(self) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> Snapshot:
        return {"ruleset": _run("nft", "--stateless", "list ruleset")}

    def intended(self, change: Change) -> tuple[str, ...]:  # type: ignore[override]
        return ("ruleset",)

    def reset(self) -> None:
        subprocess.run(["nft", "delete table inet nodeagent"], check=False, capture_output=True)


class PortGround(Ground):
    """A veth pair with four queues each way, and down: nobody waits for a link that was not there."""

    allow = _PORT_RISKS
    exists_once = False

    def prepare(self) -> None:
        mount("sysfs", Path("/sys"))
        self.stack.callback(unmount, Path("/sys"))
        self._plug()
        self.stack.callback(_run, "ip", "link", "delete", _PORT)
        mount("tmpfs", _BUS)
        self.stack.callback(unmount, _BUS)
        function = _BUS / ADDRESS
        (function / "net").mkdir(parents=True)
        (function / "net" / _PORT).symlink_to(f"/sys/class/net/{_PORT}")
        (function / "driver").symlink_to("/sys/bus/pci/drivers/veth")

    def look(self) -> HostFacts:
        return replace(super().look(), nics=(Nic(name=_PORT, driver="veth", pci_address=ADDRESS),))

    def paths(self) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> Snapshot:
        """What ethtool prints, and every knob of the port."""
        queues = Path(f"/sys/class/net/{_PORT}/queues")
        knobs = [*queues.glob("rx-*/rps_*"), *queues.glob("tx-*/xps_cpus"), queues.parent / "mtu"]
        return {**self._told(), **{str(path): path.read_text() for path in knobs}}

    def intended(self, change: Change) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.original)

    def reset(self) -> None:
        """A new pair, in its first state."""
        _run("ip", "link", "delete", _PORT)
        self._plug()

    def _plug(self) -> None:
        queues = ("numrxqueues", "4", "numtxqueues", "4")
        _run("ip", "link", "add", _PORT, *queues, "type", "veth", "peer", "name", "v1", *queues)

    def _told(self) -> Snapshot:
        return {flag: _run("ethtool", flag, _PORT) for flag in ("-k", "-l")}


class QueuesGround(PortGround):
    name = "nic-queues"
    share = 0.03

    def profile_text(self) -> str:
        return "  nic-queues:\n    - {name: campaign, nic: {driver: veth}, queues: 1}\n"


class OffloadsGround(PortGround):
    """Flags that need one another."""

    name = "nic-offloads"
    share = 0.03

    def profile_text(self) -> str:
        features = "{tso: false, gro: true, gso: false}"
        return f"  nic-offloads:\n    - {{name: campaign, nic: {{driver: veth}}, features: {features}}}\n"


class MtuGround(PortGround):
    name = "nic-mtu"

    def profile_text(self) -> str:
        return "  nic-mtu:\n    - {name: campaign, nic: {driver: veth}, mtu: 9000}\n"


class SteeringGround(PortGround):
    name = "rps-xps"

    def profile_text(self) -> str:
        entry = (
            "name: campaign, nic: {driver: veth}, cpus: '0-1', rps_cpus: '1', rps_flow_cnt: 4096, xps_cpus: own-queue"
        )
        return f"  rps-xps:\n    ports:\n      - {{{entry}}}\n"


def mount(kind: str, target: Path) -> None:
    """mount(2) in the campaign's own namespace."""
    if ctypes.CDLL(None, use_errno=True).mount(kind.encode(), os.fsencode(target), kind.encode(), 0, None):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(target))


def unmount(target: Path) -> None:
    lazily = 2
    ctypes.CDLL(None).umount2(os.fsencode(target), lazily)


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
