"""sriov: virtual functions (VFs) of a network port, what each may do, and who drives it.

Why: a VF gives a guest or a container a queue of the card of its own, past the host's network stack. What makes it
safe is set by the host, on the port: the address and the VLAN that it can't leave, and whether it is trusted.

The order is that of drivers/pci/iov.c and of the drivers. The kernel goes from one number of VFs to another only
through 0, which destroys them all, so the number is written only where it is wrong. A VF takes its address when its
driver probes it, and its MSI-X vectors while it has none, so where addresses, vectors, drivers or MTUs are wanted, VFs
are made while the kernel's switch for drivers is off; then they get their attributes, the switch is put back, and each
is given to its driver. Making VFs resets many ports (igb: 1 to 3 s without link). An MTU of the port goes up before
those of its VFs, and down after them.

VFs are known by the PCI address of the port and their index; interface names come late and move. Everything about a VF
that is yet to be made is deferred: what it is born with is only known then, and comes back on the way back. What
nobody asks for is never set: drivers refuse different things (igb a link state, 802.1ad and a guaranteed rate).

Rejected: making more VFs without destroying those that are there (the kernel has no such way); restoring the attributes
of VFs that a change of their number destroyed (who used them has lost them by then, which is why it needs
`--allow vf-destroying`).

Sources beside those below: net/core/rtnetlink.c (do_setvfinfo), igb and igbvf measured on Linux 6.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nodeagent.model.change import Deferred, PlanItem, Risk
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.network_change import SetLink, SetVf, SetVfCount, VfCount
from nodeagent.model.port import Port
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.tune.knob import APPLY_REMEDY, accepts, enforced, wanted_text, watched
from nodeagent.tune.ports.selection import first_meant, matching, miscounted
from nodeagent.tune.ports.sriov_settings import DEFAULT_DRIVER, Settings, SriovSettings
from nodeagent.tune.ports.vf_owners import Owner, find_owners
from nodeagent.tune.ports.vf_plan import Step, WantedVf
from nodeagent.tune.ports.vf_support import VF_DRIVERS
from nodeagent.tune.ports.vf_vectors import vector_steps
from nodeagent.tune.reasoned import reasoned

NAME = "sriov"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Ports by PCI address, the PCI drivers that are loaded, and the files of others that set VFs."""

    ports: Mapping[str, Port]
    drivers: frozenset[str]
    owners: tuple[Owner, ...]


class SriovTunable:
    """The tunable; what was seen is every port that a selector means, with its VFs."""

    name: str = NAME
    summary: str = "virtual functions of network ports: how many, with which attributes, for which driver"
    risk: Risk = Risk.VF_DESTROYING
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="sysfs and CAP_NET_ADMIN", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name="/sys/bus/pci",
            reason="VFs are made and bound there",
            remedy="mount sysfs: mount -t sysfs sysfs /sys",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/PCI/pci-iov-howto.html",
        "https://docs.kernel.org/admin-guide/abi-testing.html",
        "https://man7.org/linux/man-pages/man8/ip-link.8.html",
    )
    Settings: Any = Settings

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        if any(nic.sriov is not None and nic.sriov.total_vfs for nic in facts.nics):
            return ""
        return "no network port here can make virtual functions"

    def observe(self, host: HostReader, settings: tuple[SriovSettings, ...], facts: HostFacts) -> Seen:
        addresses = {nic.pci_address for entry in settings for nic in matching(entry, facts)}
        return Seen(
            ports={address: host.port(address) for address in sorted(addresses)},
            drivers=frozenset(host.names("/sys/bus/pci/drivers")),
            owners=find_owners(host),
        )

    def plan(self, observed: Seen, settings: tuple[SriovSettings, ...], facts: HostFacts) -> tuple[PlanItem, ...]:
        return tuple(item for port in _ports(observed, settings, facts) for item in port.items)

    def judge(self, observed: Seen, settings: tuple[SriovSettings, ...], facts: HostFacts) -> Verdict:
        told = (found for port in _ports(observed, settings, facts) for found in port.findings)
        return Verdict(tunable=NAME, findings=(*told, *_unmatched(settings, facts)))


SRIOV = SriovTunable()


def _ports(observed: Seen, settings: tuple[SriovSettings, ...], facts: HostFacts) -> Iterator["_WantedPort"]:
    for entry, nic in first_meant(settings, facts):
        if port := observed.ports.get(nic.pci_address):
            yield _WantedPort(entry=entry, nic=nic, port=port, seen=observed, lockdown=facts.kernel.lockdown)


def _unmatched(settings: tuple[SriovSettings, ...], facts: HostFacts) -> Iterator[Finding]:
    """Entries that mean no port, another number of ports, or a port that an earlier one means."""
    taken: dict[str, str] = {}
    for entry in settings:
        if finding := miscounted(NAME, entry, facts, id="NA-SRIOV-003"):
            yield finding
            continue
        for nic in matching(entry, facts):
            if nic.pci_address in taken and taken[nic.pci_address] != entry.name:
                yield Finding(
                    subject=f"{NAME}:{entry.name}",
                    state=State.UNKNOWN,
                    got=f"{nic.name} belongs to the entry {taken[nic.pci_address]}",
                    wanted="one entry for a port",
                    remedy="let one selector mean it, or join the entries",
                    id="NA-SRIOV-004",
                )
            taken.setdefault(nic.pci_address, entry.name)


@dataclass(frozen=True, kw_only=True)
class _WantedPort:
    """One port against all that is wanted of it."""

    entry: SriovSettings
    nic: Nic
    port: Port
    seen: Seen
    lockdown: str

    @property
    def items(self) -> tuple[PlanItem, ...]:
        """In the order they are to be made."""
        steps = self._steps
        mtu = self._mtu.item
        raises = isinstance(mtu, SetLink) and mtu.after_mtu > mtu.before_mtu
        between = [step.item for step in steps if step.item is not None]
        return (*([mtu] if mtu and raises else []), *between, *([mtu] if mtu and not raises else []))

    @property
    def findings(self) -> tuple[Finding, ...]:
        told = [step.finding for step in (*self._steps, self._mtu) if step.finding is not None]
        return (*told, *self._owners())

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        if (problem := self._problem()) is not None:
            return (Step(finding=problem),)
        vfs = [self._vf(index) for index in range(self._target)]
        named = [vf for vf in vfs if vf.index in self.entry.named]
        attributes = [*vector_steps(self.port, named), *(step for vf in named for step in vf.attribute_steps())]
        drivers = {vf.index: step for vf in vfs if (step := vf.driver_step()) is not None}
        rebound = [step.item for step in attributes if isinstance(step.item, SetVf) and step.item.rebind]
        bindings: dict[int, PlanItem] = {change.index: change for change in rebound}
        bindings |= {index: step.item for index, step in drivers.items() if step.item is not None}
        mtus = [step for vf in named if (step := vf.mtu_step(bindings.get(vf.index))) is not None]
        return (self._count, *attributes, *self._autoprobe(), *drivers.values(), *mtus, *self._beyond())

    def _key(self, part: str) -> str:
        return f"{NAME}:{self.port.address}:{part}"

    def _finding(self, part: str, setting: Setting[Any] | None, state: State, **told: Any) -> Finding:
        return Finding(
            subject=self._key(part),
            state=state,
            why=setting.why if setting else "",
            source=setting.source if setting else "",
            optional=setting is not None and setting.mode is Mode.WARN,
            **told,
        )

    def _problem(self) -> Finding | None:
        """Why nothing can be done with the VFs of this port."""
        port, setting = self.port, self.entry.vfs
        wanted = wanted_text(setting, f"{setting.value}") + " VFs" if setting else "VFs"
        if not port.total_vfs:
            if setting is not None and setting.value == 0 and self.entry.named == ():
                return self._finding("vfs", setting, State.OK, got="0", wanted="0")
            got = "SR-IOV is switched off" if port.total_vfs == 0 else "no SR-IOV"
            return self._finding(
                "vfs", setting, State.NOT_APPLICABLE, got=got, wanted=wanted, remedy=self._firmware(), id="NA-SRIOV-001"
            )
        if self._target > port.total_vfs:
            remedy = f"ask for {port.total_vfs} or fewer; how many there are is a setting of the card's firmware"
            got = f"at most {port.total_vfs}"
            return self._finding(
                "vfs", setting, State.UNKNOWN, got=got, wanted=wanted, remedy=remedy, id="NA-SRIOV-002"
            )
        if self._adopts and port.driver not in VF_DRIVERS:
            remedy = "name the driver of every VF in the profile; which one it is, `modinfo` and the vendor tell"
            got = f"nobody knows who drives the VFs of {port.driver or 'a port without driver'}"
            told = {"got": got, "wanted": DEFAULT_DRIVER, "remedy": remedy, "id": "NA-SRIOV-008"}
            return self._finding("vfs", setting, State.UNKNOWN, **told)
        return None

    def _firmware(self) -> str:
        if self.port.driver.startswith("mlx"):
            locked = f"; the kernel is locked down ({self.lockdown}), which keeps mstconfig out"
            return "mstconfig -d ADDRESS set SRIOV_EN=1 NUM_OF_VFS=N, and a cold start" + (
                locked if self.lockdown not in ("", "none") else ""
            )
        return "switch SR-IOV on in the setup of the machine and of the card; not every card and port has it"

    @property
    def _target(self) -> int:
        """How many VFs there are once all is done."""
        now, setting = self.port.configured_vfs or 0, self.entry.vfs
        if setting is None or not enforced(setting) or accepts(setting, str(now), str(setting.value)):
            return now
        return setting.value

    @property
    def _creates(self) -> bool:
        return self._target != (self.port.configured_vfs or 0)

    @property
    def _holds(self) -> bool:
        """Are the new VFs to be made without a driver?"""
        return self._creates and self._target > 0 and self.entry.sets_before_binding

    @property
    def _switch(self) -> bool | None:
        """How the kernel's switch for drivers is to be left; None where nobody cares, or there is none."""
        if self.port.autoprobe is None:
            return None
        if self.entry.autoprobe is not None and enforced(self.entry.autoprobe):
            return self.entry.autoprobe.value
        return True if self.entry.sets_before_binding else None

    @property
    def _adopts(self) -> bool:
        return self.entry.sets_before_binding and self._target > 0 and self._switch is not False

    @cached_property
    def _count(self) -> Step:
        setting, now = self.entry.vfs, self.port.configured_vfs or 0
        if setting is None or not watched(setting):
            return Step()
        told = {"got": str(now), "wanted": wanted_text(setting, str(setting.value))}
        if accepts(setting, str(now), str(setting.value)):
            return Step(finding=self._finding("vfs", setting, State.OK, **told))
        finding = self._finding("vfs", setting, State.DRIFT, remedy=APPLY_REMEDY, **told)
        if not enforced(setting):
            return Step(finding=finding)
        switch = self.port.autoprobe
        after = False if self._holds and switch is not None else self._switch
        change = SetVfCount(
            key=self._key("vfs"),
            tunable=NAME,
            risk=Risk.VF_DESTROYING if now else Risk.LINK_FLAP,
            why=setting.why,
            source=setting.source,
            address=self.port.address,
            before=VfCount(vfs=now, autoprobe=None if after is None else switch),
            after=VfCount(vfs=setting.value, autoprobe=after),
        )
        return Step(finding=finding, item=change)

    def _autoprobe(self) -> Iterator[Step]:
        """Put the switch for drivers back, or where the profile wants it, once the attributes are set."""
        setting, wanted, now = self.entry.autoprobe, self._switch, self.port.autoprobe
        if setting is not None and watched(setting) and now is not None:
            state = State.OK if now == setting.value else State.DRIFT
            remedy = "" if state is State.OK else APPLY_REMEDY
            told = {"got": _on(now), "wanted": _on(setting.value), "remedy": remedy}
            yield Step(finding=self._finding("autoprobe", setting, state, **told))
        if wanted is None or now is None:
            return
        key = self._key("autoprobe")
        if self._creates:
            if self._holds and wanted:
                summary = "drivers take new VFs again"
                yield Step(item=Deferred(key=key, tunable=NAME, waits_for=self._key("vfs"), summary=summary))
        elif now != wanted:
            # Its state holds the number too: once these VFs are gone, nobody puts the switch back for their sake.
            vfs = self.port.configured_vfs or 0
            yield Step(
                item=SetVfCount(
                    key=key,
                    tunable=NAME,
                    why=setting.why if setting else "",
                    source=setting.source if setting else "",
                    address=self.port.address,
                    before=VfCount(vfs=vfs, autoprobe=now),
                    after=VfCount(vfs=vfs, autoprobe=wanted),
                )
            )

    def _vf(self, index: int) -> WantedVf:
        return WantedVf(
            port=self.port,
            index=index,
            settings=self.entry.settings_of(index),
            drivers=self.seen.drivers,
            count_key=self._key("vfs") if self._creates else "",
            autoprobe=self._switch is not False,
            port_mtu=self._port_mtu,
            adopt=self._adopts,
        )

    def _beyond(self) -> Iterator[Step]:
        """Entries for VFs that the port won't have."""
        for index in self.entry.named:
            if index >= self._target:
                remedy = "ask for more VFs (vfs), or leave it out of the entry"
                told = {"got": f"{self._target} VFs", "wanted": f"VF {index}", "remedy": remedy, "id": "NA-SRIOV-009"}
                yield Step(finding=self._finding(f"vf{index}", None, State.UNKNOWN, **told))

    @property
    def _port_mtu(self) -> int | None:
        change = self._mtu.item
        return change.after_mtu if isinstance(change, SetLink) else self.port.mtu

    @cached_property
    def _mtu(self) -> Step:
        return port_mtu_step(self.port, self.entry.mtu, key=self._key("mtu"), tunable=NAME, too_large="NA-SRIOV-013")

    def _owners(self) -> Iterator[Finding]:
        for owner in self.seen.owners:
            if owner.means(self.nic):
                yield Finding(
                    subject=self._key("owner"),
                    state=State.UNKNOWN,
                    got=f"{owner.program} sets VFs too: {owner.path}",
                    wanted="one owner",
                    remedy=f"take them out of {owner.path}, or out of the profile",
                    optional=True,
                    id="NA-SRIOV-005",
                )


def _on(switch: bool) -> str:
    return "on" if switch else "off"


def port_mtu_step(port: Port, setting: Setting[int] | None, *, key: str, tunable: str, too_large: str) -> Step:
    """The MTU of a port against a setting, for every tunable that sets one; `too_large` is the id for that finding."""
    if setting is None or not watched(setting):
        return Step()

    def told(state: State, got: str, remedy: str, id: str | None = None) -> Finding:
        return reasoned(
            subject=key,
            state=state,
            got=got,
            wanted=wanted_text(setting, str(setting.value)),
            remedy=remedy,
            setting=setting,
            id=id,
        )

    if port.mtu is None:
        return Step(finding=told(State.UNKNOWN, "no interface", f"see which driver has it: lspci -k -s {port.address}"))
    if accepts(setting, str(port.mtu), str(setting.value)):
        return Step(finding=told(State.OK, str(port.mtu), ""))
    if port.max_mtu is not None and setting.value > port.max_mtu:
        return Step(finding=told(State.UNKNOWN, str(port.mtu), f"the port takes at most {port.max_mtu}", too_large))
    change = SetLink(
        key=key,
        tunable=tunable,
        risk=Risk.LINK_FLAP,
        why=setting.why,
        source=setting.source,
        address=port.address,
        before_mtu=port.mtu,
        after_mtu=setting.value,
    )
    finding = told(State.DRIFT, str(port.mtu), APPLY_REMEDY)
    return Step(finding=finding, item=change if enforced(setting) else None)
