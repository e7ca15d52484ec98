"""One virtual function against what a profile wants of it: findings, and the steps that would mend them.

The same for a VF that is there and for one that the plan is about to make: of the latter every step is deferred, and
stands in the same order under the same key once the VF is there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nodeagent.model.change import Deferred, PlanItem, Risk
from nodeagent.model.network_change import BindDriver, DriverBinding, SetLink, SetVf
from nodeagent.model.port import Port, VfAttributes, VirtualFunction
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.knob import APPLY_REMEDY, accepts, wanted_text, watched
from nodeagent.tune.ports.sriov_settings import DEFAULT_DRIVER, GROUPS, NO_DRIVER, wanted_attributes
from nodeagent.tune.ports.vf_support import OWN_VECTORS, VF_DRIVERS, WITHOUT_INTERFACE, rate_needs_link, refusal
from nodeagent.tune.reasoned import reasoned

TUNABLE = "sriov"
_NOT_THERE = "no such VF yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one wish: what to say, and what to do (nothing where it is fulfilled or can't be)."""

    finding: Finding | None = None
    item: PlanItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedVf:
    """VF `index` of a port. `count_key` is the step that makes it, "" where it is there and stays.

    `autoprobe` is the state of the kernel's switch once all is done; `port_mtu` that of the port then; `adopt` gives a
    VF without a driver to the default one, because it was made without one for the sake of the others.
    """

    port: Port
    index: int
    settings: Mapping[str, Setting[Any]]
    drivers: frozenset[str]
    count_key: str
    autoprobe: bool
    port_mtu: int | None
    adopt: bool

    @property
    def vf(self) -> VirtualFunction | None:
        return None if self.count_key else self.port.vf(self.index)

    def key(self, part: str) -> str:
        return f"{TUNABLE}:{self.port.address}:vf{self.index}:{part}"

    def msix_step(self, setting: Setting[int]) -> Step:
        """How many interrupts it may have, against what the port's driver has to share out."""
        tell = _Teller(key=self.key("msix"), setting=setting, wanted=wanted_text(setting, str(setting.value)))
        if not self.port.vf_msix:
            remedy = "leave it out of the profile; mlx5_core and ice do it, from Linux 5.13 and 6.7 on"
            return tell.not_applicable("the driver shares out no vectors", remedy, "NA-SRIOV-014")
        if setting.value <= self._own_vectors:
            return tell.unknown(f"{self.port.driver} keeps {self._own_vectors}", "ask for more", "NA-SRIOV-015")
        if self.count_key:
            return tell.later(self.count_key, f"{setting.value} MSI-X vectors for a new VF")
        if self.vf is None:
            return tell.unknown("no such VF", "make it first: give the entry a number of VFs (vfs)", "NA-SRIOV-009")
        if self.vf.msix is None:
            remedy = f"its MSI-X table is told to root only: lspci -vv -s {self.vf.address}"
            return tell.unknown("not told", remedy, "NA-SRIOV-010")
        if accepts(setting, str(self.vf.msix), str(setting.value)):
            return tell.ok(str(self.vf.msix))
        if self.vf.driver in WITHOUT_INTERFACE:
            unbind = f"/sys/bus/pci/devices/{self.vf.address}/driver/unbind"
            remedy = f"stop the guest or program that has it, `echo {self.vf.address} > {unbind}`, then plan again"
            return tell.unknown(f"{self.vf.msix}, and {self.vf.driver} has it", remedy, "NA-SRIOV-016")
        return tell.drift(str(self.vf.msix), self._set_msix(setting, self.vf, self.vf.msix))

    def _set_msix(self, setting: Setting[int], vf: VirtualFunction, before: int) -> SetVf:
        return SetVf(
            key=self.key("msix"),
            tunable=TUNABLE,
            risk=Risk.LINK_FLAP if vf.driver else Risk.LIVE,
            why=setting.why,
            source=setting.source,
            address=self.port.address,
            index=self.index,
            before=VfAttributes(msix=before),
            after=VfAttributes(msix=setting.value),
            rebind=vf.driver,
            own_vectors=self._own_vectors,
        )

    @property
    def _own_vectors(self) -> int:
        return OWN_VECTORS.get(self.port.driver, 0)

    def attribute_steps(self) -> Iterator[Step]:
        for group, names in GROUPS.items():
            named = {name: self.settings[name] for name in names if watched(self.settings.get(name))}
            if named:
                yield self._attribute_step(group, next(iter(named.values())), wanted_attributes(named, names))

    def _attribute_step(self, group: str, setting: Setting[Any], wanted: VfAttributes) -> Step:
        tell = _Teller(key=self.key(group), setting=setting, wanted=str(wanted))
        if reason := refusal(self.port.driver, wanted):
            return tell.not_applicable("not supported", f"{reason}; leave it out of the profile", "NA-SRIOV-006")
        if self.count_key:
            return tell.later(self.count_key, f"{wanted} on a new VF")
        if self.vf is None:
            return tell.unknown("no such VF", "make it first: give the entry a number of VFs (vfs)", "NA-SRIOV-009")
        if self.vf.attributes is None:
            return tell.unknown("not told", self._untold(), "NA-SRIOV-010")
        before = self._group_before(group, wanted, self.vf.attributes)
        after = wanted.over(before)
        if before == after:
            return tell.ok(str(before.only(wanted)))
        if before.given().keys() != after.given().keys():
            return tell.unknown("not told", self._untold(), "NA-SRIOV-010")
        if group == "rate" and rate_needs_link(self.port.driver) and not self.port.carrier:
            remedy = "plug the cable in, or bring the port up: its driver takes a rate only while there is a link"
            return tell.unknown(str(before.only(wanted)), remedy, "NA-SRIOV-012")
        return tell.drift(str(before.only(wanted)), self._set(group, setting, before, after))

    def _group_before(self, group: str, wanted: VfAttributes, current: VfAttributes) -> VfAttributes:
        """What of the group is recorded: all that is set together, so that all of it comes back."""
        whole = VfAttributes(**{name: getattr(current, name) for name in GROUPS[group]})
        return whole if group in ("vlan", "rate") else whole.only(wanted)

    def _set(self, group: str, setting: Setting[Any], before: VfAttributes, after: VfAttributes) -> SetVf:
        driver = self.vf.driver if self.vf else ""
        # A VF takes its new address when it is probed; where it changes hands anyway, that is done then.
        rebind = driver if group == "mac" and driver not in WITHOUT_INTERFACE and not self._changes_hands() else ""
        in_use = bool(driver) and group in ("mac", "vlan")
        return SetVf(
            key=self.key(group),
            tunable=TUNABLE,
            risk=Risk.LINK_FLAP if in_use else Risk.LIVE,
            why=setting.why,
            source=setting.source,
            address=self.port.address,
            index=self.index,
            before=before,
            after=after,
            rebind=rebind,
        )

    def _changes_hands(self) -> bool:
        setting = self.settings.get("driver")
        if setting is None or setting.mode is not Mode.ENFORCE or self.vf is None:
            return False
        return self._binding(setting.value).driver != self.vf.driver

    def _untold(self) -> str:
        problem = self.port.problem or "its driver does not report it"
        return f"netlink does not tell it: {problem}; see `ip -d link show dev {self.port.interface or 'PORT'}`"

    def driver_step(self) -> Step | None:
        """None where nobody wants a driver for it."""
        setting = self.settings.get("driver")
        if not watched(setting):
            return self._adopted() if self.adopt else None
        assert setting is not None
        wanted = self._binding(setting.value)
        tell = _Teller(key=self.key("driver"), setting=setting, wanted=wanted.driver or NO_DRIVER)
        if self.count_key:
            return self._driver_problem(tell, wanted) or tell.later(
                self.count_key, f"driver {tell.wanted} for a new VF"
            )
        if self.vf is None:
            return tell.unknown("no such VF", "make it first: give the entry a number of VFs (vfs)", "NA-SRIOV-009")
        before = DriverBinding(driver=self.vf.driver, override=self.vf.override)
        if self.vf.driver == wanted.driver:
            return tell.ok(self.vf.driver or NO_DRIVER)
        return self._driver_problem(tell, wanted) or tell.drift(
            self.vf.driver or NO_DRIVER, self._bind(before, wanted, setting)
        )

    def _binding(self, name: str) -> DriverBinding:
        default = VF_DRIVERS.get(self.port.driver, "")
        if name == NO_DRIVER:
            return DriverBinding(override=self.vf.override if self.vf else "")
        driver = default if name == DEFAULT_DRIVER else name
        # With the kernel's switch off only an override has a VF probed.
        return DriverBinding(driver=driver, override="" if driver == default and self.autoprobe else driver)

    def _driver_problem(self, tell: "_Teller", wanted: DriverBinding) -> Step | None:
        if wanted.driver in WITHOUT_INTERFACE and wanted.driver not in self.drivers:
            return tell.unknown("not loaded", f"modprobe {wanted.driver}, then plan again", "NA-SRIOV-008")
        grouped = self.vf.iommu_group if self.vf is not None else self.port.iommu_group
        if wanted.driver == "vfio-pci" and not grouped:
            remedy = "switch the IOMMU on in the firmware, and boot with intel_iommu=on on Intel; iommu=pt on both"
            return tell.unknown("no IOMMU group", remedy, "NA-SRIOV-007")
        return None

    def _adopted(self) -> Step | None:
        """A driver for a VF that nobody said anything of, and that has none."""
        wanted = self._binding(DEFAULT_DRIVER)
        tell = _Teller(key=self.key("driver"), setting=Setting(value=DEFAULT_DRIVER), wanted=wanted.driver)
        if self.count_key:
            return Step(item=tell.later(self.count_key, f"driver {wanted.driver} for a new VF").item)
        if self.vf is None or self.vf.driver or self.vf.override not in ("", wanted.driver):
            return None
        before = DriverBinding(driver="", override=self.vf.override)
        return tell.drift(NO_DRIVER, self._bind(before, wanted, tell.setting))

    def _bind(self, before: DriverBinding, after: DriverBinding, setting: Setting[Any]) -> BindDriver:
        return BindDriver(
            key=self.key("driver"),
            tunable=TUNABLE,
            risk=Risk.VF_DESTROYING if before.driver else Risk.LIVE,
            why=setting.why,
            source=setting.source,
            address=self.port.address,
            index=self.index,
            before=before,
            after=after,
        )

    def mtu_step(self, binding: PlanItem | None) -> Step | None:
        """`binding` is the step that gives it a driver, and with that a new interface."""
        setting = self.settings.get("mtu")
        if setting is None or not watched(setting):
            return None
        tell = _Teller(key=self.key("mtu"), setting=setting, wanted=str(setting.value), risk=Risk.LINK_FLAP)
        if self.port_mtu is not None and setting.value > self.port_mtu:
            remedy = f"the port has {self.port_mtu}: raise it with `mtu` in the same entry, or lower this one"
            return tell.unknown(self._mtu_text(), remedy, "NA-SRIOV-011")
        waits_for = self.count_key or (binding.key if binding is not None else "")
        if waits_for:
            return tell.later(waits_for, f"mtu {setting.value} once the VF has an interface")
        if self.vf is None or self.vf.mtu is None:
            return tell.not_applicable("no interface", "the driver of this VF gives the host none", None)
        if accepts(setting, str(self.vf.mtu), str(setting.value)):
            return tell.ok(str(self.vf.mtu))
        change = SetLink(
            key=tell.key,
            tunable=TUNABLE,
            risk=Risk.LINK_FLAP,
            why=setting.why,
            source=setting.source,
            address=self.port.address,
            index=self.index,
            before_mtu=self.vf.mtu,
            after_mtu=setting.value,
        )
        return tell.drift(str(self.vf.mtu), change)

    def _mtu_text(self) -> str:
        return str(self.vf.mtu) if self.vf and self.vf.mtu is not None else "no interface yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Teller:
    """Words a finding about one setting, and drops the step where it is only to be told."""

    key: str
    setting: Setting[Any]
    wanted: str
    risk: Risk = Risk.LIVE

    def ok(self, got: str) -> Step:
        return Step(finding=self._finding(State.OK, got, "", None))

    def drift(self, got: str, item: PlanItem) -> Step:
        return self._enforced(Step(finding=self._finding(State.DRIFT, got, APPLY_REMEDY, None), item=item))

    def later(self, waits_for: str, summary: str) -> Step:
        item = Deferred(
            key=self.key,
            tunable=TUNABLE,
            waits_for=waits_for,
            summary=summary,
            risk=self.risk,
            why=self.setting.why,
            source=self.setting.source,
        )
        return self._enforced(Step(finding=self._finding(State.DRIFT, _NOT_THERE, APPLY_REMEDY, None), item=item))

    def unknown(self, got: str, remedy: str, id: str | None) -> Step:
        return Step(finding=self._finding(State.UNKNOWN, got, remedy, id))

    def not_applicable(self, got: str, remedy: str, id: str | None) -> Step:
        return Step(finding=self._finding(State.NOT_APPLICABLE, got, remedy, id))

    def _enforced(self, step: Step) -> Step:
        return step if self.setting.mode is Mode.ENFORCE else replace(step, item=None)

    def _finding(self, state: State, got: str, remedy: str, id: str | None) -> Finding:
        return reasoned(
            subject=self.key,
            state=state,
            got=got,
            wanted=self.wanted,
            remedy=remedy,
            setting=self.setting,
            id=id,
        )
