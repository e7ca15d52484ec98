"""Where to listen: HOST:PORT, loopback only.

Port 10997 lies above the range 9100-9999 that Prometheus exporters share (all taken since 2023) and above
8000-10000, which validators open to the internet for gossip and repair. Anything but loopback is refused: metrics tell
an attacker what a machine lacks, and TLS with a web-config file is not built yet.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

from nodeagent.model.errors import RefusedError, UsageError

DEFAULT_PORT = 10997


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """A loopback address; port 0 asks the kernel for a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `127.0.0.1:10997`, `localhost:0`, `[::1]:10997`; UsageError where it is none of these.

        RefusedError where it is reachable from elsewhere.
        """
        match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]*)):(\d{1,5})", text.strip(), re.ASCII)
        if match is None or int(match[3]) > 65535:
            raise UsageError(f"not an address to listen on: {text!r}; wanted HOST:PORT, as 127.0.0.1:{DEFAULT_PORT}")
        host = match[1] or match[2]
        if host == "localhost":
            host = "127.0.0.1"
        if not _is_loopback(host):
            raise RefusedError(
                f"refused to listen on {text}: it can be reached from other machines, and this page has neither TLS "
                "nor a password",
                remedy=f"listen on 127.0.0.1:{match[3]}, and let a reverse proxy or an SSH tunnel of yours carry it",
            )
        return cls(host=host, port=int(match[3]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
