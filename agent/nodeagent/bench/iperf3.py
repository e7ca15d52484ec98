"""An iperf3 test as a type, and the command lines of its two ends.

The command line is driven, not the Python binding: that one hangs for good on results over 64 KiB (docs/adr). Each test
has a server of its own, for one test (`--one-off`), bound to the address under test, which gives up by itself when
nobody comes. The server prints text, flushed every second: the line that says it listens, and the current rate of
either direction for live progress; so a `--json-stream` (3.17) is not needed. The client prints JSON.

Checked with 3.12 (Debian 12): `--rcv-timeout` is refused by a client that only sends; on an error with `-J` the exit
code is 0 and the reason stands in the JSON; `-O` gives wrong sums before 3.14 (RELNOTES), so it is left out there.
"""

import ipaddress
import re
from dataclasses import dataclass

from nodeagent.bench.tool_output import TEXT_LIMIT
from nodeagent.model.command import Command
from nodeagent.model.errors import BenchmarkError, UsageError

OLDEST = (3, 7)
"""Debian 11 and Ubuntu 20.04; JSON has said `sum_received` in this form since before that."""

OMIT_SINCE = (3, 14)
FEATURES = ("rcv-timeout", "idle-timeout", "server-max-duration", "json-stream", "bidir", "one-off")

_VERSION = re.compile(r"iperf (\d+)\.(\d+)")
_CONNECT_SECONDS = 3
_SILENCE_SECONDS = 10
_IDLE_SECONDS = 30
_SLACK_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Iperf3Test:
    """`reverse` lets the server send. `rate_bits_per_second` is for UDP, per stream; TCP goes as fast as it can."""

    address: str
    port: int
    udp: bool
    reverse: bool
    streams: int
    runtime_seconds: int
    ramp_seconds: int
    block_bytes: int
    rate_bits_per_second: int = 0
    version: tuple[int, int] = OLDEST
    features: tuple[str, ...] = ()
    server_namespace: str | None = None
    client_namespace: str | None = None

    @property
    def omits_ramp(self) -> bool:
        return self.ramp_seconds > 0 and self.version >= OMIT_SINCE

    @property
    def seconds(self) -> int:
        return self.runtime_seconds + (self.ramp_seconds if self.omits_ramp else 0)

    @property
    def server_ready(self) -> str:
        return f"Server listening on {self.port}"

    def server(self) -> Command:
        return Command(
            argv=(
                "iperf3",
                "--server",
                "--one-off",
                f"--bind={self.address}",
                f"--port={self.port}",
                "--interval=1",
                "--forceflush",
                *self._if_able("idle-timeout", f"--idle-timeout={_IDLE_SECONDS}"),
                *self._if_able("server-max-duration", f"--server-max-duration={self.seconds + int(_SLACK_SECONDS)}"),
            ),
            timeout_seconds=self.seconds + 2 * _SLACK_SECONDS,
            network_namespace=self.server_namespace,
        )

    def client(self) -> Command:
        return Command(
            argv=(
                "iperf3",
                f"--client={self.address}",
                f"--port={self.port}",
                "--json",
                f"--time={self.runtime_seconds}",
                *((f"--omit={self.ramp_seconds}",) if self.omits_ramp else ()),
                "--interval=1",
                f"--parallel={self.streams}",
                f"--length={self.block_bytes}",
                f"--connect-timeout={_CONNECT_SECONDS * 1000}",
                *(("--udp", f"--bitrate={self.rate_bits_per_second}") if self.udp else ()),
                *(("--reverse",) if self.reverse else ()),
                *self._if_able("rcv-timeout", f"--rcv-timeout={_SILENCE_SECONDS * 1000}", when=self.reverse),
            ),
            timeout_seconds=self.seconds + _SLACK_SECONDS,
            output_limit_bytes=TEXT_LIMIT,
            network_namespace=self.client_namespace,
        )

    def _if_able(self, feature: str, argument: str, *, when: bool = True) -> tuple[str, ...]:
        return (argument,) if when and feature in self.features else ()


def parse_version(text: str) -> tuple[int, int]:
    """BenchmarkError where iperf3 is missing, older than OLDEST, or says something that is no version."""
    if not text:
        raise BenchmarkError("iperf3: not found", remedy="apt-get install iperf3")
    match = _VERSION.match(text)
    if match is None:
        raise BenchmarkError(f"iperf3: got version {text!r}, wanted one like 'iperf 3.12'", remedy="iperf3 --version")
    version = int(match[1]), int(match[2])
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise BenchmarkError(f"iperf3: got version {text}, wanted {oldest} or newer", remedy="apt-get install iperf3")
    return version


def check_address(text: str) -> str:
    """UsageError unless it is an IP address: a name could lead anywhere. BenchmarkError where none is given."""
    if not text:
        raise BenchmarkError("iperf3: no address of a peer is given")
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise UsageError(f"iperf3: got the address {text!r}, wanted an IPv4 or IPv6 address") from error
    return text
