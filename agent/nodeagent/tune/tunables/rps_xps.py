"""rps-xps: which CPUs go on with a packet after its interrupt, and which transmit queue a CPU uses.

Why: RPS hands packets of a queue to other CPUs. It helps a port with one queue, and costs a port with a queue for each
CPU an interprocessor interrupt for each packet, so shipped profiles switch it off (`rps_cpus: none`). RFS
(`rps_flow_cnt` of each queue, `flow_entries` of the machine) hands a packet to the CPU where its reader runs. XPS gives
each CPU its own transmit queue, so that a packet's completion comes back to the CPU that sent it and no two CPUs wait
for one queue's lock.

`xps_cpus: own-queue` spreads the CPUs of `cpus` over the queues, the n-th queue the n-th CPU in the order that
irq-affinity uses, so that sending and receiving of a queue stay together; `none` takes all away.

Queues are reached through the port's place on the bus, so another interface that takes the name is never written.
`follows` sriov and nic-queues, which make queues anew. `net.core.rps_sock_flow_entries` belongs to this tunable and
must not stand below sysctl as well: the plan would set it twice and say so.

The kernel keeps the online CPUs of what is written, RPS without those that `isolcpus` took out; so that much is wanted.

Rejected: `xps_rxqs`, which needs a socket's receive queue to be known and stands over `xps_cpus`; ARFS, which is
`ntuple` (nic-offloads) together with RFS. Undo writes the masks that were there.

Sources: Documentation/networking/scaling.rst; net/core/net-sysfs.c (xps_cpus is ENOENT with one transmit queue).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nodeagent.model.change import Change, KnobForm, Risk
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.placement import CpuRole
from nodeagent.model.reading import Reading
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern, Range
from nodeagent.profiles.name import Name
from nodeagent.tune.interrupts.spread import queue_order
from nodeagent.tune.interrupts.targets import chosen_cpus
from nodeagent.tune.knob import Comparison, Comparisons, Knob, compare, watched
from nodeagent.tune.ports.selection import matching, miscounted, nic_faults
from nodeagent.tune.processors.choice import CpuChoice, resolve
from nodeagent.tune.reasoned import reasoned

NAME = "rps-xps"
FLOW_ENTRIES = "/proc/sys/net/core/rps_sock_flow_entries"
NONE, OWN_QUEUE = "none", "own-queue"

_PCI = "/sys/bus/pci/devices"
_NO_CPUS = "name CPUs that are online and not isolated, or add the section `placement` for roles"
_NO_QUEUES = "it has no queues here: the port is gone, or no driver of this host has it"
_ONE_QUEUE = "a port with one transmit queue has nothing to choose; set it to ignore, or give it more (nic-queues)"

# CpuChoice's own pattern, or one word more.
_CPUS = "[0-9][0-9,:/-]*|[a-z]+(?:[+][a-z]+)*"
RpsCpus = Annotated[str, Pattern(_CPUS, "a list of CPUs, roles of the placement, or none")]
XpsCpus = Annotated[str, Pattern(f"{NONE}|{OWN_QUEUE}", f"{OWN_QUEUE} or {NONE}")]
FlowCount = Annotated[int, Range(0, 1_048_576)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSteeringSettings:
    """What the queues of some ports should have. `name` is a label of the profile, for messages and for merging.

    `cpus` are those that `xps_cpus: own-queue` gives out.
    """

    name: Name
    nic: NicSelector
    cpus: Setting[CpuChoice] | None = None
    rps_cpus: Setting[RpsCpus] | None = None
    rps_flow_cnt: Setting[FlowCount] | None = None
    xps_cpus: Setting[XpsCpus] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RpsXpsSettings:
    """`flow_entries` is the machine's table for RFS, 0 for none (net.core.rps_sock_flow_entries)."""

    flow_entries: Setting[FlowCount] | None = None
    ports: tuple[PortSteeringSettings, ...] = ()


def faults(settings: RpsXpsSettings) -> Iterator[Fault]:
    """What only the whole can tell."""
    seen: set[str] = set()
    for at, entry in enumerate(settings.ports):
        path = ("ports", at)
        if entry.name in seen:
            yield Fault(path=(*path, "name"), problem="a second entry of this name")
        seen.add(entry.name)
        yield from (Fault(path=("ports", *fault.path), problem=fault.problem) for fault in nic_faults(at, entry.nic))
        for name in ("cpus", "rps_cpus", "xps_cpus"):
            setting = getattr(entry, name)
            if setting is not None and (problem := _problem(setting)):
                yield Fault(path=(*path, name), problem=problem)
        if entry.xps_cpus is not None and entry.xps_cpus.value == OWN_QUEUE and entry.cpus is None:
            yield Fault(path=(*path, "xps_cpus"), problem=f"{OWN_QUEUE} gives out `cpus`, which is missing")


def _problem(setting: Setting[str]) -> str:
    if setting.value in (NONE, OWN_QUEUE):
        return ""
    try:
        resolve(setting.value, None)
        return _unknown_role(setting.value)
    except ValueError as error:
        return str(error)


def _unknown_role(choice: str) -> str:
    from nodeagent.model.placement import CpuRole

    unknown = [] if choice[:1].isdigit() else [role for role in choice.split("+") if role not in set(CpuRole)]
    return f"{unknown[0]} is no role of the placement" if unknown else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortQueues:
    """The queues of one port, in their order, as read; file name within, such as `rps_cpus`."""

    interface: str
    receive: tuple[Mapping[str, Reading], ...]
    transmit: tuple[Mapping[str, Reading], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RpsXpsSeen:
    """`ports` by address on the bus."""

    flow_entries: Reading
    ports: Mapping[str, PortQueues]


class RpsXps:
    """The tunable; keys name the function on the bus and the queue."""

    name: str = NAME
    summary: str = "which CPUs and queues a packet takes after its interrupt"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
    )
    follows: tuple[str, ...] = ("smt", "sriov", "nic-queues")
    roles: tuple[CpuRole, ...] = tuple(CpuRole)
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/networking/scaling.html",
        "https://github.com/torvalds/linux/blob/master/net/core/net-sysfs.c",
    )
    Settings: Any = Annotated[RpsXpsSettings, Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if any(nic.pci_address for nic in facts.nics) else "no network port on the PCI bus is visible here"

    def observe(self, host: HostReader, settings: RpsXpsSettings, facts: HostFacts) -> RpsXpsSeen:
        ports = {address for entry in settings.ports for address in _meant(entry, facts)}
        return RpsXpsSeen(
            flow_entries=host.read(FLOW_ENTRIES),
            ports={address: _read_queues(host, address) for address in sorted(ports)},
        )

    def plan(self, observed: RpsXpsSeen, settings: RpsXpsSettings, facts: HostFacts) -> tuple[Change, ...]:
        return _compare_all(observed, settings, facts).changes

    def judge(self, observed: RpsXpsSeen, settings: RpsXpsSettings, facts: HostFacts) -> Verdict:
        findings = _compare_all(observed, settings, facts).findings
        return Verdict(tunable=NAME, findings=(*findings, *_unmatched(settings, facts)))


RPS_XPS = RpsXps()


def _meant(entry: PortSteeringSettings, facts: HostFacts) -> tuple[str, ...]:
    return tuple(sorted(nic.pci_address for nic in matching(entry, facts)))


def _read_queues(host: HostReader, address: str) -> PortQueues:
    interfaces = host.names(f"{_PCI}/{address}/net")
    interface = interfaces[0] if len(interfaces) == 1 else ""
    queues = f"{_PCI}/{address}/net/{interface}/queues"
    names = sorted(host.names(queues), key=lambda name: (len(name), name)) if interface else []
    return PortQueues(
        interface=interface,
        receive=tuple(
            {file: host.read(f"{queues}/{name}/{file}") for file in ("rps_cpus", "rps_flow_cnt")}
            for name in names
            if name.startswith("rx-")
        ),
        transmit=tuple(
            {"xps_cpus": host.read(f"{queues}/{name}/xps_cpus")} for name in names if name.startswith("tx-")
        ),
    )


def _compare_all(observed: RpsXpsSeen, settings: RpsXpsSettings, facts: HostFacts) -> Comparisons:
    found = Comparisons()
    if settings.flow_entries is not None and watched(settings.flow_entries):
        entries = _power_of_two(settings.flow_entries.value)
        knob = Knob(
            key=f"{NAME}:flow_entries",
            tunable=NAME,
            setting=settings.flow_entries,
            reading=observed.flow_entries,
            wanted=entries,
        )
        found.made.append(compare(knob))
    taken: set[str] = set()
    for entry in settings.ports:
        for address in _meant(entry, facts):
            if address not in taken:
                taken.add(address)
                found.made.extend(_compare_port(address, observed.ports[address], entry, facts))
    return found


def _compare_port(
    address: str, port: PortQueues, entry: PortSteeringSettings, facts: HostFacts
) -> Iterator[Comparison]:
    asked = [setting for setting in (entry.rps_cpus, entry.rps_flow_cnt, entry.xps_cpus) if watched(setting)]
    if asked and asked[0] is not None and not port.receive and not port.transmit:
        key, wanted = f"{NAME}:{address}", "queues"
        fields: dict[str, Any] = {"got": "no queues", "wanted": wanted, "remedy": _NO_QUEUES, "id": "NA-RPS-002"}
        yield Comparison(finding=reasoned(key, State.NOT_APPLICABLE, asked[0], **fields))
        return
    for at, queue in enumerate(port.receive):
        yield from _rps(f"{NAME}:{address}:rx-{at}", address, queue, entry, facts)
    yield from _xps(address, port, entry, facts)


def _rps(
    key: str, address: str, queue: Mapping[str, Reading], entry: PortSteeringSettings, facts: HostFacts
) -> Iterator[Comparison]:
    if entry.rps_cpus is not None and watched(entry.rps_cpus):
        cpus = _choice(entry.rps_cpus, address, facts)
        taken = cpus if not cpus else (cpus - facts.cpus.isolated) or None
        yield _cpus_knob(f"{key}:rps_cpus", entry.rps_cpus, queue["rps_cpus"], taken)
    if entry.rps_flow_cnt is not None and watched(entry.rps_flow_cnt):
        knob = Knob(
            key=f"{key}:rps_flow_cnt",
            tunable=NAME,
            setting=entry.rps_flow_cnt,
            reading=queue["rps_flow_cnt"],
            wanted=_power_of_two(entry.rps_flow_cnt.value),
        )
        yield compare(knob)


def _xps(address: str, port: PortQueues, entry: PortSteeringSettings, facts: HostFacts) -> Iterator[Comparison]:
    setting = entry.xps_cpus
    if setting is None or not watched(setting):
        return
    cpus = CpuSet() if setting.value == NONE or entry.cpus is None else _choice(entry.cpus, address, facts)
    if cpus is None:
        yield Comparison(finding=_no_cpus(f"{NAME}:{address}:xps_cpus", setting))
        return
    shares = _shares(cpus, len(port.transmit), facts)
    for at, queue in enumerate(port.transmit):
        yield _cpus_knob(f"{NAME}:{address}:tx-{at}:xps_cpus", setting, queue["xps_cpus"], shares[at])


def _shares(cpus: CpuSet, queues: int, facts: HostFacts) -> list[CpuSet]:
    """The CPUs of each queue, dealt out in turns; with more queues than CPUs several queues share one."""
    order = queue_order(cpus, facts.cpus)
    if not order:
        return [CpuSet()] * queues
    dealt = [CpuSet.of(order[at::queues]) for at in range(queues)]
    return [share or CpuSet.of([order[at % len(order)]]) for at, share in enumerate(dealt)]


def _choice(setting: Setting[str], address: str, facts: HostFacts) -> CpuSet | None:
    """The online CPUs that are meant; None where there are none, or nothing places roles."""
    if setting.value == NONE:
        return CpuSet()
    cpus = chosen_cpus(setting.value, address, facts)
    return (cpus & facts.cpus.online) or None if cpus is not None else None


def _cpus_knob(key: str, setting: Setting[str], reading: Reading, cpus: CpuSet | None) -> Comparison:
    if cpus is None:
        return Comparison(finding=_no_cpus(key, setting))
    knob = Knob(
        key=key,
        tunable=NAME,
        setting=setting,
        reading=reading,
        form=KnobForm.MASK,
        wanted=KnobForm.MASK.parse(cpus.mask()),
        label="mask",
        absent_remedy=_ONE_QUEUE if key.endswith("xps_cpus") else "this kernel lacks CONFIG_RPS; leave it out",
    )
    return compare(knob)


def _no_cpus(key: str, setting: Setting[str]) -> Finding:
    got = "none of these CPUs can take packets on this machine"
    return reasoned(key, State.UNKNOWN, setting, got=got, wanted=setting.value, remedy=_NO_CPUS, id="NA-RPS-003")


def _power_of_two(count: int) -> str:
    """What the kernel makes of the size of a table: the next power of two."""
    return str(1 << (count - 1).bit_length() if count else 0)


def _unmatched(settings: RpsXpsSettings, facts: HostFacts) -> Iterator[Finding]:
    for entry in settings.ports:
        if finding := miscounted(NAME, entry, facts, id="NA-RPS-001"):
            yield finding
