"""The shelf from which guests fetch what they install: they reach nothing else.

A directory, at http://10.77.0.1/ inside the lab, read only. On rented servers its part is played by any web server that
they can reach; what is fetched is held against its sum there and here.
"""

import sys
from pathlib import Path

from cherrylab.guests.network import HOST, LabNetwork
from nodeagent.host.process import Running, start
from nodeagent.model.command import Command

URL = f"http://{HOST}"
_PORT = 80
_YEAR_SECONDS = 365 * 86_400.0


def serve(directory: Path, network: LabNetwork) -> Running:
    """Start serving, by a process of its own inside the namespace; to be called by the keeper."""
    server = ("-I", "-m", "http.server", str(_PORT), "--bind", HOST, "--directory", str(directory))
    argv = (sys.executable, *server)
    return start(Command(argv=argv, timeout_seconds=_YEAR_SECONDS, network_namespace=network.namespace))
