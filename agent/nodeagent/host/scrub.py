"""What a capture hides, file by file, and the same for facts: serial numbers, addresses, names, ids.

`Scrubber.facts(facts)` and the facts of a scrubbed tree are equal; a test holds them to it. Files that nobody may see
whole are cut to the lines that are read here: a kernel command line can carry anything, a udev record much.
"""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from nodeagent.host import scrub_boot
from nodeagent.host.dmi import DMI_TABLE, without_secrets
from nodeagent.host.drive_identity import single_blanks
from nodeagent.host.mounts import MOUNTINFO, escape, unescape
from nodeagent.host.pseudonyms import Pseudonyms, Secret
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import BlockDevice, HostFacts, Kernel, Nic, Platform

_INITS = {"systemd", "init", "runit", "s6-svscan", "openrc-init", "tini", "dumb-init", "docker-init", "catatonit"}
_SHELLS = {"sh", "bash", "dash", "sleep"}
_KERNEL_FILESYSTEMS = {
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rootfs", "securityfs", "sysfs", "tracefs",
}  # fmt: skip
_ORDINARY_TARGETS = re.compile(r"/|/(dev|proc|sys|run)(/.*)?|/(tmp|boot|etc|opt|srv|usr|var|mnt)(/(lock|tmp|lib|log))?")
_KNOWN_PARAMETERS = re.compile(
    r"BOOT_IMAGE|root|ro|rw|rootfstype|rootflags|rootwait|quiet|splash|debug|nosplash|console|earlycon|panic|nomodule"
    r"|isolcpus|nohz|nohz_full|rcu_nocbs|rcu_nocb_poll|rcupdate\.\w+|rcutree\.\w+|irqaffinity|kthread_cpus|housekeeping"
    r"|default_hugepagesz|hugepagesz|hugepages|transparent_hugepage|numa_balancing|numa|movable_node|init_on_alloc"
    r"|init_on_free|mitigations|nosmt|spectre_v2|spec_store_bypass_disable|retbleed|mds|tsx|tsx_async_abort|pti|nopti"
    r"|intel_pstate|amd_pstate|cpufreq\.\w+|cpuidle\.\w+|intel_idle\.\w+|processor\.\w+|idle|nohlt|skew_tick|tsc"
    r"|clocksource|nowatchdog|nmi_watchdog|watchdog|nosoftlockup|audit|selinux|apparmor|lsm|lockdown|psi|cgroup\w*"
    r"|systemd\.unified_cgroup_hierarchy|iommu|intel_iommu|amd_iommu|iommu\.\w+|pci|pcie_\w+|swiotlb|efi|acpi\w*"
    r"|crashkernel|threadirqs|preempt|module\.sig_enforce|net\.ifnames|biosdevname|elevator|nvme\.\w+|nvme_core\.\w+"
    r"|mlx5_core\.\w+|ixgbe\.\w+|i40e\.\w+|ice\.\w+|bnxt_en\.\w+|random\.\w+|reboot|maxcpus|nr_cpus|possible_cpus|mem"
)
_DYNAMIC_CPUINFO = re.compile(r"^(cpu MHz|bogomips)\s*:.*\n?", re.MULTILINE)
_MEMINFO = re.compile(r"^(MemTotal|MemAvailable|SwapTotal|HugePages_Total|Hugepagesize):.*$", re.MULTILINE)
_UNIT_FILE = re.compile(
    r"^(\[\w+\]|(WantedBy|RequiredBy|UpheldBy|Alias|Also|Slice|(Default)?Limit\w+|What|Options)[ \t]*=.*)$",
    re.MULTILINE,
)
"""What is read of units; their commands and environments may hold anything."""
_OS_RELEASE = re.compile(r"^(NAME|ID|VERSION_ID|PRETTY_NAME)=.*$", re.MULTILINE)
_UDEV = re.compile(r"^E:(ID_SERIAL_SHORT|ID_WWN|ID_FS_UUID)=(.*)$", re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Scrubber:
    """Scrub facts first: their secrets are then known wherever else they turn up."""

    names: Pseudonyms = field(default_factory=Pseudonyms)

    def facts(self, facts: HostFacts) -> HostFacts:
        """The facts that the scrubbed tree will give."""
        self._replace(facts)  # learns every secret, so that none is missed in a part that comes before it
        return cast("HostFacts", self._replace(facts))

    def path(self, path: str) -> str:
        """A path or the target of a link."""
        return self.names.everywhere(path)

    def content(self, path: str, text: str) -> str:
        """What a file of the capture holds, as far as it may be seen."""
        rule = next((rule for pattern, rule in _RULES if pattern.fullmatch(path)), None)
        return rule(self, text) if rule else self.names.everywhere(text)

    def whole(self, kind: Secret, text: str) -> str:
        """A file that is one secret, between white space."""
        secret = text.strip()
        return text.replace(secret, self.names.of(kind, single_blanks(secret))) if secret else text

    def command_line(self, text: str) -> str:
        """Parameters of the kernel that are known to tell nothing; the rest, and what init is told, is numbered."""
        own, _, _ = f" {text.strip()} ".partition(" -- ")
        words = (self._parameter(word) for word in own.split())
        return " ".join(words)

    def init(self, name: str) -> str:
        return name if name in _INITS | _SHELLS else self.names.of(Secret.INIT, name)

    def _parameter(self, word: str) -> str:
        if _KNOWN_PARAMETERS.fullmatch(word.partition("=")[0].replace("-", "_")):
            return self.names.everywhere(word)
        return self.names.of(Secret.PARAMETER, word)

    def _mountinfo(self, text: str) -> str:
        return "".join(f"{mount}\n" for line in text.split("\n") if (mount := self._mount(line)))

    def _mount(self, line: str) -> str:
        """Mounts of devices stay; of the kernel's own filesystems the place does, of others neither name nor option."""
        own, _, rest = line.partition(" - ")
        fields, after = own.split(" "), rest.split(" ")
        if len(fields) < 6 or len(after) < 3:
            return ""
        if not fields[2].startswith("0:") or after[1].startswith("/dev/"):
            return " ".join(escape(self.names.everywhere(unescape(word))) for word in line.split(" "))
        mode = fields[5].split(",")[0]
        target = fields[4] if after[0] in _KERNEL_FILESYSTEMS else self._target(unescape(fields[4]))
        source = after[1] if after[1] in (after[0], "none") else self.names.of(Secret.SOURCE, after[1])
        return f"{fields[0]} {fields[1]} {fields[2]} / {escape(target)} {mode} - {after[0]} {source} {mode}"

    def _target(self, target: str) -> str:
        if _ORDINARY_TARGETS.fullmatch(target):
            return target
        return "/" + self.names.of(Secret.DIRECTORY, target)

    def _udev(self, text: str) -> str:
        kinds = {"ID_SERIAL_SHORT": Secret.SERIAL, "ID_WWN": Secret.WWN, "ID_FS_UUID": Secret.UUID}
        pairs = ((match[1], match[2]) for match in _UDEV.finditer(text))
        return "".join(f"E:{key}={self.names.of(kinds[key], value)}\n" for key, value in pairs)

    def _cpuinfo(self, text: str) -> str:
        first = _DYNAMIC_CPUINFO.sub("", text.split("\n\n")[0])
        return self.names.everywhere(first.rstrip("\n") + "\n")

    def _unit_serial(self, text: str) -> str:
        """Page 80h: the length stands in the third and fourth byte."""
        page = text.encode("utf-8", "surrogateescape")
        serial = page[4:].decode("ascii", "replace").strip("\0 ")
        name = self.names.of(Secret.SERIAL, serial).encode("ascii", "replace")
        return (page[:2] + len(name).to_bytes(2, "big") + name).decode("utf-8", "surrogateescape")

    def _memory_table(self, text: str) -> str:
        return without_secrets(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def _replace(self, value: object) -> object:
        """A copy of facts with every text scrubbed: by the rule of its field, else by its form."""
        match value:
            case str():
                return self.names.everywhere(value)
            case tuple():
                return tuple(self._replace(item) for item in value)
            case frozenset():
                return frozenset(self._replace(item) for item in value)
            case dict():
                return {key: self._replace(item) for key, item in value.items()}
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, CpuSet | type):
                rest = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
                ruled = self._fields(value)
                return replace(value, **{name: ruled.get(name) or self._replace(item) for name, item in rest.items()})
            case _:
                return value

    def _fields(self, value: object) -> dict[str, str]:
        of = self.names.of
        match value:
            case BlockDevice():
                return {"serial": of(Secret.SERIAL, value.serial), "wwn": of(Secret.WWN, value.wwn)}
            case Nic():
                return {"mac": of(Secret.MAC, value.mac)}
            case Platform():
                return {
                    "hostname": of(Secret.HOST, value.hostname),
                    "machine_id": of(Secret.MACHINE_ID, value.machine_id),
                    "boot_id": of(Secret.UUID, value.boot_id),
                    "init": self.init(value.init),
                }
            case Kernel():
                return {"command_line": self.command_line(value.command_line)}
            case _:
                return {}


def _whole(kind: Secret) -> Callable[[Scrubber, str], str]:
    return lambda scrubber, text: scrubber.whole(kind, text)


def _kept(pattern: re.Pattern[str]) -> Callable[[Scrubber, str], str]:
    return lambda scrubber, text: scrubber.names.everywhere("".join(f"{each[0]}\n" for each in pattern.finditer(text)))


_RULES: tuple[tuple[re.Pattern[str], Callable[[Scrubber, str], str]], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"/sys/.*/serial", _whole(Secret.SERIAL)),
        (r"/sys/.*/wwid", _whole(Secret.WWN)),
        (r"/sys/.*/net/[^/]+/address", _whole(Secret.MAC)),
        (r"/sys/.*/vpd_pg80", Scrubber._unit_serial),
        (re.escape(DMI_TABLE), Scrubber._memory_table),
        (r"/proc/sys/kernel/hostname", _whole(Secret.HOST)),
        (r"/etc/machine-id", _whole(Secret.MACHINE_ID)),
        (r"/proc/cmdline", lambda scrubber, text: scrubber.command_line(text) + "\n"),
        (r"/boot/grub/grub\.cfg", lambda scrubber, text: scrub_boot.menu(text, scrubber.command_line)),
        (r"/etc/default/grub(\.d/.*)?", lambda scrubber, text: scrub_boot.defaults(text, scrubber.command_line)),
        (r"/usr(/local)?/s?bin/grub-mkconfig", lambda _scrubber, text: scrub_boot.maker(text)),
        (re.escape(MOUNTINFO), Scrubber._mountinfo),
        (r"/run/udev/data/.*", Scrubber._udev),
        (r"/proc/1/comm", lambda scrubber, text: scrubber.init(text.strip()) + "\n"),
        (r"/proc/cpuinfo", Scrubber._cpuinfo),
        (r"/proc/meminfo", _kept(_MEMINFO)),
        (r"/(etc|usr/lib)/os-release", _kept(_OS_RELEASE)),
        (r"/(etc|run|lib|usr/lib|usr/local/lib)/systemd/.*", _kept(_UNIT_FILE)),
    )
)
