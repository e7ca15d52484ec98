"""Two network namespaces on one cable: the node, where nodeagent sets its firewall, and a client."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.host.tune.netns import Namespace
from tests.needs import tool

NODE, FRIEND, STRANGER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
NODE6, FRIEND6, STRANGER6 = "fd77::1", "fd77::2", "fd77::3"
SSH, GOSSIP = 2222, 8001
PACKETS_PER_SECOND = 40

PROFILE = f"""\
schema: 1
summary: a firewall for two namespaces
tune:
  firewall:
    policy: {{value: drop, why: test, source: test}}
    management: {{sources: ["{FRIEND}", "{FRIEND6}"], ports: "{SSH}"}}
    services:
      - name: gossip
        protocol: udp
        ports: "8000-8010"
        sources: [any]
        udp_packets_per_second: {PACKETS_PER_SECOND}
"""

_CONNECT = """
import socket, sys
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    socket.create_connection((target, port), timeout=1.5, source_address=(source, 0)).close()
except OSError:
    print("no")
else:
    print("yes")
"""
_HOLD = """
import socket, sys, time
held = socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=5, source_address=(sys.argv[1], 0))
print("ready", flush=True)
time.sleep(300)
"""
_LISTEN = """
import socket, sys
server = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
held = []
while True:
    held.append(server.accept()[0])
"""
_COUNT = """
import collections, json, socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
server.bind(("0.0.0.0", int(sys.argv[1])))
server.settimeout(float(sys.argv[2]))
print("ready", flush=True)
seen = collections.Counter()
try:
    while True:
        seen[server.recvfrom(100)[1][0]] += 1
except TimeoutError:
    print(json.dumps(seen))
"""
_SEND = """
import socket, sys, time
began = time.monotonic()
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((sys.argv[1], 0))
for _ in range(int(sys.argv[4])):
    sender.sendto(b"x", (sys.argv[2], int(sys.argv[3])))
print(time.monotonic() - began)
"""
_HEAR = """
import json, socket
ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
ear.settimeout(2)
print("ready", flush=True)
heard = []
try:
    while True:
        packet = ear.recv(2000)
        heard.append([packet[20], packet[21]])
except TimeoutError:
    print(json.dumps(heard))
"""
_SAY = """
import socket, struct, sys
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
for kind, code in ((13, 0), (3, 4)):
    ends = socket.inet_aton(sys.argv[1]) + socket.inet_aton("10.77.0.9")
    inner = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 17, 0) + ends
    body = struct.pack("!HH", 0, 1400) + inner + struct.pack("!HHHH", 8001, 8001, 8, 0)
    head = struct.pack("!BBH", kind, code, 0)
    mouth.sendto(struct.pack("!BBH", kind, code, checksum(head + body)) + body, (sys.argv[1], 0))
"""


@dataclass
class Lab:
    """The node runs nodeagent; `client` is the name of the other namespace."""

    node: Namespace
    client: str
    running: list["subprocess.Popen[str]"] = field(default_factory=list)

    def nft(self, *arguments: str) -> str:
        return self._in(self.node.name, tool("nft"), *arguments).stdout

    def load(self, text: str) -> None:
        subprocess.run(
            [tool("ip"), "netns", "exec", self.node.name, tool("nft"), "-f", "-"], input=text, text=True, check=True
        )

    def apply(self, *more: str) -> "subprocess.CompletedProcess[str]":
        return self.node.run("tune", "apply", "--yes", "--allow", "link-flap", "--no-confirm", *more)

    @contextmanager
    def connection(self, source: str, target: str, port: int) -> Iterator[None]:
        """A connection of the client that stays open."""
        holding = self._start(_HOLD, source, target, str(port), namespace=self.client)
        yield
        holding.kill()

    def connects(self, source: str, target: str, port: int = SSH) -> bool:
        return self._in(self.client, sys.executable, "-c", _CONNECT, source, target, str(port)).stdout.strip() == "yes"

    def listen(self, port: int = SSH) -> None:
        self._start(_LISTEN, str(port))

    def received(self, *, packets: int, sources: tuple[str, ...]) -> tuple[dict[str, int], float]:
        """Packets that came through by source, and the seconds that the sending of them all took."""
        counting = self._start(_COUNT, str(GOSSIP), "1.5")
        began = time.monotonic()
        for source in sources:
            self._in(self.client, sys.executable, "-c", _SEND, source, NODE, str(GOSSIP), str(packets))
        elapsed = time.monotonic() - began
        found: dict[str, int] = json.loads(counting.communicate(timeout=60)[0])
        return found, elapsed

    def heard(self) -> list[list[int]]:
        """ICMP types and codes that came through, of a timestamp request and an unasked-for "fragmentation needed"."""
        hearing = self._start(_HEAR)
        self._in(self.client, sys.executable, "-c", _SAY, NODE)
        found: list[list[int]] = json.loads(hearing.communicate(timeout=60)[0])
        return found

    def _start(self, program: str, *arguments: str, namespace: str = "") -> "subprocess.Popen[str]":
        argv = [tool("ip"), "netns", "exec", namespace or self.node.name, sys.executable, "-c", program, *arguments]
        started = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.running.append(started)
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        return started

    def _in(self, namespace: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [tool("ip"), "netns", "exec", namespace, *argv], capture_output=True, text=True, check=True, timeout=60
        )


@contextmanager
def firewall_lab(directory: Path) -> Iterator[Lab]:
    """The two namespaces, which end with the block whatever happens in it."""
    mark = uuid4().hex[:8]
    node, client = f"nodeagent-fw-{mark}", f"nodeagent-fwc-{mark}"
    lab = Lab(node=Namespace(name=node, directory=directory), client=client)
    lab.node.profile.write_text(PROFILE)
    try:
        for name in (node, client):
            _ip("netns", "add", name)
        _ip("link", "add", f"a{mark}", "netns", node, "type", "veth", "peer", f"b{mark}", "netns", client)
        for name, port, addresses in (
            (node, f"a{mark}", (f"{NODE}/24", f"{NODE6}/64")),
            (client, f"b{mark}", (f"{FRIEND}/24", f"{STRANGER}/24", f"{FRIEND6}/64", f"{STRANGER6}/64")),
        ):
            for address in addresses:
                _ip("-n", name, "address", "add", address, "dev", port, *(["nodad"] if ":" in address else []))
            _ip("-n", name, "link", "set", port, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield lab
    finally:
        for process in lab.running:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        for name in (node, client):
            subprocess.run([tool("ip"), "netns", "delete", name], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run([tool("ip"), *arguments], check=True)
