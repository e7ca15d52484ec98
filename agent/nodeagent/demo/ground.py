"""The machine that the demo tries everything on: three empty drives and a network, all of its own making.

Each drive is a loop device on a sparse file; the network is two namespaces with a virtual pair between them. Without
root, or in a container that may not make these, the drives are plain directories and the network is loopback; which of
it is, and why, is part of what is made.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import randbelow

from nodeagent.demo.manifest import Claim
from nodeagent.host import process
from nodeagent.host.host import Host
from nodeagent.host.loop import add_loop, loops_below, node, remove_loop
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

ROLES = ("ledger", "accounts", "snapshots")
SIZE = "768M"

_SERVER_ADDRESS, _CLIENT_ADDRESS = "198.18.0.1", "198.18.0.2"  # RFC 2544: for benchmarks, never routed
_FIRST_NUMBER, _NUMBERS = 1000, 9000
_TRIES = 20
_SECONDS = 30.0
_REMOVE_TRIES = 25
_REMOVE_WAIT_SECONDS = 0.2

Say = Callable[[str], None]
"""Gets each command as it would be typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """An empty drive (`image` and `loop` are set) or a plain directory; `directory` is where it is used."""

    role: str
    directory: Path
    image: Path | None = None
    loop: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`namespace` is where the tuning commands run, None for "this one"; `lacking` says why there is less than all."""

    drives: tuple[Drive, ...]
    peer: str = "loopback"
    namespace: str | None = None
    lacking: tuple[str, ...] = ()


def make_ground(claim: Claim, *, is_root: bool, say: Say) -> Ground:
    """Make what can be made here; what can't is left out with its reason, and nothing half made remains."""
    lacking = []
    drives: tuple[Drive, ...] = ()
    network: tuple[str, str] | None = None
    if not is_root:
        lacking.append("only root may make drives and namespaces, so plain directories and loopback stand in for them")
    else:
        try:
            drives = tuple(_make_drive(claim, role, say) for role in ROLES)
        except HostError as error:
            lacking.append(f"no drives can be made here, plain directories stand in for them ({error.message})")
            lacking += remove_drives(claim)
        try:
            network = _make_network(claim, say)
        except HostError as error:
            lacking.append(f"no namespaces can be made here, loopback stands in for the network ({error.message})")
            lacking += remove_network(claim)
    return Ground(
        drives=drives or tuple(_make_directory(claim, role, say) for role in ROLES),
        peer=f"netns:{network[0]},{network[1]}@{_SERVER_ADDRESS}" if network else "loopback",
        namespace=network[0] if network else None,
        lacking=tuple(lacking),
    )


def remove(claim: Claim) -> tuple[str, ...]:
    """Remove everything a demo made, its directory last; what could not be removed, each with the next command."""
    left = [*remove_drives(claim), *remove_network(claim)]
    if not left:
        try:
            shutil.rmtree(claim.path)
        except OSError as error:
            left.append(f"{claim.path}: {error.strerror} (rm -r {claim.path})")
    claim.release()
    return tuple(left)


def remove_drives(claim: Claim) -> list[str]:
    """Unmount what is mounted below the demo's directory, then take its loop devices away."""
    left = []
    for target in _mounted_below(claim.path):
        if problem := _try(f"umount {target}", "umount", target):
            left.append(problem)
    for number in loops_below(claim.path):
        if problem := _try(f"losetup --detach {node(number)}", "losetup", "--detach", node(number)):
            left.append(problem)
    for name in claim.noted("loop"):
        try:
            remove_loop(int(name))
        except (HostError, OSError) as error:
            left.append(f"loop device {name}: {error} (losetup --list)")
    return left


def remove_network(claim: Claim) -> list[str]:
    """Delete the demo's namespaces; the pair between them goes with them."""
    known = {path.name for path in Path("/run/netns").glob("*")}
    problems = [
        _try(f"ip netns delete {name}", "ip", "netns", "delete", name)
        for name in claim.noted("namespace")
        if name in known
    ]
    return [problem for problem in problems if problem]


def _make_drive(claim: Claim, role: str, say: Say) -> Drive:
    image = claim.path / f"{role}.img"
    _do(say, "truncate", "--size", SIZE, str(image))
    number = _add_loop(claim)
    _do(say, "losetup", "--direct-io=on", node(number), str(image))
    return Drive(role=role, directory=claim.path / role, image=image, loop=number)


def _add_loop(claim: Claim) -> int:
    for _ in range(_TRIES):
        number = _FIRST_NUMBER + randbelow(_NUMBERS)
        if Path("/sys/block", f"loop{number}").exists():
            continue
        claim.note("loop", str(number))
        if add_loop(number):
            return number
    raise HostError(f"no free number for a loop device was found in {_TRIES} tries")


def _make_directory(claim: Claim, role: str, say: Say) -> Drive:
    directory = claim.path / role
    say(f"mkdir {directory}")
    directory.mkdir()
    return Drive(role=role, directory=directory)


def _make_network(claim: Claim, say: Say) -> tuple[str, str]:
    """Client and server namespace. The ends of the pair get their names inside, so none appears on the host."""
    client, server = (f"nodeagent-{claim.token}-{end}" for end in ("client", "server"))
    for name in (client, server):
        claim.note("namespace", name)
        _do(say, "ip", "netns", "add", name)
    _do(say, *f"ip link add demo0 netns {client} type veth peer name demo0 netns {server}".split())
    for name, address in ((client, _CLIENT_ADDRESS), (server, _SERVER_ADDRESS)):
        _do(say, *f"ip -netns {name} address add {address}/30 dev demo0".split())
        _do(say, *f"ip -netns {name} link set demo0 up".split())
        _do(say, *f"ip -netns {name} link set lo up".split())
    return client, server


def _mounted_below(directory: Path) -> list[str]:
    """Mount points below a directory, the deepest first; one that is mounted twice is there twice."""
    targets = [entry.target for entry in Host().mounts() if Path(entry.target).is_relative_to(directory)]
    return sorted(targets, key=len, reverse=True)


def _do(say: Say, *argv: str) -> None:
    """Run a command that must succeed; HostError with what it said."""
    command = Command(argv=argv, timeout_seconds=_SECONDS)
    say(str(command))
    completed = process.run(command)
    if not completed.ok:
        words = completed.stderr.decode(errors="replace").strip() or f"exit code {completed.exit_code}"
        raise HostError(f"{command}: {words}")


def _try(typed: str, *argv: str) -> str:
    """Run a command that may fail; "" or what it said, with the command to type.

    A process that was killed a moment ago may still hold what is to go, so it is tried for some seconds.
    """
    said = ""
    for _ in range(_REMOVE_TRIES):
        try:
            _do(lambda _line: None, *argv)
        except HostError as error:
            said = error.message
            time.sleep(_REMOVE_WAIT_SECONDS)
        else:
            return ""
    return f"{said} (next: {typed})"
