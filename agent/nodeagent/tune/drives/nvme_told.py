"""What is worth knowing of an NVMe drive and can't be set: told by verify, optional, with the figure that matters.

Each is said only where it can be known; what is fine is said in one word, so that a person sees it was looked at.
"""

from collections.abc import Iterator

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts, PcieLink
from nodeagent.model.nvme import Health
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.drives.nvme_drive import Drive

LINK_BELOW = "NA-NVME-010"
UNHEALTHY = "NA-NVME-011"
FIRMWARE_WAITS = "NA-NVME-012"
SMALL_SECTORS = "NA-NVME-013"
NODE_UNKNOWN = "NA-NVME-014"
SHARED_QUEUES = "NA-NVME-015"

_WORN_PERCENT = 80
_NEW_CODING_GTS = 8.0
_WARNINGS = (
    "spare blocks run out",
    "too hot or too cold",
    "reliability is degraded",
    "it has gone read-only",
    "its power-loss protection failed",
    "its persistent memory region is unreliable",
)
"""Bits of the critical warning, lowest first."""


def told(drive: Drive, facts: HostFacts) -> Iterator[Finding]:
    """Everything there is to tell of a drive."""
    yield from _link(drive)
    yield from _health(drive)
    yield from _firmware(drive)
    yield from _sectors(drive)
    yield from _node(drive, facts)
    yield from _queues(drive, facts)
    if drive.write_cache:
        yield _say(drive, "write-cache", State.OK, got=drive.write_cache, wanted="told only")


def lost_percent(link: PcieLink) -> int | None:
    """How much of what the drive's link could carry is lost to its training; None where the bus does not say.

    Before 8 GT/s ten bits carry eight, after that 130 carry 128 (PCI Express Base Specification 3.0, 4.2).
    """
    if not link.speed_gts or not link.speed_max_gts or not link.width or not link.width_max:
        return None
    now = _carried(link.speed_gts) * link.width
    best = _carried(link.speed_max_gts) * link.width_max
    return max(0, round(100 * (1 - now / best)))


def _carried(speed_gts: float) -> float:
    return speed_gts * (128 / 130 if speed_gts >= _NEW_CODING_GTS else 8 / 10)


def _link(drive: Drive) -> Iterator[Finding]:
    link = drive.device.pcie
    lost = lost_percent(link) if link else None
    if link is None or lost is None:
        return
    got = f"{link.speed_gts:g} GT/s x{link.width}"
    wanted = f"{link.speed_max_gts:g} GT/s x{link.width_max}"
    if not lost:
        yield _say(drive, "link", State.OK, got=got, wanted=wanted)
        return
    remedy = f"reseat the drive, look at its slot, cable and BIOS: lspci -vv -s {link.address} | grep Lnk"
    yield _say(drive, "link", State.DRIFT, got=f"{got}, {lost} % lost", wanted=wanted, remedy=remedy, id=LINK_BELOW)


def _health(drive: Drive) -> Iterator[Finding]:
    health, name = drive.nvme.health, drive.nvme.name
    if health is None:
        if drive.nvme.name:
            remedy = f"as root: nvme smart-log /dev/{name}"
            yield _say(drive, "health", State.UNKNOWN, got=drive.nvme.problem, wanted="healthy", remedy=remedy)
        return
    got = f"{health.temperature_celsius} C, {health.used_percent} % used, {health.spare_percent} % spare"
    if problems := list(_ailments(health)):
        remedy = f"nvme smart-log /dev/{name}; plan its replacement before this machine is relied on"
        told_all = f"{'; '.join(problems)} ({got})"
        yield _say(drive, "health", State.DRIFT, got=told_all, wanted="healthy", remedy=remedy, id=UNHEALTHY)
    else:
        yield _say(drive, "health", State.OK, got=got, wanted="healthy")


def _ailments(health: Health) -> Iterator[str]:
    yield from (text for bit, text in enumerate(_WARNINGS) if health.warning >> bit & 1)
    if health.used_percent > _WORN_PERCENT:
        yield f"{health.used_percent} % of its life are used"
    if health.media_errors:
        yield f"{health.media_errors} errors of its media"
    if health.warning_celsius is not None and health.temperature_celsius >= health.warning_celsius:
        yield f"{health.temperature_celsius} C, it warns from {health.warning_celsius} C on"


def _firmware(drive: Drive) -> Iterator[Finding]:
    slots = drive.nvme.firmware
    if slots is None:
        return
    filled = [f"{at}: {text}" for at, text in enumerate(slots.revisions, start=1) if text]
    got = f"slot {slots.active} of {len(slots.revisions)} ({', '.join(filled) or 'none named'})"
    if slots.next in (0, slots.active):
        yield _say(drive, "firmware", State.OK, got=got, wanted="told only")
        return
    remedy = f"nvme fw-log /dev/{drive.nvme.name}; the new one comes with the next reset of the drive"
    got = f"{got}; slot {slots.next} at the next reset"
    yield _say(drive, "firmware", State.DRIFT, got=got, wanted="no change waits", remedy=remedy, id=FIRMWARE_WAITS)


def _sectors(drive: Drive) -> Iterator[Finding]:
    formats, used = drive.nvme.formats, drive.nvme.format_in_use
    if used is None or used >= len(formats):
        return
    now = formats[used].data_bytes
    larger = [each for each in formats if each.data_bytes > now and not each.metadata_bytes]
    got = f"{now} bytes"
    if not larger:
        yield _say(drive, "sectors", State.OK, got=got, wanted="told only")
        return
    best = max(each.data_bytes for each in larger)
    remedy = "nvme id-ns -H shows them; another format destroys what is on the drive and is never made here"
    yield _say(
        drive, "sectors", State.DRIFT, got=got, wanted=f"{best} bytes are offered", remedy=remedy, id=SMALL_SECTORS
    )


def _node(drive: Drive, facts: HostFacts) -> Iterator[Finding]:
    if drive.device.numa_node is not None:
        yield _say(drive, "node", State.OK, got=str(drive.device.numa_node), wanted="told only")
    elif len(facts.numa_nodes) > 1:
        remedy = "the firmware does not say which node its slot belongs to: look for an update, or for NPS1"
        got = "unknown (-1)"
        yield _say(drive, "node", State.UNKNOWN, got=got, wanted="a memory node", remedy=remedy, id=NODE_UNKNOWN)


def _queues(drive: Drive, facts: HostFacts) -> Iterator[Finding]:
    """The kernel spreads queues and their interrupts itself, and nobody can move them (managed interrupts)."""
    count, cpus = len(drive.queue_cpus), len(facts.cpus.online)
    if not count or not cpus:
        return
    widest = max((len(_cpus(text)) for text in drive.queue_cpus), default=0)
    got = f"{count} queues for {cpus} CPUs"
    if widest <= 1:
        yield _say(drive, "queues", State.OK, got=got, wanted="told only")
        return
    remedy = "the drive or its vectors limit it: dmesg | grep 'queues'; fewer CPUs than queues share none"
    got = f"{got}, up to {widest} CPUs on one"
    yield _say(drive, "queues", State.DRIFT, got=got, wanted="a queue a CPU", remedy=remedy, id=SHARED_QUEUES)


def _cpus(text: str) -> CpuSet:
    """`cpu_list` writes its numbers with blanks between."""
    try:
        return CpuSet.parse(text.replace(" ", ""))
    except ValueError:
        return CpuSet()


def _say(
    drive: Drive, part: str, state: State, *, got: str, wanted: str, remedy: str = "", id: str | None = None
) -> Finding:
    return Finding(subject=drive.key(part), state=state, got=got, wanted=wanted, remedy=remedy, optional=True, id=id)
