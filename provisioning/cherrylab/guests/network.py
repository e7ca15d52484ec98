"""The network of a lab: one namespace with two bridges, so that nothing of it touches the host's own network.

The management bridge has an address (we type into the guests from inside the namespace); the data bridge has none, it
is only a cable between the guests' SR-IOV NICs. `ip netns pids` of the namespace is the sure list of what runs in it.
Sources: ip-netns(8), ip-link(8), ip-tuntap(8).
"""

from dataclasses import dataclass
from pathlib import Path

from nodeagent.host.process import run
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

MTU = 9000
MANAGEMENT = "10.77.0"
DATA = "10.78.0"
HOST = f"{MANAGEMENT}.1"
"""The address from which we type into the guests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabNetwork:
    """A namespace of a given name; addresses may repeat between labs, as nothing leaves it."""

    namespace: str

    def create(self) -> None:
        """HostError where it can't be made; what was made is removed again."""
        _ip("netns", "add", self.namespace)
        try:
            self._in("link", "set", "lo", "up")
            for bridge in ("br0", "br1"):
                self._in("link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0")
                self._in("link", "set", bridge, "mtu", str(MTU), "up")
            self._in("address", "add", f"{HOST}/24", "dev", "br0")
        except BaseException:
            self.remove()
            raise

    def add_tap(self, name: str, *, bridge: str) -> None:
        self._in("tuntap", "add", name, "mode", "tap")
        self._in("link", "set", name, "mtu", str(MTU), "master", bridge, "up")
        self._in("link", "set", bridge, "mtu", str(MTU))

    def remove_tap(self, name: str) -> None:
        self._in("link", "delete", name)

    def add_address(self, address: str) -> None:
        """One more of the host's own; whoever asks it from inside the namespace comes from the bridge's first one."""
        self._in("route", "replace", "table", "local", "local", address, "dev", "br0", "src", HOST)

    def remove_address(self, address: str) -> None:
        self._in("route", "delete", "table", "local", "local", address, "dev", "br0")

    def exists(self) -> bool:
        """False after a reboot of the host, where a kept lab's files are still there."""
        return Path(f"/run/netns/{self.namespace}").exists()

    def pids(self) -> tuple[int, ...]:
        """Every process that lives in the namespace; empty where it is gone."""
        completed = run(Command(argv=("ip", "netns", "pids", self.namespace), timeout_seconds=10))
        return tuple(int(word) for word in completed.stdout.split()) if completed.ok else ()

    def remove(self) -> None:
        """Taps and bridges go with the namespace; it is no error when it is gone already."""
        run(Command(argv=("ip", "netns", "delete", self.namespace), timeout_seconds=10))

    def _in(self, *arguments: str) -> None:
        _ip("-netns", self.namespace, *arguments)


def _ip(*arguments: str) -> None:
    command = Command(argv=("ip", *arguments), timeout_seconds=10)
    completed = run(command)
    if not completed.ok:
        said = completed.stderr.decode(errors="replace").strip()
        raise HostError(f"`{command}` ended with code {completed.exit_code}: {said}", remedy="run as root")
