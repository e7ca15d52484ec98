"""How a management controller presses the buttons of its machine.

ipmi_sim runs a program for that: `PROGRAM NUMBER get power`, or `set power|reset|shutdown VALUE`. Ours asks the driver
through a socket in the lab's directory, since only the driver's process may start a machine.
Source: ipmi_lan(5), `chassis_control`.
"""

import logging
import shlex
import socketserver
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from nodeagent.model.errors import NodeagentError

Press = Callable[[int, str, str], None]
"""Number of the guest, `power`, `reset` or `shutdown`, and `0` or `1`."""

_LOG = logging.getLogger("cherrylab.bmc")
_SCRIPT = """\
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall((" ".join(sys.argv[2:]) + "\\n").encode())
    answer = connection.makefile().read()
if not answer:
    sys.exit(1)
sys.stdout.write(answer)
"""


class PowerSocket:
    """Listens until `close`; `program` is what ipmi_sim is to run."""

    def __init__(self, directory: Path, *, is_on: Callable[[int], bool], press: Press) -> None:
        self.program = directory / "chassis"
        path = directory / "chassis.sock"
        script = directory / "chassis.py"
        script.write_text(_SCRIPT)
        command = shlex.join([sys.executable, "-IS", str(script), str(path)])
        self.program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        self.program.chmod(0o700)
        self._server = socketserver.ThreadingUnixStreamServer(str(path), _handler(is_on, press))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="chassis", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(is_on: Callable[[int], bool], press: Press) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            words = self.rfile.readline().decode().split()
            try:
                answer = answered(words, is_on=is_on, press=press)
            except (NodeagentError, RuntimeError) as error:
                # The one who pressed gets no answer, which ipmi_sim tells as an error.
                _LOG.error("chassis %s: %s", " ".join(words), error)
                return
            self.wfile.write(answer.encode())

    return Handler


def answered(words: list[str], *, is_on: Callable[[int], bool], press: Press) -> str:
    """What ipmi_sim reads for a question."""
    match words:
        case [number, "get", "power"]:
            return f"power:{int(is_on(int(number)))}\n"
        case [number, "set", button, value]:
            press(int(number), button, value)
            return "\n"
        case _:
            raise NodeagentError(f"wanted `NUMBER get power` or `NUMBER set BUTTON VALUE`, got `{' '.join(words)}`")
