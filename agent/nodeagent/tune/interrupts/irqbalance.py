"""irqbalance, the second owner of interrupts: does it run, and how it is kept away from devices that are ours.

It moves every interrupt that it may to where it sees fit, every ten seconds. A policy script tells it of each device
whether it may: it gets the device's path in sysfs, so that new interrupt numbers change nothing, and answers
`ban=true`. The configuration of the distribution stays as it is; a drop-in of systemd names a second environment file,
which stands over the first (systemd.exec(5), EnvironmentFile=).

Once IRQBALANCE_BANNED_CPULIST is set, irqbalance no longer bans isolated CPUs by itself (cputree.c,
setup_banned_cpus), so those are named too. It asks the script when it first sees an interrupt, so it must be restarted
to hear of a new answer.

Sources: irqbalance(1); irqbalance's classify.c (run_script_for_policy: a shell runs `exec SCRIPT PATH IRQ`, which must
end with 0) and cputree.c; systemd.exec(5).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nodeagent.model.change import Change, DirectoryState, SetDirectory, WriteConfig
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.host_reader import HostReader, PathState
from nodeagent.model.reading import Reading
from nodeagent.model.setting import Setting

SCRIPT = "/etc/irqbalance-nodeagent.sh"
ENVIRONMENT = "/etc/default/irqbalance-nodeagent"
DROP_IN_DIRECTORY = "/etc/systemd/system/irqbalance.service.d"
DROP_IN = f"{DROP_IN_DIRECTORY}/50-nodeagent.conf"
RESTART = "systemctl daemon-reload && systemctl restart irqbalance"

_UNITS = tuple(f"{place}/systemd/system/irqbalance.service" for place in ("/etc", "/usr/lib", "/lib"))
_CONFIGURATIONS = ("/etc/default/irqbalance", "/etc/sysconfig/irqbalance")
_PROCESSES = "/sys/fs/cgroup/system.slice/irqbalance.service/cgroup.procs"
_SOCKETS = "/run/irqbalance"
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(IRQBALANCE_(?:ARGS|BANNED_CPULIST))=(.*)", re.ASCII)
_OWNER = "# Written by nodeagent (tune irq-affinity); undo it with: nodeagent tune rollback\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Irqbalance:
    """What was seen of it. `asks_us` says that the running one was started with our script, None where that is unknown.

    `arguments` and `banned` are those of the distribution's configuration.
    """

    installed: bool
    running: bool
    asks_us: bool | None
    arguments: str
    banned: str
    files: tuple[Reading, Reading, Reading]
    directory: PathState

    @property
    def has_a_script(self) -> bool:
        """Does somebody else's policy script stand in the configuration? There can be only one."""
        return "--policyscript" in self.arguments or bool(re.search(r"(?:^|\s)-l\b", self.arguments))


def read_irqbalance(host: HostReader) -> Irqbalance:
    processes = host.read(_PROCESSES)
    pids = processes.text.split()
    sockets = [name for name in host.names(_SOCKETS) if name.endswith(".sock")]
    configured = _configuration(host)
    return Irqbalance(
        installed=any(host.stat(path).kind != "absent" for path in _UNITS),
        running=bool(pids) if processes.ok else bool(sockets),
        asks_us=_asks_us(host, pids),
        arguments=configured.get("IRQBALANCE_ARGS", ""),
        banned=configured.get("IRQBALANCE_BANNED_CPULIST", ""),
        files=(host.read(SCRIPT), host.read(ENVIRONMENT), host.read(DROP_IN)),
        directory=host.stat(DROP_IN_DIRECTORY),
    )


def _asks_us(host: HostReader, pids: Sequence[str]) -> bool | None:
    lines = [reading.text for pid in pids if (reading := host.read(f"/proc/{pid}/cmdline")).ok]
    return any(SCRIPT in line for line in lines) if lines else None


def _configuration(host: HostReader) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in _CONFIGURATIONS:
        for line in host.read(path).text.splitlines():
            if match := _ASSIGNMENT.fullmatch(line):
                found[match[1]] = match[2].strip().strip("\"'")
    return found


def contents(seen: Irqbalance, addresses: Sequence[str], banned: CpuSet) -> tuple[str, str, str]:
    """What script, environment file and drop-in should hold. `banned` is empty where irqbalance may use any CPU."""
    return _script(addresses), _environment(seen, banned), _drop_in()


def _script(addresses: Sequence[str]) -> str:
    patterns = "|".join(f"*/{address}" for address in sorted(addresses)) or "/none"
    return (
        "#!/bin/sh\n"
        f"{_OWNER}"
        "# irqbalance asks it once for each interrupt: $1 is the device below /sys, $2 the interrupt's number.\n"
        'case "${1%/}" in\n'
        f"{patterns})\n"
        "    echo ban=true\n"
        "    ;;\n"
        "esac\n"
        "exit 0\n"
    )


def _environment(seen: Irqbalance, banned: CpuSet) -> str:
    arguments = f"{seen.arguments} --policyscript={SCRIPT}".strip()
    lines = [f'IRQBALANCE_ARGS="{arguments}"']
    if banned:
        lines.append(f"IRQBALANCE_BANNED_CPULIST={banned}")
    return (
        _OWNER + "# It stands over the distribution's own file, whose arguments it repeats.\n" + "\n".join(lines) + "\n"
    )


def _drop_in() -> str:
    return f"{_OWNER}[Service]\nEnvironmentFile=-{ENVIRONMENT}\n"


def file_changes(
    seen: Irqbalance, wanted: tuple[str, str, str], setting: Setting[bool], tunable: str
) -> tuple[Change, ...]:
    """The files that differ, in the order in which a start of irqbalance in between would do no harm."""
    told: dict[str, Any] = {"tunable": tunable, "why": setting.why, "source": setting.source}
    changes: list[Change] = []
    if seen.directory.kind == "absent":
        changes.append(
            SetDirectory(
                key=f"{tunable}:irqbalance:directory",
                path=DROP_IN_DIRECTORY,
                before=None,
                after=DirectoryState(mode=0o755, uid=0, gid=0),
                **told,
            )
        )
    for name, path, mode, reading, content in zip(
        ("script", "environment", "drop-in"),
        (SCRIPT, ENVIRONMENT, DROP_IN),
        (0o755, 0o644, 0o644),
        seen.files,
        wanted,
        strict=True,
    ):
        if not reading.ok or reading.text != content:
            before = reading.text if reading.ok else None
            key = f"{tunable}:irqbalance:{name}"
            changes.append(WriteConfig(key=key, path=path, before=before, after=content, mode=mode, **told))
    return tuple(changes)


def unreadable(seen: Irqbalance) -> str:
    """The first of our files that is there and can't be read; "" for none."""
    return next((f"{reading.path} ({reading.problem})" for reading in seen.files if reading.problem), "")
