"""irq-affinity: which CPUs serve the interrupts of network ports and drives.

Why: a queue's packets are handled where its interrupt fires. Near its device that costs one memory access less for each
packet; on the core of the validator's proof of history it costs the slot. So each queue gets one CPU of those that the
placement keeps for interrupts, near the device, physical cores first, caches in turn; what is no queue (link state,
configuration) goes to the housekeeping CPUs; and `default` is where interrupts go that come later.

An interrupt is known by its function on the bus and the name that its driver gave it. Its number changes with every
reload of the driver, every change of the number of queues, every VF made; so this runs after all of those.

What is written is where an interrupt *may* fire. Where it does is told beside it (NA-IRQ-003): the kernel moves it at
its next interrupt, and only if the CPU has a vector left, which is counted beforehand (NA-IRQ-005).

Some interrupts only the kernel places ("managed": one queue for each CPU, made with the driver). They are recognized by
the mode of their file and never tried (NA-IRQ-002). The queues of NVMe drives are such; a profile may have them
reported.

irqbalance owns the same files and writes them every ten seconds. With `keep_irqbalance_away` a policy script tells it
to leave these devices alone, and to keep what it moves off the reserved CPUs (tune/interrupts/irqbalance.py).

Rejected: affinity hints, which irqbalance has ignored since 2016; stopping irqbalance, which has the other devices to
spread; `irqaffinity=` at boot, which `default` does without one. Undo writes the mask that was there; the interrupt may
stay where it fires, since the kernel does not move one that may stay.

Sources beside those below: kernel/irq/proc.c, kernel/irq/manage.c, arch/x86/kernel/apic/vector.c.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeagent.model.change import Change, KnobForm, PlanItem, Risk
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.interrupts import DeviceInterrupts
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.placement import CpuRole
from nodeagent.model.reading import Reading
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.tune.interrupts import irqbalance
from nodeagent.tune.interrupts.comparison import DeviceComparison, fixed_vectors
from nodeagent.tune.interrupts.irqbalance import Irqbalance
from nodeagent.tune.interrupts.settings import IrqAffinitySettings, Settings
from nodeagent.tune.interrupts.spread import Spreader
from nodeagent.tune.interrupts.targets import (
    NAME,
    Target,
    chosen_cpus,
    find_targets,
    other_cpus,
    reserved_cpus,
    unmatched,
)
from nodeagent.tune.interrupts.vector_space import VectorSpace, read_load
from nodeagent.tune.knob import APPLY_REMEDY, Comparison, Knob, compare, enforced, watched
from nodeagent.tune.reasoned import reasoned

DEFAULT_MASK = "/proc/irq/default_smp_affinity"
_NO_ROLES = "add the section `placement` to the profile, or name CPUs by number"


@dataclass(frozen=True, slots=True, kw_only=True)
class IrqSeen:
    """`devices` by address; `load` is how many interrupts fire on each CPU, empty where there are few."""

    devices: Mapping[str, DeviceInterrupts]
    default: Reading
    irqbalance: Irqbalance
    load: Mapping[int, int]


class IrqAffinity:
    """The tunable; keys name the function on the bus and the driver's name of the interrupt."""

    name: str = NAME
    summary: str = "which CPUs serve the interrupts of network ports"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(
            kind=NeedKind.ROOT, name="root", reason="the files of /proc/irq belong to root", remedy="run it with sudo"
        ),
        Need(
            kind=NeedKind.KERNEL,
            name="/sys/kernel/irq",
            reason="interrupts are known by the names shown there",
            remedy="mount sysfs: mount -t sysfs sysfs /sys",
        ),
    )
    follows: tuple[str, ...] = ("smt", "sriov", "nic-queues")
    roles: tuple[CpuRole, ...] = (CpuRole.INTERRUPTS, CpuRole.HOUSEKEEPING, CpuRole.POH, CpuRole.XDP)
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/core-api/irq/irq-affinity.html",
        "https://docs.kernel.org/core-api/irq/managed_irq.html",
        "https://docs.kernel.org/admin-guide/abi-testing.html",
        "https://manpages.debian.org/irqbalance.1",
    )
    Settings: Any = Settings

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if host.names("/sys/kernel/irq") else "this kernel does not show its interrupts below /sys/kernel/irq"

    def observe(self, host: HostReader, settings: IrqAffinitySettings, facts: HostFacts) -> IrqSeen:
        devices = {target.address: host.interrupts(target.address) for target in find_targets(settings, facts)}
        places = {vector.number: vector.effective for device in devices.values() for vector in device.vectors}
        return IrqSeen(
            devices=devices,
            default=host.read(DEFAULT_MASK),
            irqbalance=irqbalance.read_irqbalance(host),
            load=read_load(host, facts, places),
        )

    def plan(self, observed: IrqSeen, settings: IrqAffinitySettings, facts: HostFacts) -> tuple[PlanItem, ...]:
        vectors = [item.change for item in _compare_all(observed, settings, facts) if item.change]
        # irqbalance is told first: what it has not heard of it may move back.
        return (*_irqbalance_changes(observed, settings, facts), *vectors)

    def judge(self, observed: IrqSeen, settings: IrqAffinitySettings, facts: HostFacts) -> Verdict:
        return Verdict(
            tunable=NAME,
            findings=(
                *_irqbalance_findings(observed, settings, facts),
                *(item.finding for item in _compare_all(observed, settings, facts)),
                *_fixed(observed, settings, facts),
                *unmatched(settings, facts),
            ),
        )


IRQ_AFFINITY = IrqAffinity()


def _compare_all(observed: IrqSeen, settings: IrqAffinitySettings, facts: HostFacts) -> Iterator[Comparison]:
    if settings.default is not None and watched(settings.default):
        yield _default(observed.default, settings.default, facts)
    spreader, space = Spreader(topology=facts.cpus, others=other_cpus(facts)), VectorSpace(observed.load)
    compared = []
    for target in find_targets(settings, facts):
        device, setting = observed.devices[target.address], target.entry.cpus
        if setting is None:  # a drive, which is only reported
            continue
        cpus = chosen_cpus(setting.value, target.address, facts)
        if problem := _unusable(target, device, setting, cpus, facts):
            yield Comparison(finding=problem)
        elif cpus:
            wanted = spreader.assign(device, cpus & facts.cpus.online, target.entry.spread)
            found = DeviceComparison(target=target, device=device, setting=setting, wanted=wanted, facts=facts)
            compared.append((found, cpus))
            for vector in device.vectors:
                if vector.movable and vector.name.action:
                    space.leave(vector.effective)
    for found, cpus in compared:
        yield from found.vectors(space)
        yield from found.place(cpus)


def _default(reading: Reading, setting: Setting[str], facts: HostFacts) -> Comparison:
    key = f"{NAME}:default"
    cpus = chosen_cpus(setting.value, "", facts)
    if cpus is None or not cpus & facts.cpus.online:
        return Comparison(finding=_no_cpus(key, setting, cpus))
    mask = KnobForm.MASK.parse(cpus.mask())
    return compare(
        Knob(key=key, tunable=NAME, setting=setting, reading=reading, form=KnobForm.MASK, wanted=mask, label="mask")
    )


def _unusable(
    target: Target, device: DeviceInterrupts, setting: Setting[str], cpus: CpuSet | None, facts: HostFacts
) -> Finding | None:
    """Why nothing can be said of a device's vectors; None where they can be compared."""
    if cpus is None or not cpus & facts.cpus.online:
        return _no_cpus(target.key, setting, cpus)
    if any(vector.name.action for vector in device.vectors):
        return None
    return reasoned(
        target.key,
        State.NOT_APPLICABLE,
        setting,
        got=f"{target.label} has no interrupt in use",
        wanted=setting.value,
        remedy=f"it takes them when it goes up: ip link set dev {target.label} up",
        id="NA-IRQ-008",
    )


def _no_cpus(subject: str, setting: Setting[str], cpus: CpuSet | None) -> Finding:
    got = "nothing places roles on this machine" if cpus is None else f"CPUs {cpus or 'none'}, none of them online"
    remedy = _NO_ROLES if cpus is None else "see `cat /sys/devices/system/cpu/online`, and name CPUs that are online"
    return reasoned(subject, State.UNKNOWN, setting, got=got, wanted=setting.value, remedy=remedy, id="NA-IRQ-004")


def _fixed(observed: IrqSeen, settings: IrqAffinitySettings, facts: HostFacts) -> Iterator[Finding]:
    for target in find_targets(settings, facts):
        yield from fixed_vectors(target, observed.devices[target.address], facts)


def _wanted_files(observed: IrqSeen, settings: IrqAffinitySettings, facts: HostFacts) -> tuple[str, str, str]:
    ours = [target.address for target in find_targets(settings, facts) if target.entry.cpus is not None]
    return irqbalance.contents(observed.irqbalance, ours, _banned(observed.irqbalance, facts))


def _banned(seen: Irqbalance, facts: HostFacts) -> CpuSet:
    """CPUs that irqbalance should leave free: the reserved ones, and those it would leave free by itself."""
    reserved = reserved_cpus(facts)
    if not reserved:
        return CpuSet()
    try:
        configured = CpuSet.parse(seen.banned)
    except ValueError:
        configured = CpuSet()
    return reserved | facts.cpus.isolated | facts.cpus.nohz_full | configured


def _irqbalance_changes(observed: IrqSeen, settings: IrqAffinitySettings, facts: HostFacts) -> tuple[Change, ...]:
    setting, seen = settings.keep_irqbalance_away, observed.irqbalance
    if setting is None or not setting.value or not enforced(setting) or _obstacle(seen):
        return ()
    return irqbalance.file_changes(seen, _wanted_files(observed, settings, facts), setting, NAME)


def _obstacle(seen: Irqbalance) -> str:
    """Why our files are not written; "" where they can be."""
    if not (seen.installed or seen.running):
        return "not installed"
    if seen.has_a_script:
        return f"its configuration names a policy script already: {seen.arguments}"
    return f"can't read {problem}" if (problem := irqbalance.unreadable(seen)) else ""


def _irqbalance_findings(observed: IrqSeen, settings: IrqAffinitySettings, facts: HostFacts) -> Iterator[Finding]:
    setting, seen, key = settings.keep_irqbalance_away, observed.irqbalance, f"{NAME}:irqbalance"
    if setting is None or not setting.value or not watched(setting):
        if seen.running and settings.devices and setting is None:
            yield Finding(
                subject=key,
                state=State.UNKNOWN,
                got="irqbalance runs",
                wanted="nobody else moves these interrupts",
                remedy="set keep_irqbalance_away: true, or stop it: systemctl disable --now irqbalance",
                optional=True,
                id="NA-IRQ-006",
            )
        return
    wanted = "kept away from these devices"
    if not (seen.installed or seen.running):
        yield reasoned(key, State.OK, setting, got="not installed", wanted=wanted)
    elif obstacle := _obstacle(seen):
        remedy = f"look at it as root; a policy script of your own can be joined with ours by hand: {irqbalance.SCRIPT}"
        yield reasoned(key, State.UNKNOWN, setting, got=obstacle, wanted=wanted, remedy=remedy, id="NA-IRQ-006")
    elif changes := irqbalance.file_changes(seen, _wanted_files(observed, settings, facts), setting, NAME):
        for change in changes:
            got, told = change.before_state(), change.after_state()
            yield reasoned(change.key, State.DRIFT, setting, got=got, wanted=told, remedy=APPLY_REMEDY)
    elif seen.running and not seen.asks_us:
        got, remedy = "it runs and has not been told yet", f"NEEDS restart: {irqbalance.RESTART}"
        yield reasoned(key, State.UNKNOWN, setting, got=got, wanted=wanted, remedy=remedy, id="NA-IRQ-006")
    else:
        yield reasoned(key, State.OK, setting, got=wanted, wanted=wanted)
