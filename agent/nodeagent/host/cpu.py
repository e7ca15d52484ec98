"""Processors: how many, how they share cores, packages and last-level caches, and which are set apart.

Sources: Documentation/ABI/stable/sysfs-devices-system-cpu and admin-guide/cputopology.rst. A core is what
`thread_siblings_list` says, not a core id: ids repeat between the dies of a package. One file answers for all CPUs it
names, so the work is one read a core and three a cache, not one a CPU and file; a thousand CPUs take milliseconds.
"""

from collections.abc import Callable, Iterator

from nodeagent.host.inspection import Inspection
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import Core, Cpus, L3Domain

CPU_ROOT = "/sys/devices/system/cpu"
CPUINFO = "/proc/cpuinfo"


def read_cpus(look: Inspection) -> Cpus:
    """Counts are None where the topology of any online CPU is unreadable: half a count is a wrong one."""
    online = look.cpus(f"{CPU_ROOT}/online", required=True) or CpuSet()
    cores, complete = _read_cores(look, online)
    info = cpuinfo_fields(look.head(CPUINFO))
    known = complete and bool(cores)
    return Cpus(
        online=online,
        possible=look.cpus(f"{CPU_ROOT}/possible", required=True) or CpuSet(),
        isolated=look.cpus(f"{CPU_ROOT}/isolated") or CpuSet(),
        nohz_full=look.cpus(f"{CPU_ROOT}/nohz_full") or CpuSet(),
        packages=len({core.package for core in cores}) if known else None,
        cores=len(cores) if known else None,
        threads_per_core=max(len(core.threads) for core in cores) if known else None,
        l3_domains=_read_l3_domains(look, online),
        core_list=cores,
        model=info.get("model name", ""),
        vendor=info.get("vendor_id", ""),
        microcode=info.get("microcode", ""),
        smt=look.text(f"{CPU_ROOT}/smt/control") or "",
    )


def cpuinfo_fields(text: str) -> dict[str, str]:
    """The first block of /proc/cpuinfo; which fields there are depends on the architecture."""
    pairs = (line.partition(":") for line in text.split("\n\n", 1)[0].split("\n"))
    return {key.strip(): value.strip() for key, separator, value in pairs if separator}


def _read_cores(look: Inspection, online: CpuSet) -> tuple[tuple[Core, ...], bool]:
    """The cores with an online thread, and whether every online CPU belongs to one."""
    cores: list[Core] = []
    unknown: set[int] = set()
    for cpu, threads in _groups(online, lambda cpu: look.cpus(f"{CPU_ROOT}/cpu{cpu}/topology/thread_siblings_list")):
        package = look.count(f"{CPU_ROOT}/cpu{cpu}/topology/physical_package_id")
        core = look.count(f"{CPU_ROOT}/cpu{cpu}/topology/core_id")
        if not threads or package is None or core is None:
            unknown |= threads.cpus or {cpu}
        else:
            cores.append(Core(package=package, core=core, threads=threads))
    if unknown:
        look.note(f"{CPU_ROOT}/cpu*/topology", f"unreadable for CPUs {CpuSet.of(unknown)}")
    return tuple(cores), not unknown


def _read_l3_domains(look: Inspection, online: CpuSet) -> tuple[L3Domain, ...]:
    """Each third-level cache; empty where the CPUs show none, as in many virtual machines."""
    indexes: dict[int, str] = {}

    def sharers(cpu: int) -> CpuSet | None:
        indexes[cpu] = _l3_index(look, cpu, first=next(reversed(indexes.values()), ""))
        return look.cpus(f"{indexes[cpu]}/shared_cpu_list") if indexes[cpu] else None

    domains: list[L3Domain] = []
    for cpu, cpus in _groups(online, sharers):
        if cpus:
            number = look.count(f"{indexes[cpu]}/id")
            size_bytes = look.size(f"{indexes[cpu]}/size")
            domains.append(L3Domain(id=len(domains) if number is None else number, cpus=cpus, size_bytes=size_bytes))
    return tuple(domains)


def _l3_index(look: Inspection, cpu: int, *, first: str) -> str:
    """The directory of the CPU's third-level cache; the name it had at the CPU before is tried `first`."""
    directory = f"{CPU_ROOT}/cpu{cpu}/cache"
    name = first.rpartition("/")[2]
    if name and look.text(f"{directory}/{name}/level") == "3":
        return f"{directory}/{name}"
    for other in look.host.names(directory):
        if other != name and other.startswith("index") and look.text(f"{directory}/{other}/level") == "3":
            return f"{directory}/{other}"
    return ""


def _groups(cpus: CpuSet, members: Callable[[int], CpuSet | None]) -> Iterator[tuple[int, CpuSet]]:
    """Split CPUs into disjoint groups, asking one CPU of each for its group.

    The group is empty where nobody knows, and where the answer doesn't even name the CPU that was asked.
    """
    left = set(cpus)
    for cpu in cpus:
        if cpu in left:
            answer = members(cpu) or CpuSet()
            group = answer.cpus & left if cpu in answer else frozenset()
            left -= group
            left.discard(cpu)
            yield cpu, CpuSet(group)
