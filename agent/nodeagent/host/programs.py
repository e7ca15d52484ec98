"""The programs nodeagent starts, and which versions of them are good enough.

iperf3 sends with one thread however many streams it is asked for before 3.16, which caps a fast port; versions before
3.19.1 can be crashed by their peer (CVE-2025-54349, -54350, -54351; distributions patch older ones).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nodeagent.host.diagnosis import Area, Check, Health
from nodeagent.host.process import find_program, install_remedy, run
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

_PROBE_SECONDS = 10.0
_VERSION = re.compile(r"(?<![\d.])v?(\d{1,4}(?:\.\d{1,4}){1,3}|(?<=systemd )\d{3})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A version below `version` works, with this drawback."""

    version: tuple[int, ...]
    drawback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`ask` makes it print its version; empty for a program that has no way to tell."""

    name: str
    reason: str
    ask: tuple[str, ...] = ("--version",)
    required: bool = False
    bars: tuple[Bar, ...] = ()


PROGRAMS = (
    Program(name="fio", reason="measures storage", required=True),
    Program(
        name="iperf3",
        reason="measures the network",
        required=True,
        bars=(
            Bar(version=(3, 16), drawback="before 3.16 all streams share one thread, too slow for 20 Gbit/s"),
            Bar(version=(3, 19, 1), drawback="before 3.19.1 a peer can crash it, unless the distribution patched it"),
        ),
    ),
    Program(name="ethtool", reason="undo scripts set rings, channels and offloads of ports with it"),
    Program(name="ip", reason="makes network namespaces for measuring on one machine", ask=("-V",)),
    Program(name="nft", reason="sets the firewall"),
    Program(name="numactl", reason="places measurements on a NUMA node", ask=()),
    Program(name="lsblk", reason="shows drives to people, in remedies"),
    Program(name="blkid", reason="finds what is on a drive before anything is written to it"),
    Program(name="mount", reason="mounts filesystems where no systemd runs"),
    Program(name="losetup", reason="makes the drives of the demonstration"),
    Program(name="mdadm", reason="joins drives to one array where a profile asks for it"),
    Program(name="mkfs.ext4", reason="makes ledgers and accounts", ask=("-V",)),
    Program(name="mkfs.xfs", reason="makes filesystems a profile asks for", ask=("-V",)),
    Program(name="mkfs.btrfs", reason="makes snapshots"),
    Program(name="nvme", reason="reads wear and temperature of drives", ask=("version",)),
    Program(name="systemctl", reason="runs the agent and its mounts as services"),
    Program(name="promtool", reason="checks rules and metrics; only for changing them"),
)


def check_programs() -> Iterator[Check]:
    return (check_program(program) for program in PROGRAMS)


def check_program(program: Program) -> Check:
    """Look for a program and ask for its version."""
    path = find_program(program.name)
    return judge_program(program, path=path, version=_ask(program) if path else "")


def judge_program(program: Program, *, path: Path | None, version: str) -> Check:
    """Found or not, its version, and the first bar that this doesn't reach."""
    if path is None:
        return Check(
            area=Area.PROGRAMS,
            name=program.name,
            state=Health.MISSING if program.required else Health.WARN,
            found="not installed",
            reason=program.reason,
            remedy=install_remedy(program.name),
        )
    bar = next((bar for bar in program.bars if not version or _numbers(version) < bar.version), None)
    return Check(
        area=Area.PROGRAMS,
        name=program.name,
        state=Health.WARN if bar else Health.OK,
        found=version or f"{path}, version not told",
        reason=f"{program.reason}; {bar.drawback}" if bar else program.reason,
        remedy=f"install {program.name} {'.'.join(map(str, bar.version))} or later" if bar else "",
    )


def version_in(text: str) -> str:
    """The first thing that looks like a version in what a program printed; "" for none."""
    match = _VERSION.search(text)
    return match[1] if match else ""


def _ask(program: Program) -> str:
    """Programs print their version to either stream, and some end with an error afterwards."""
    if not program.ask:
        return ""
    try:
        completed = run(Command(argv=(program.name, *program.ask), timeout_seconds=_PROBE_SECONDS))
    except HostError:
        return ""
    return version_in((completed.stdout + b"\n" + completed.stderr).decode("utf-8", "replace"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
