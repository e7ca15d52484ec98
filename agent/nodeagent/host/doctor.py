"""`host doctor`: what this machine lacks for the work, each with the reason and the next command.

A diagnosis changes nothing and needs no root; it says what root would add. Programs are asked for their versions
(host/programs.py), the kernel is tried (host/kernel_features.py), the rest is read. Required things that aren't there
are `missing`; what works less well without is `warn`.
"""

import importlib.metadata
import os
from collections.abc import Iterator
from pathlib import Path

from nodeagent.host.diagnosis import Area, Check, Health
from nodeagent.host.dmi import DMI_TABLE
from nodeagent.host.host import Host
from nodeagent.host.kernel_features import clock_is_synchronised, io_uring_problem
from nodeagent.host.programs import check_programs
from nodeagent.host.state_directory import STATE_VARIABLE, state_directory
from nodeagent.model.errors import NodeagentError
from nodeagent.model.reading import ReadStatus

_PACKAGES = ("click", "jinja2", "prometheus-client", "psutil", "pydantic", "pyroute2", "pyudev", "rich", "ruamel.yaml")
_EXTRAS = {
    "matplotlib": ("plots in the report", "pip install 'nodeagent[report]'"),
    "bcrypt": ("basic authentication of the metrics page", "pip install 'nodeagent[web]'"),
}
_CAPABILITIES = {
    "CAP_SYS_ADMIN": (21, "mount filesystems, set some of kernel.*"),
    "CAP_NET_ADMIN": (12, "set links, rings and net.* of a namespace"),
    "CAP_SYS_NICE": (23, "give measurements their priority"),
    "CAP_DAC_OVERRIDE": (1, "read and write what only root may"),
}
_GOOD_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "xen")
_EXPORTER_PORTS = range(9090, 10000)
_LISTENING = "0A"


def diagnose(host: Host, *, metrics_port: int, state_dir: Path | None = None) -> tuple[Check, ...]:
    """Every check, by area; `state_dir` is where the agent would keep its state, its default where None."""
    return (
        *check_programs(),
        *_check_permissions(host, state_dir),
        *_check_kernel(host),
        *_check_clock(host),
        *_check_network(host, metrics_port),
        *_check_packages(),
    )


def _check_permissions(host: Host, state_dir: Path | None) -> Iterator[Check]:
    root = os.geteuid() == 0
    yield Check(
        area=Area.PERMISSIONS,
        name="root",
        state=Health.OK if root else Health.WARN,
        found="yes" if root else f"no, user {os.geteuid()}",
        reason="tune apply writes to /proc/sys, /sys and /etc; plan, verify and most benchmarks need no root",
        remedy="" if root else "sudo nodeagent host doctor",
    )
    if root:
        yield from _check_capabilities(host)
    yield _check_kernel_trees(host)
    yield _check_firmware(host)
    yield _check_state_directory(state_dir)


def _check_capabilities(host: Host) -> Iterator[Check]:
    """Root in a container may lack what root has."""
    lines = host.read("/proc/self/status").text.split("\n")
    mask = next((line.partition(":")[2].strip() for line in lines if line.startswith("CapEff:")), "0")
    effective = int(mask, 16)
    for name, (bit, reason) in _CAPABILITIES.items():
        held = bool(effective >> bit & 1)
        yield Check(
            area=Area.PERMISSIONS,
            name=name,
            state=Health.OK if held else Health.WARN,
            found="held" if held else "not held",
            reason=reason,
            remedy="" if held else f"run on the host itself, or give the container {name}",
        )


def _check_kernel_trees(host: Host) -> Check:
    """Containers mount /proc/sys and /sys read-only, and every write then fails with EROFS."""
    last = {mount.target: mount for mount in host.mounts() if mount.target in ("/sys", "/proc", "/proc/sys")}
    closed = sorted(target for target, mount in last.items() if "ro" in mount.options)
    return Check(
        area=Area.PERMISSIONS,
        name="kernel settings",
        state=Health.WARN if closed else Health.OK,
        found=f"{', '.join(closed)} mounted read-only" if closed else "/proc/sys and /sys are mounted for writing",
        reason="settings of the kernel are files there",
        remedy="run nodeagent on the host, not in a container" if closed else "",
    )


def _check_firmware(host: Host) -> Check:
    facts = host.facts()
    slots = facts.memory.dimms
    filled = sum(1 for slot in slots if slot.size_bytes)
    found, remedy = f"{filled} of {len(slots)} filled", ""
    if not facts.memory.dimms_readable:
        status = host.read(DMI_TABLE).status
        found = "the firmware shows none" if status is ReadStatus.ABSENT else "not readable"
        expected = status is ReadStatus.ABSENT and facts.platform.virtualisation
        remedy = "" if expected else "sudo nodeagent host doctor"
    return Check(
        area=Area.PERMISSIONS,
        name="memory slots",
        state=Health.WARN if remedy else Health.OK,
        found=found,
        reason="the ceiling of memory bandwidth follows from the modules in the slots",
        remedy=remedy,
    )


def _check_state_directory(given: Path | None) -> Check:
    """Where the journal would be kept; looked at, not made."""
    try:
        path = state_directory(given)
        place = next(each for each in (path, *path.parents) if os.access(each, os.F_OK))
        usable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
        found = str(path) if place == path else f"{path}, to be made"
    except NodeagentError as error:
        usable, found = False, error.message
    return Check(
        area=Area.PERMISSIONS,
        name="state directory",
        state=Health.OK if usable else Health.MISSING,
        found=found if usable else f"{found}: not writable",
        reason="nothing is changed unless its old value can be kept",
        remedy="" if usable else f"choose another one with --state-dir or {STATE_VARIABLE}",
    )


def _check_kernel(host: Host) -> Iterator[Check]:
    platform = host.facts().platform
    yield _feature(
        "cgroup v2",
        ok=platform.cgroup == "v2",
        found=platform.cgroup or "no cgroups",
        reason="measurements are confined and accounted by the unified hierarchy",
        remedy="boot with systemd.unified_cgroup_hierarchy=1",
    )
    yield _feature(
        "pressure (PSI)",
        ok={"cpu", "io", "memory"} <= set(platform.pressure),
        found=", ".join(platform.pressure) or "off",
        reason="a benchmark yields when production feels pressure",
        remedy="boot with psi=1",
    )
    problem = io_uring_problem()
    yield _feature(
        "io_uring",
        ok=not problem,
        found=problem or "works",
        reason="fio reaches the drive's limits through it; without, it measures with less",
        remedy="sysctl kernel.io_uring_disabled=0, and look at the container's seccomp profile",
    )
    huge = host.text("/sys/kernel/mm/transparent_hugepage/enabled")
    yield _feature(
        "transparent huge pages",
        ok=huge is not None,
        found=huge or "not in this kernel",
        reason="one of the things that are tuned",
        remedy="none needed: the tunable reports that it does not apply",
    )
    yield _feature(
        "network namespaces",
        ok=host.stat("/proc/self/ns/net").kind == "symlink",
        found="yes" if host.stat("/proc/self/ns/net").kind == "symlink" else "not in this kernel",
        reason="two of them measure the network of one machine",
        remedy="boot a kernel with CONFIG_NET_NS",
    )
    yield _feature(
        "loop devices",
        ok=host.stat("/dev/loop-control").kind == "device",
        found="yes" if host.stat("/dev/loop-control").kind == "device" else "no /dev/loop-control",
        reason="the demonstration makes its drives of files",
        remedy="modprobe loop",
    )


def _feature(name: str, *, ok: bool, found: str, reason: str, remedy: str) -> Check:
    state = Health.OK if ok else Health.WARN
    return Check(area=Area.KERNEL, name=name, state=state, found=found, reason=reason, remedy="" if ok else remedy)


def _check_clock(host: Host) -> Iterator[Check]:
    source = host.text("/sys/devices/system/clocksource/clocksource0/current_clocksource") or ""
    good = source.startswith(_GOOD_CLOCKS)
    yield Check(
        area=Area.CLOCK,
        name="clock source",
        state=Health.OK if good else Health.WARN,
        found=source or "unknown",
        reason="latencies are read from it; a slow one (hpet, acpi_pm) costs a microsecond a look",
        remedy="" if good else "see why the kernel left tsc: dmesg | grep -i -e tsc -e clocksource",
    )
    in_step = clock_is_synchronised()
    yield Check(
        area=Area.CLOCK,
        name="clock in step",
        state=Health.OK if in_step else Health.WARN,
        found={True: "yes", False: "no", None: "unknown"}[in_step],
        reason="results of several machines are compared by time, and a validator needs it itself",
        remedy="" if in_step else "apt-get install chrony; in a virtual machine the host may keep it",
    )


def _check_network(host: Host, metrics_port: int) -> Iterator[Check]:
    ports = listening_ports(host)
    taken = metrics_port in ports
    yield Check(
        area=Area.NETWORK,
        name=f"port {metrics_port}",
        state=Health.WARN if taken else Health.OK,
        found="somebody listens there" if taken else "free",
        reason="nodeagent serve offers its metrics there",
        remedy=f"if it isn't nodeagent itself: ss -ltnp 'sport = :{metrics_port}'" if taken else "",
    )
    others = sorted(port for port in ports if port in _EXPORTER_PORTS)
    yield Check(
        area=Area.NETWORK,
        name="other exporters",
        state=Health.OK,
        found=", ".join(map(str, others)) or "none listen on 9090-9999",
        reason="what else Prometheus may read here",
    )


def listening_ports(host: Host) -> frozenset[int]:
    """TCP ports on which somebody listens in our network namespace (/proc/net/tcp, proc_net(5))."""
    ports = set()
    for path in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for fields in map(str.split, host.read(path).text.split("\n")[1:]):
            if len(fields) > 3 and fields[3] == _LISTENING:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return frozenset(ports)


def _check_packages() -> Iterator[Check]:
    for name in _PACKAGES:
        version = _package_version(name)
        yield Check(
            area=Area.PYTHON,
            name=name,
            state=Health.OK if version else Health.MISSING,
            found=version or "not installed",
            reason="nodeagent is built on it",
            remedy="" if version else "install nodeagent with its requirements: pip install nodeagent",
        )
    for name, (reason, remedy) in _EXTRAS.items():
        version = _package_version(name)
        yield Check(
            area=Area.PYTHON,
            name=name,
            state=Health.OK if version else Health.WARN,
            found=version or "not installed",
            reason=reason,
            remedy="" if version else remedy,
        )


def _package_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
