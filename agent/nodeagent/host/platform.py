"""What the kernel runs on and with: firmware names, hypervisor, container, distribution, cgroups, pressure, init.

The hypervisor is told as systemd-detect-virt(1) names it. On x86 the `hypervisor` flag of the CPU decides whether there
is one (a bare-metal cloud server carries the same vendor names as its virtual sisters); who it is, firmware and clock
sources tell. Pressure files exist but refuse to be read where the kernel was started with psi=0.
"""

import shlex
from collections.abc import Mapping

from nodeagent.host.cpu import CPUINFO, cpuinfo_fields
from nodeagent.host.inspection import Inspection
from nodeagent.host.mounts import MOUNTINFO
from nodeagent.model.facts import Platform

DMI_ID = "/sys/class/dmi/id"
CGROUP_ROOT = "/sys/fs/cgroup"

_BY_FIRMWARE = (
    ("KVM", "kvm"),
    ("Amazon EC2", "amazon"),
    ("Google", "google"),
    ("OpenStack", "kvm"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("innotek GmbH", "oracle"),
    ("VirtualBox", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "microsoft"),
    ("Microsoft Corporation Virtual Machine", "microsoft"),
    ("Apple Virtualization", "apple"),
)
_BY_CLOCK_SOURCE = (("kvm-clock", "kvm"), ("hyperv_clocksource", "microsoft"), ("xen", "xen"))
_SOME_HYPERVISOR = "vm-other"


def read_platform(look: Inspection) -> Platform:
    vendor = look.text(f"{DMI_ID}/sys_vendor") or ""
    product = look.text(f"{DMI_ID}/product_name") or ""
    return Platform(
        hostname=look.text("/proc/sys/kernel/hostname", required=True) or "",
        machine_id=look.text("/etc/machine-id") or "",
        boot_id=look.host.boot_id(),
        os_release=_read_os_name(look),
        vendor=vendor,
        product=product,
        bios_version=look.text(f"{DMI_ID}/bios_version") or "",
        virtualisation=_read_virtualisation(look, f"{vendor} {product}"),
        container=_read_container(look),
        cgroup=_read_cgroup(look),
        cgroup_controllers=_read_controllers(look),
        pressure=_read_pressure(look),
        init=_read_init(look),
    )


def _read_os_name(look: Inspection) -> str:
    """os-release(5); the second place is the distribution's own, the first may be the administrator's."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if (text := look.text(path)) is not None:
            return _os_release_fields(text).get("PRETTY_NAME", "")
    return ""


def _os_release_fields(text: str) -> Mapping[str, str]:
    pairs = (line.partition("=") for line in text.split("\n") if not line.startswith("#"))
    return {key.strip(): _unquoted(value) for key, separator, value in pairs if separator}


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value.strip().strip("'\"")


def _read_virtualisation(look: Inspection, firmware: str) -> str:
    info = cpuinfo_fields(look.head(CPUINFO))
    flags = info.get("flags", "").split()
    if flags and "hypervisor" not in flags:
        return ""
    found = _known(_BY_FIRMWARE, firmware) or (look.quiet("/sys/hypervisor/type") or "")
    clocks = look.quiet("/sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
    return found or _known(_BY_CLOCK_SOURCE, clocks) or (_SOME_HYPERVISOR if flags else "")


def _known(table: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for mark, name in table if mark in text), "")


def _read_container(look: Inspection) -> str:
    """Systemd's note, else the files that Docker and Podman leave in the root."""
    if noted := look.text("/run/systemd/container"):
        return noted
    marks = (("/.dockerenv", "docker"), ("/run/.containerenv", "podman"))
    return next((name for path, name in marks if look.host.stat(path).kind == "file"), "")


def _read_cgroup(look: Inspection) -> str:
    """`v2` where the one hierarchy is mounted at the root, `hybrid` where it stands beside old ones."""
    lines = [line.split(" ") for line in (look.text(MOUNTINFO, required=True) or "").split("\n")]
    kinds = {_kind_of_mount(line): line[4] for line in lines if len(line) > 6}
    if kinds.get("cgroup2") == CGROUP_ROOT and "cgroup" not in kinds:
        return "v2"
    if "cgroup" in kinds:
        return "hybrid" if "cgroup2" in kinds else "v1"
    return "v2" if "cgroup2" in kinds else ""


def _kind_of_mount(fields: list[str]) -> str:
    """The filesystem type stands behind the lone dash that ends the optional fields."""
    after = fields.index("-", 6) + 1 if "-" in fields[6:] else len(fields)
    return fields[after] if after < len(fields) else ""


def _read_controllers(look: Inspection) -> tuple[str, ...]:
    unified = look.text(f"{CGROUP_ROOT}/cgroup.controllers")
    if unified is not None:
        return tuple(sorted(unified.split()))
    rows = [line.split() for line in (look.text("/proc/cgroups") or "").split("\n") if not line.startswith("#")]
    return tuple(sorted(row[0] for row in rows if len(row) == 4 and row[3] == "1"))


def _read_pressure(look: Inspection) -> tuple[str, ...]:
    names = look.host.names("/proc/pressure")
    return tuple(name for name in names if look.quiet(f"/proc/pressure/{name}"))


def _read_init(look: Inspection) -> str:
    """As sd_booted(3) asks; else the name of process 1."""
    if look.host.stat("/run/systemd/system").kind == "directory":
        return "systemd"
    return look.text("/proc/1/comm") or ""
