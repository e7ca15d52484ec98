"""Typing into a guest: ssh over one kept connection (`keep`), so that a command costs a tenth of a second.

Exit code, stdout and stderr come back apart; a script goes in by stdin. The host key is the lab's own and new with
every image, so it is not checked: the namespace has no other machines.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nodeagent.host.process import Running, run, start
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError

_A_DAY_SECONDS = 86400.0
_COPY_SECONDS = 900.0
"""An emulated CPU deciphers a megabyte a second; on a host that others use too, a tenth of that."""

_HANDSHAKE_SECONDS = 60.0
"""One who gives up sooner on a busy host throws away what the guest's slow CPU has computed, each time anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """How to reach one guest. `control` is the socket of the kept connection."""

    namespace: str
    address: str
    key: Path
    control: Path

    def run(self, script: str, *, timeout_seconds: float = 60.0) -> Completed:
        """Run a bash script as root; a failing exit code is a result, 255 means that ssh itself failed."""
        return run(
            Command(
                argv=(*self.argv, "bash", "-s"),
                timeout_seconds=timeout_seconds,
                input_text=script,
                network_namespace=self.namespace,
            )
        )

    def check(self, script: str, *, timeout_seconds: float = 60.0) -> str:
        """The stdout of a script that must succeed; HostError with its stderr otherwise."""
        completed = self.run(script, timeout_seconds=timeout_seconds)
        if not completed.ok:
            said = completed.stderr.decode(errors="replace").strip()[-2000:]
            how = "was ended after its time limit" if completed.timed_out else f"ended with {completed.exit_code}"
            raise HostError(f"in guest {self.address}: {script.strip()[:200]!r} {how}: {said}")
        return completed.stdout.decode(errors="replace")

    def send(self, source: Path, target: str) -> None:
        """Copy a file or a directory into the guest."""
        argv = ("scp", "-q", "-r", *self._options, str(source), f"root@{self.address}:{target}")
        completed = run(Command(argv=argv, timeout_seconds=_COPY_SECONDS, network_namespace=self.namespace))
        if not completed.ok:
            raise HostError(f"copying {source} into {self.address}: {completed.stderr.decode(errors='replace')}")

    def wait(self, *, timeout_seconds: float, is_running: Callable[[], bool] = lambda: True) -> None:
        """Wait until it answers; HostError when the time is over, or when the machine `is_running` no more."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            completed = self.run("true", timeout_seconds=_HANDSHAKE_SECONDS)
            if completed.ok:
                return
            said = completed.stderr.decode(errors="replace").strip()
            if not is_running():
                raise HostError(f"the machine of guest {self.address} ended before it answered")
            if time.monotonic() > deadline:
                raise HostError(f"guest {self.address} does not answer within {timeout_seconds:g} s: {said}")
            time.sleep(0.5)

    def keep(self) -> Running:
        """Hold one connection open that the others share; stop it before a reset."""
        self.control.unlink(missing_ok=True)
        argv = ("ssh", "-q", "-M", "-N", *self._options, f"root@{self.address}")
        return start(Command(argv=argv, timeout_seconds=_A_DAY_SECONDS, network_namespace=self.namespace))

    @property
    def argv(self) -> tuple[str, ...]:
        return ("ssh", "-q", *self._options, f"root@{self.address}")

    @property
    def _options(self) -> tuple[str, ...]:
        options = {
            "ControlPath": str(self.control),
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "IdentityFile": str(self.key),
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "30",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
        }
        return tuple(part for name, value in options.items() for part in ("-o", f"{name}={value}"))
