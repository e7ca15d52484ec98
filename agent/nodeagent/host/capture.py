"""`host capture`: the part of a machine's file tree that nodeagent reads, scrubbed, as one text file.

The tree is what a recording Host was asked while it read all facts, mounts and the knobs below, so `load` gives a Host
with the same facts (docs/host.md tells the format). Files that answered an error, and device nodes, which no ordinary
directory can hold, go to an index that Host honours.
"""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.host.archive import Archive, Entry, EntryKind, format_archive, parse_archive
from nodeagent.host.host import Host
from nodeagent.host.nvme import controllers_of
from nodeagent.host.recording import RecordingHost, collect
from nodeagent.host.scrub import Scrubber
from nodeagent.host.swaps import SWAPS
from nodeagent.host.tree_index import TreeIndex
from nodeagent.host.units import busy_units
from nodeagent.model.errors import HostError, UsageError
from nodeagent.model.unit_state import RUN_UNITS

if TYPE_CHECKING:
    from nodeagent.model.facts import HostFacts

ARCHIVE_LIMIT_BYTES = 64 * 1024 * 1024

_KNOBS = (
    ("/proc/sys/vm", re.compile(r"(?!stat_refresh).*")),
    ("/proc/sys/net/core", re.compile(r"(?!netdev_rss_key).*")),
    ("/proc/sys/net/ipv4", re.compile(r"(?!tcp_fastopen_key)(tcp|udp|ip_local_port)_.*")),
    ("/proc/sys/fs", re.compile(r"file-max|nr_open|aio-max-nr|pipe-max-size")),
    (
        "/proc/sys/kernel",
        re.compile(
            r"numa_balancing|(nmi_|soft)?watchdog\w*|sched_\w+|timer_migration|pid_max|threads-max|perf_event_\w+"
            r"|perf_cpu_time_max_percent|randomize_va_space|hung_task_timeout_secs|io_uring_disabled"
        ),
    ),
    ("/sys/kernel/mm/transparent_hugepage", re.compile(r".*")),
    ("/sys/kernel/mm/transparent_hugepage/khugepaged", re.compile(r".*")),
)

_SLICES = ("system", "user", "machine", "validator")


def capture(host: Host, file: Path, *, scrubber: Scrubber | None = None) -> None:
    """Write the scrubbed tree of `host` to `file`, which must not exist; HostError where it can't be written."""
    content = capture_text(host, scrubber=scrubber).encode()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except FileExistsError as error:
        raise HostError(f"{file} exists already", remedy=f"name another file, or rm {file}") from error
    except OSError as error:
        raise HostError(f"cannot write {file}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def capture_text(host: Host, *, scrubber: Scrubber | None = None) -> str:
    """The scrubbed tree of `host` in the format of docs/host.md."""
    return format_archive(capture_archive(host, scrubber=scrubber or Scrubber()))


def capture_archive(host: Host, *, scrubber: Scrubber) -> Archive:
    """The tree as data; `scrubber` afterwards knows every pseudonym that was given."""
    recording = RecordingHost(root=host.root)
    facts = recording.facts()
    scrubber.facts(facts)
    recording.mounts()
    _ask_for_interrupts(recording, facts)
    _ask_for_nvme(recording, facts)
    _ask_for_boot(recording)
    _ask_for_partitions(recording)
    _ask_for_units(recording)
    for directory, wanted in _KNOBS:
        for name in host.names(directory):
            if wanted.fullmatch(name):
                recording.read(f"{directory}/{name}")
    entries = tuple(_scrubbed(entry, scrubber) for entry in collect(recording))
    return Archive(entries=entries, page_bytes=host.page_bytes())


def _ask_for_interrupts(recording: RecordingHost, facts: "HostFacts") -> None:
    """Of ports and drives, and where new ones would fire."""
    recording.read("/proc/irq/default_smp_affinity")
    drives = [drive.pcie.address for drive in facts.block_devices if drive.pcie is not None]
    for address in dict.fromkeys([*(nic.pci_address for nic in facts.nics), *drives]):
        if address:
            recording.interrupts(address)


def _ask_for_nvme(recording: RecordingHost, facts: "HostFacts") -> None:
    """What the files tell of NVMe drives; what only a command to the drive would is not asked."""
    for drive in facts.block_devices:
        for name in controllers_of(recording, drive.name):
            recording.read(f"/sys/class/nvme/{name}/serial")
            recording.read(f"/sys/class/nvme/{name}/power/pm_qos_latency_tolerance_us")
            recording.read(f"/sys/class/nvme/{name}/device/power/control")
            for queue in recording.names(f"/sys/block/{drive.name}/mq"):
                recording.read(f"/sys/block/{drive.name}/mq/{queue}/cpu_list")


def _ask_for_units(recording: RecordingHost) -> None:
    """What starts at boot or runs, and which limits its processes have; the swap areas in use."""
    recording.stat(RUN_UNITS)
    recording.read(SWAPS)
    for name in busy_units(recording):
        for pid in recording.unit(name).processes:
            recording.read(f"/proc/{pid}/limits")


def _ask_for_boot(recording: RecordingHost) -> None:
    """What the boot loader hands to the kernel, and who says so."""
    for path in ("/proc/cmdline", "/boot/grub/grub.cfg", "/etc/default/grub", "/usr/sbin/grub-mkconfig"):
        recording.read(path)
    for name in recording.names("/etc/default/grub.d"):
        if name.endswith(".cfg"):
            recording.read(f"/etc/default/grub.d/{name}")


def _ask_for_partitions(recording: RecordingHost) -> None:
    """CPU sets of the groups at the top, and where unbound work of the kernel may run."""
    recording.read("/sys/devices/virtual/workqueue/cpumask")
    recording.read("/sys/fs/cgroup/cgroup.controllers")
    for name in _SLICES:
        for knob in ("cpuset.cpus", "cpuset.cpus.effective", "cpuset.cpus.partition"):
            recording.read(f"/sys/fs/cgroup/{name}.slice/{knob}")


def _scrubbed(entry: Entry, scrubber: Scrubber) -> Entry:
    content = scrubber.content(entry.path, entry.content) if entry.content else ""
    return replace(entry, path=scrubber.path(entry.path), target=scrubber.path(entry.target), content=content)


def load(file: Path, directory: Path) -> Host:
    """Unpack a capture into `directory`, which must be empty or absent, and return a Host on it.

    HostError where the file is no capture or the directory can't take it; nothing is unpacked then.
    """
    archive = read_archive(file)
    _make_empty(directory)
    try:
        unpack(archive, directory)
    except OSError as error:
        for made in directory.iterdir():
            shutil.rmtree(made) if made.is_dir() and not made.is_symlink() else made.unlink()
        raise HostError(f"cannot unpack {file} into {directory}: {error.strerror}") from error
    return Host(root=directory)


def read_archive(file: Path) -> Archive:
    """Read and check a capture without unpacking it."""
    try:
        if file.stat().st_size > ARCHIVE_LIMIT_BYTES:
            raise HostError(f"{file} is larger than {ARCHIVE_LIMIT_BYTES} bytes: no host capture")
        text = file.read_bytes().decode()
    except OSError as error:
        raise HostError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise HostError(f"{file} is no host capture: not UTF-8 at byte {error.start}") from error
    return parse_archive(text, name=os.fspath(file))


def unpack(archive: Archive, directory: Path) -> None:
    """Make the files of a checked archive below an empty directory; links last, so that none is walked through."""
    for entry in sorted(archive.entries, key=lambda entry: entry.kind is EntryKind.LINK):
        place = directory / entry.path[1:]
        parent = place if entry.kind is EntryKind.DIRECTORY else place.parent
        if not parent.is_dir():
            parent.mkdir(parents=True)
        if entry.kind is EntryKind.LINK:
            place.symlink_to(entry.target)
        elif entry.kind is not EntryKind.DIRECTORY:
            _make_file(entry, place)
    TreeIndex(
        unreadable={entry.path: problem for entry in archive.entries if (problem := _answer(entry))},
        kinds={entry.path: "device" for entry in archive.entries if entry.kind is EntryKind.DEVICE},
        page_bytes=archive.page_bytes,
    ).write(directory)


def _answer(entry: Entry) -> str:
    """The errno that reading the entry gives; "" for content. What a capture left out must not read as empty."""
    return {EntryKind.DEVICE: "EINVAL", EntryKind.LISTED: "ENODATA"}.get(entry.kind, entry.problem)


def _make_file(entry: Entry, place: Path) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(entry.content.encode("utf-8", "surrogateescape"))
        # What was readable there is readable for its owner here; what was not is in the index.
        os.fchmod(descriptor, entry.mode & 0o777 | (0 if _answer(entry) else 0o400))


def _make_empty(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty", remedy="name a directory that does not exist yet")
    except OSError as error:
        raise HostError(f"cannot unpack into {directory}: {error.strerror}") from error
