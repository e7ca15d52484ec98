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

    def unplug(self, device: str, *, timeout_seconds: float = 40.0) -> None:
        """Hot-unplug a device and wait until the guest let go of it; HostError when it does not."""
        self.execute("device_del", id=device)
        deadline = time.monotonic() + timeout_seconds
        while device in self.devices():
            if time.monotonic() > deadline:
                raise HostError(f"{device} is still plugged in after {timeout_seconds:g} s")
            time.sleep(0.2)

    def plug_nvme(self, device: str, *, serial: str, drive: str, bus: str) -> None:
        self.execute("device_add", driver="nvme", id=device, serial=serial, drive=drive, bus=bus)

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
