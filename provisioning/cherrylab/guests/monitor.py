"""QMP: the hands on the outside of a guest. Pulls drives and cables, cuts the power, resets.

Source: QEMU Machine Protocol reference (docs/interop/qmp-spec.rst of QEMU). One connection at a time; each call opens
its own, so that a guest that was reset in between is no special case.
"""

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeagent.model.errors import HostError

_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """The monitor socket of one guest."""

    path: Path

    def execute(self, command: str, /, **arguments: Any) -> Any:
        """Run one command; HostError when QEMU says no or does not answer."""
        request = json.dumps({"execute": command, "arguments": arguments})
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_TIMEOUT_SECONDS)
                connection.connect(str(self.path))
                with connection.makefile("rw", encoding="utf-8") as stream:
                    _answer(stream, '{"execute": "qmp_capabilities"}')
                    return _answer(stream, request)
        except (OSError, ValueError) as error:
            raise HostError(f"the monitor {self.path} did not carry out {command}: {error}") from error

    def wait(self, *, timeout_seconds: float) -> None:
        """Wait until QEMU answers after power-on; its last refusal where it never does."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                self.execute("query-status")
            except HostError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def unplug(self, device: str, *, timeout_seconds: float = 40.0) -> None:
        """Hot-unplug a device and wait until the guest let go of it; HostError when it does not."""
        self.execute("device_del", id=device)
        deadline = time.monotonic() + timeout_seconds
        while device in self.devices():
            if time.monotonic() > deadline:
                raise HostError(f"{device} is still plugged in after {timeout_seconds:g} s")
            time.sleep(0.2)

    def plug_nvme(self, device: str, *, serial: str, drive: str, bus: str) -> None:
        """Plug a drive in: `drive` is the role whose image it holds, `bus` a free root port (rp0, ...)."""
        self.execute("device_add", driver="nvme", id=device, serial=serial, drive=drive, bus=bus)

    def plug_nic(self, *, mac: str, bus: str, device: str = "nic0") -> None:
        """Plug the SR-IOV NIC back in, at the cable (netdev) that it was unplugged from."""
        self.execute("device_add", driver="igb", id=device, netdev="dn", mac=mac, bus=bus)

    def fail_drive(self, role: str, *, sector: int | None = None, reading: bool = True, writing: bool = True) -> None:
        """From now on the drive answers with a media error: at one sector of 512 bytes, or everywhere.

        A layer of errors (blkdebug) is slid under the drive while it runs; `heal_drive` takes it out again.
        """
        kinds = [kind for kind, wanted in (("read", reading), ("write", writing)) if wanted]
        place = {} if sector is None else {"sector": sector}
        rules = [{"event": "none", "iotype": kind, "errno": 5, "once": False, **place} for kind in kinds]
        layer = f"failing-{role}"
        self.execute("blockdev-add", **{"driver": "blkdebug", "node-name": layer, "image": role, "inject-error": rules})
        self._put_under(role, layer)

    def heal_drive(self, role: str) -> None:
        self._put_under(role, role)
        self.execute("blockdev-del", **{"node-name": f"failing-{role}"})

    def _put_under(self, role: str, node: str) -> None:
        self.execute("qom-set", path=f"/machine/peripheral/nvme-{role}", property="drive", value=node)

    def set_smart_warning(self, role: str, bits: int) -> None:
        """Set the critical warning of the drive's SMART log (4 is `reliability degraded`, 0 none)."""
        path = f"/machine/peripheral/nvme-{role}"
        self.execute("qom-set", path=path, property="smart_critical_warning", value=bits)

    def set_link(self, device: str, *, up: bool) -> None:
        self.execute("set_link", name=device, up=up)

    def limit_iops(self, role: str, iops: int) -> None:
        """Steer the speed of a drive whose template has a limit."""
        self.execute("qom-set", path=f"/objects/limit-{role}", property="limits", value={"iops-total": iops})

    def reset(self) -> None:
        self.execute("system_reset")

    def press_power_button(self) -> None:
        self.execute("system_powerdown")

    def devices(self) -> tuple[str, ...]:
        """The ids of what is plugged in."""
        answer = self.execute("qom-list", path="/machine/peripheral")
        return tuple(entry["name"] for entry in answer if entry["type"].startswith("child<"))


def _answer(stream: Any, request: str) -> Any:
    stream.write(request + "\n")
    stream.flush()
    for line in stream:
        message = json.loads(line)
        if "return" in message:
            return message["return"]
        if "error" in message:
            raise ValueError(message["error"].get("desc", line))
    raise ValueError("it closed the connection")
