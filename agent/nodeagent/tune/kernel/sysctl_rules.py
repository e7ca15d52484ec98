"""Which sysctls a profile may set, and to what: checked when it is loaded, and again before anything is planned.

A profile is data from a repository, and some sysctls are not settings: they name programs that the kernel runs as root,
they act when they are written, or they can never be set back. What can't be rolled back exactly is not set at all.
The ranges are not the kernel's, which takes values that no machine survives; they are what a server can be meant to
have. Sources: Documentation/admin-guide/sysctl/ (kernel, vm, fs, net), Documentation/networking/ip-sysctl.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from nodeagent.model.setting import Mode, Setting
from nodeagent.profiles.constraint import Fault
from nodeagent.tune.kernel import sysctl_name

_RUNS_A_PROGRAM = "the kernel runs what it names as root; no profile may set it"
_ACTS = "it does something when it is written and keeps no value to go back to"
_ONE_WAY = "it can't be set back before the next boot"
_RESETS_OTHERS = "the kernel resets other settings of the network with it, which no rollback could put back"
_IDENTITY = "it is what the machine is called, not how it is tuned"

_REFUSED = {
    "kernel.core_pattern": _RUNS_A_PROGRAM,
    "kernel.modprobe": _RUNS_A_PROGRAM,
    "kernel.hotplug": _RUNS_A_PROGRAM,
    "kernel.poweroff_cmd": _RUNS_A_PROGRAM,
    "kernel.usermodehelper.*": _RUNS_A_PROGRAM,
    "fs.binfmt_misc.*": _RUNS_A_PROGRAM,
    "vm.drop_caches": _ACTS,
    "vm.compact_memory": _ACTS,
    "vm.stat_refresh": _ACTS,
    "net.ipv4.route.flush": _ACTS,
    "net.ipv6.route.flush": _ACTS,
    "kernel.ns_last_pid": _ACTS,
    "kernel.kexec_load_disabled": _ONE_WAY,
    "kernel.modules_disabled": _ONE_WAY,
    "kernel.unprivileged_bpf_disabled": _ONE_WAY,
    "net.ipv4.ip_forward": _RESETS_OTHERS,
    "net.ipv4.conf.*.forwarding": _RESETS_OTHERS,
    "net.ipv6.conf.*.forwarding": _RESETS_OTHERS,
    "net.ipv6.conf.all.disable_ipv6": _RESETS_OTHERS,
    "kernel.hostname": _IDENTITY,
    "kernel.domainname": _IDENTITY,
}
_REFUSED_PATTERNS = tuple(name for name in _REFUSED if "*" in name)

_RANGES = {
    "fs.aio-max-nr": (65_536, 2**31 - 1),
    "fs.file-max": (8_192, 2**63 - 1),
    "fs.nr_open": (1_024, 2_147_483_584),
    "kernel.numa_balancing": (0, 3),
    "kernel.pid_max": (32_768, 4_194_304),
    "kernel.sched_rt_runtime_us": (-1, 1_000_000),
    "kernel.yama.ptrace_scope": (0, 2),
    "net.core.netdev_budget": (1, 1_000_000),
    "net.core.netdev_max_backlog": (1, 10_000_000),
    "net.core.optmem_max": (4_096, 2**31 - 1),
    "net.core.rmem_default": (4_096, 2**31 - 1),
    "net.core.rmem_max": (4_096, 2**31 - 1),
    "net.core.somaxconn": (128, 2**31 - 1),
    "net.core.wmem_default": (4_096, 2**31 - 1),
    "net.core.wmem_max": (4_096, 2**31 - 1),
    "vm.dirty_background_bytes": (65_536, 2**44),
    "vm.dirty_background_ratio": (1, 100),
    "vm.dirty_bytes": (65_536, 2**44),
    "vm.dirty_ratio": (1, 100),
    "vm.max_map_count": (65_530, 2**31 - 1),
    "vm.min_free_kbytes": (1_024, 2**31 - 1),
    "vm.overcommit_kbytes": (1, 2**53),
    "vm.overcommit_memory": (0, 2),
    "vm.overcommit_ratio": (1, 1_000),
    "vm.swappiness": (0, 200),
    "vm.vfs_cache_pressure": (1, 1_000),
    "vm.watermark_scale_factor": (1, 3_000),
    "vm.zone_reclaim_mode": (0, 7),
}

COUPLED = {
    "vm.dirty_bytes": "vm.dirty_ratio",
    "vm.dirty_background_bytes": "vm.dirty_background_ratio",
    "vm.overcommit_kbytes": "vm.overcommit_ratio",
}
"""Pairs of which one is in force and the other reads 0, set so by setting the first (mm/page-writeback.c, util.c)."""

_VALUE = re.compile(r"[ -~]{1,1024}", re.ASCII)
_OCTAL = re.compile(r"[+-]?0[0-9]+", re.ASCII)
_MASK = re.compile(r"(mask|bitmap)$")


def faults(settings: Mapping[str, Setting[str]]) -> Iterator[Fault]:
    """Everything in a profile's sysctls that will not be set as written."""
    seen: dict[str, str] = {}
    for key, setting in settings.items():
        problem = key_problem(key)
        name = sysctl_name.canonical(key)
        if problem:
            yield Fault(path=(key,), problem=problem, at_key=True)
        elif name in seen:
            yield Fault(path=(key,), problem=f"the same sysctl as {seen[name]!r}", at_key=True)
        elif problem := value_problem(name, setting):
            yield Fault(path=(key, "value"), problem=problem)
        seen.setdefault(name, key)
    for key, other in COUPLED.items():
        if _set(settings, seen.get(key)) and _set(settings, seen.get(other)):
            problem = f"only one of {key} and {other} can be in force; setting one sets the other to 0"
            yield Fault(path=(seen[other],), problem=problem, at_key=True)


def _set(settings: Mapping[str, Setting[str]], key: str | None) -> bool:
    return key is not None and settings[key].mode is not Mode.IGNORE


def key_problem(key: str) -> str:
    """Why a key is refused; "" where it is not."""
    if sysctl_name.parts(key) is None:
        return "no name of a sysctl: wanted parts like net.core.rmem_max, no patterns"
    name = sysctl_name.canonical(key)
    patterns = (pattern for pattern in _REFUSED_PATTERNS if fnmatchcase(name, pattern))
    return _REFUSED.get(name) or next((_REFUSED[pattern] for pattern in patterns), "")


def value_problem(name: str, setting: Setting[str]) -> str:
    """Why a value is refused; "" where it is not."""
    if not _VALUE.fullmatch(setting.value):
        return "wanted a text of 1 to 1024 printable characters"
    octal = next((word for word in setting.value.split() if _OCTAL.fullmatch(word)), None)
    if octal and not _MASK.search(name):
        return f"the kernel reads {octal} as octal; write it without the leading zero"
    minimum, maximum = _RANGES.get(name, (None, None))
    if minimum is None or maximum is None:
        return ""
    try:
        number = int(setting.value)
    except ValueError:
        return f"wanted a whole number from {minimum} to {maximum}"
    return "" if minimum <= number <= maximum else f"wanted {minimum} to {maximum}"
