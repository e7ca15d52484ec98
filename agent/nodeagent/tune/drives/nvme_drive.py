"""One NVMe drive as read, held against what a profile wants of it.

A controller with several namespaces shows as several block devices; its settings are its own, so whatever entries want
of any of them is wanted of the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodeagent.model.drive_change import SetNvmeFeature
from nodeagent.model.facts import BlockDevice, HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.nvme import NvmeDrive
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.drives.nvme_settings import KNOBS, NvmeSettings, RuntimeSuspend
from nodeagent.tune.drives.queue import matching
from nodeagent.tune.knob import APPLY_REMEDY, Comparison, Knob, accepts, compare, enforced, wanted_text, watched
from nodeagent.tune.reasoned import reasoned

TUNABLE = "nvme"
_POWER_MANAGEMENT = 2
_STATE_BITS = 0x1F
_NONE = Reading(path="", status=ReadStatus.ABSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A selected block device, its controller, and the files that can be set. `queue_cpus` has one list a queue."""

    device: BlockDevice
    nvme: NvmeDrive
    latency: Reading
    suspend: Reading
    queue_cpus: tuple[str, ...] = ()
    write_cache: str = ""

    @property
    def identity(self) -> str:
        """What lasts of it, for keys."""
        return self.nvme.serial or self.device.serial or self.device.wwn or self.device.name

    def key(self, part: str) -> str:
        return f"{TUNABLE}:{self.identity}:{part}"


def look(host: HostReader, settings: Sequence[NvmeSettings], facts: HostFacts) -> dict[str, Drive]:
    """The selected drives by the names of their block devices."""
    meant = {device.name: device for entry in settings for device in matching(entry.devices, facts)}
    return {name: _look_at(host, device) for name, device in meant.items()}


def wanted_of(
    observed: Mapping[str, Drive], settings: Sequence[NvmeSettings], facts: HostFacts
) -> dict[str, list[NvmeSettings]]:
    """The entries that mean each drive, under its first namespace; those with a wrong count mean none."""
    wanted: dict[str, list[NvmeSettings]] = {}
    for entry in settings:
        meant = matching(entry.devices, facts)
        if entry.devices.count in (None, len(meant)):
            for first in dict.fromkeys(_first_of(observed, device.name) for device in meant):
                wanted.setdefault(first, []).append(entry)
    return wanted


def _first_of(observed: Mapping[str, Drive], name: str) -> str:
    """The first block device that hangs on the same controller."""
    controller = observed[name].nvme.name
    return next((other for other, drive in observed.items() if controller and drive.nvme.name == controller), name)


def comparisons(drive: Drive, entries: Sequence[NvmeSettings]) -> Iterator[Comparison]:
    """Each knob that the entries name, in the order they are to be set."""
    for name in KNOBS:
        settings = [setting for entry in entries if watched(setting := getattr(entry, name))]
        if not settings:
            continue
        if not drive.nvme.name:
            yield Comparison(finding=_no_controller(drive, name, settings[0]))
        elif len({(setting.value, setting.bound) for setting in settings}) > 1:
            yield Comparison(finding=_contradiction(drive, name, settings))
        elif name == "power_state":
            yield _power(drive, settings[0])
        else:
            yield compare(_knob(drive, name, settings[0]))


def _look_at(host: HostReader, device: BlockDevice) -> Drive:
    nvme = host.nvme(device.name)
    if not nvme.name:
        return Drive(device=device, nvme=nvme, latency=_NONE, suspend=_NONE)
    queues = f"/sys/block/{device.name}/mq"
    numbers = sorted((name for name in host.names(queues) if name.isdigit()), key=int)
    return Drive(
        device=device,
        nvme=nvme,
        latency=host.read(f"/sys/class/nvme/{nvme.name}/power/pm_qos_latency_tolerance_us"),
        suspend=host.read(f"/sys/bus/pci/devices/{nvme.address}/power/control") if nvme.address else _NONE,
        queue_cpus=tuple(host.read(f"{queues}/{number}/cpu_list").text.strip() for number in numbers),
        write_cache=host.read(f"/sys/block/{device.name}/queue/write_cache").text.strip(),
    )


def _knob(drive: Drive, name: str, setting: Setting[Any]) -> Knob:
    suspends = name == "runtime_suspend"
    return Knob(
        key=drive.key(name),
        tunable=TUNABLE,
        setting=setting,
        reading=drive.suspend if suspends else drive.latency,
        wanted=RuntimeSuspend(setting.value).control if suspends else None,
        absent_remedy="this drive or kernel has no such file; leave it out for this drive",
    )


def _no_controller(drive: Drive, name: str, setting: Setting[Any]) -> Finding:
    remedy = "let the selector mean NVMe drives with one path each: {transport: nvme}; nvme list-subsys shows paths"
    return _about(drive, name, setting, State.NOT_APPLICABLE, got=drive.nvme.problem, remedy=remedy, id="NA-NVME-002")


def _contradiction(drive: Drive, name: str, settings: Sequence[Setting[Any]]) -> Finding:
    wanted = " and ".join(str(setting.value) for setting in settings)
    remedy = f"entries of the profile want {wanted} of this drive; let one selector mean it"
    return _about(drive, name, settings[0], State.UNKNOWN, got="not looked at", remedy=remedy, id="NA-NVME-003")


def _power(drive: Drive, setting: Setting[int]) -> Comparison:
    if problem := _power_problem(drive, setting):
        return Comparison(finding=problem)
    now = drive.nvme.power_state
    if accepts(setting, str(now), str(setting.value)):
        return Comparison(finding=_about(drive, "power_state", setting, State.OK, got=str(now)))
    drift = _about(drive, "power_state", setting, State.DRIFT, got=_described(drive, now), remedy=APPLY_REMEDY)
    return Comparison(finding=drift, change=_power_change(drive, setting) if enforced(setting) else None)


def _power_problem(drive: Drive, setting: Setting[int]) -> Finding | None:
    """What keeps the state from being compared or set."""
    nvme, state = drive.nvme, drive.nvme.power_state
    if state is None:
        remedy = f"as root: nvme get-feature /dev/{nvme.name} --feature-id=2"
        got = nvme.problem or "the drive does not tell"
        return _about(drive, "power_state", setting, State.UNKNOWN, got=got, remedy=remedy)
    by_number = {each.number: each for each in nvme.power_states}
    if setting.value not in by_number or not by_number[setting.value].operational:
        usable = ", ".join(str(each.number) for each in nvme.power_states if each.operational) or "unknown"
        remedy = f"this drive works in the states {usable}"
        return _about(drive, "power_state", setting, State.UNKNOWN, got=str(state), remedy=remedy, id="NA-NVME-004")
    if state in by_number and not by_number[state].operational:
        remedy = "latency_tolerance_us: 0 in the profile keeps it awake; then its own state can be seen"
        got = f"asleep in state {state}"
        return _about(drive, "power_state", setting, State.UNKNOWN, got=got, remedy=remedy, id="NA-NVME-005")
    return None


def _power_change(drive: Drive, setting: Setting[int]) -> SetNvmeFeature:
    before = drive.nvme.power or 0
    return SetNvmeFeature(
        key=drive.key("power_state"),
        tunable=TUNABLE,
        why=setting.why,
        source=setting.source,
        address=drive.nvme.address,
        serial=drive.nvme.serial,
        feature=_POWER_MANAGEMENT,
        before=before,
        after=before & ~_STATE_BITS | setting.value,
    )


def _described(drive: Drive, number: int | None) -> str:
    found = next((state for state in drive.nvme.power_states if state.number == number), None)
    return f"{number} (at most {found.watts:g} W)" if found and found.watts is not None else str(number)


def _about(
    drive: Drive, part: str, setting: Setting[Any], state: State, *, got: str, remedy: str = "", id: str | None = None
) -> Finding:
    return reasoned(
        subject=drive.key(part),
        state=state,
        got=got,
        wanted=wanted_text(setting, str(setting.value)),
        remedy=remedy,
        setting=setting,
        id=id,
    )
