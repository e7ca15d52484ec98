"""The vectors of one device held against the CPUs they should have: findings, and the changes that mend them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.interrupts import DeviceInterrupts, Interrupt, VectorName
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.interrupts.targets import NAME, Target, reserved_cpus
from nodeagent.tune.interrupts.vector_space import VECTORS_PER_CPU, VectorSpace
from nodeagent.tune.knob import APPLY_REMEDY, Comparison, enforced
from nodeagent.tune.reasoned import reasoned

_LOOK_AGAIN = f"it moves at its next interrupt: send traffic, then nodeagent tune verify --only {NAME}; if it stays, "


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceComparison:
    """One device with the CPUs of its vectors. `setting` is that of the CPUs."""

    target: Target
    device: DeviceInterrupts
    setting: Setting[Any]
    wanted: Mapping[VectorName, CpuSet]
    facts: HostFacts

    def vectors(self, space: VectorSpace) -> Iterator[Comparison]:
        """Every vector that can be moved; those only the kernel moves are told together."""
        for vector in self.device.vectors:
            if vector.movable and vector.name.action:
                yield from self._vector(vector, self.wanted[vector.name], space)

    def _vector(self, vector: Interrupt, cpus: CpuSet, space: VectorSpace) -> Iterator[Comparison]:
        has_room = space.take(cpus)
        if vector.allowed is None:
            remedy = f"read it as root: cat /proc/irq/{vector.number}/smp_affinity_list"
            yield self._told(vector, State.UNKNOWN, got="unreadable", wanted=str(cpus), remedy=remedy)
        elif vector.allowed == cpus:
            yield self._told(vector, State.OK, got=str(cpus), wanted=str(cpus))
            if vector.effective and not vector.effective <= cpus:
                yield self._fires_elsewhere(vector, cpus)
        elif not has_room:
            yield self._told(
                vector,
                State.UNKNOWN,
                got=f"{space.used(cpus)} interrupts fire on {cpus} already",
                wanted=f"at most {VECTORS_PER_CPU} for each CPU",
                remedy="name more CPUs, or give the ports fewer queues or VFs (tunable nic-queues)",
                id="NA-IRQ-005",
            )
        else:
            told = self._told(vector, State.DRIFT, got=str(vector.allowed), wanted=str(cpus), remedy=APPLY_REMEDY)
            yield Comparison(
                finding=told.finding,
                change=self._change(vector.name, vector.allowed, cpus) if enforced(self.setting) else None,
            )

    def _change(self, name: VectorName, before: CpuSet, after: CpuSet) -> SetIrqAffinity:
        return SetIrqAffinity(
            key=f"{self.target.key}:{name}",
            tunable=NAME,
            why=self.setting.why,
            source=self.setting.source,
            address=self.target.address,
            vector=name,
            before=before,
            after=after,
        )

    def _told(self, vector: Interrupt, state: State, **fields: Any) -> Comparison:
        subject = f"{self.target.key}:{vector.name}"
        return Comparison(finding=reasoned(subject, state, self.setting, **fields))

    def _fires_elsewhere(self, vector: Interrupt, cpus: CpuSet) -> Comparison:
        """Allowed is not moved: the kernel acts when the interrupt fires, or could not find a vector."""
        told = reasoned(
            f"{self.target.key}:{vector.name}:effective",
            State.DRIFT,
            self.setting,
            got=f"fires on {vector.effective}",
            wanted=f"fires on {cpus}",
            remedy=_LOOK_AGAIN + 'dmesg tells of "vector space exhaustion"',
            id="NA-IRQ-003",
            optional=True,
        )
        return Comparison(finding=told)

    def place(self, cpus: CpuSet) -> Iterator[Comparison]:
        """What is odd about the CPUs, seen from the device."""
        if offline := cpus - self.facts.cpus.online:
            yield self._odd("offline", f"CPU {offline} is offline", "online CPUs", "NA-IRQ-004", "name online CPUs")
        if len(self.facts.numa_nodes) < 2:
            return
        node = next((node for node in self.facts.numa_nodes if node.id == self.device.node), None)
        if self.device.node is None:
            remedy = "the firmware does not say where the slot is; name CPUs by number if you know it"
            yield self._odd("node", "its memory node is unknown", "a known memory node", "NA-IRQ-007", remedy)
        elif node is not None and not cpus & node.cpus:
            remedy = f"choose among the CPUs of node {node.id}: {node.cpus}"
            yield self._odd("node", f"CPUs {cpus}, none on its node", f"CPUs of node {node.id}", "NA-IRQ-009", remedy)

    def _odd(self, part: str, got: str, wanted: str, identifier: str, remedy: str) -> Comparison:
        subject = f"{self.target.key}:{part}"
        fields: dict[str, Any] = {"got": got, "wanted": wanted, "remedy": remedy, "id": identifier, "optional": True}
        return Comparison(finding=reasoned(subject, State.UNKNOWN, self.setting, **fields))


def fixed_vectors(target: Target, device: DeviceInterrupts, facts: HostFacts) -> Iterator[Finding]:
    """One finding for all vectors of a device that only the kernel places, which says where they are."""
    fixed = [vector for vector in device.vectors if vector.managed]
    if not fixed:
        return
    places = _together(vector.effective or vector.allowed for vector in fixed)
    disturbed = places & reserved_cpus(facts)
    wanted = str(target.entry.cpus.value) if target.entry.cpus else "reported only"
    remedy = "only the kernel places them"
    if disturbed:
        remedy += f"; those on {disturbed} leave only with isolcpus=managed_irq at boot (kernel-command-line)"
    yield Finding(
        subject=f"{target.key}:managed",
        state=State.NOT_APPLICABLE,
        got=f"{len(fixed)} of {target.label} fire on {places}",
        wanted=wanted,
        remedy=remedy,
        optional=True,
        id="NA-IRQ-002",
    )


def _together(sets: Iterator[CpuSet | None]) -> CpuSet:
    return CpuSet.of(cpu for cpus in sets if cpus for cpu in cpus)
