"""block-queue: how the kernel queues the requests of a drive.

Why: an NVMe drive orders its own requests, so a scheduler between it and the file system costs a lock and a core and
gives nothing back; random reads gain nothing from read-ahead and pay for it. Slower drives and shared ones are another
matter, which is why every value belongs to a selector, and a selector names drives by what they are, never by
/dev/nvmeXnY.

Coupled, because setting the scheduler resets more than the scheduler. Measured on 6.18 with a loop device, and in
block/blk-mq-sched.c, block/elevator.c and block/blk-wbt.c:
- `nr_requests` becomes the depth of the hardware queue under `none` and twice the smaller of that depth and 128 under
  any other. Going to another scheduler and back turns 64 into 128. So the two are one change: the scheduler is written
  first, both ways, then the number that was there or the one the profile wants; where it wants none, the one the kernel
  would choose.
- `queue/iosched/*` vanishes with its scheduler and comes back with defaults, so the way back writes those files too.
  mq-deadline's `async_depth` follows `nr_requests`; where somebody had set it, it is written again after that.
- `wbt_lat_usec` is switched off by bfq and on again by leaving it, unless it was ever written. Where a profile wants a
  value, the same change writes it before bfq comes or goes; after that bfq leaves it alone.

What the kernel keeps is not always what was written: `read_ahead_kb` is kept in pages (3 reads back 0), `nr_requests`
below 4 becomes 4, `nomerges` above 2 becomes 1, and `wbt_lat_usec` of -1 asks for a default that reads back as another
number (2000 or 75000). The first is rounded here, the others are refused when the profile is loaded.
`nr_requests` has a limit: the hardware depth under `none`, 2048 under a scheduler; more is EINVAL, so it is a finding
instead of a write. `none` was called `noop` before kernel 5.0; a name that isn't offered is a finding with the list.

Rejected: `max_sectors_kb` and `write_cache`, because writing either makes the kernel recompute all limits and resets
`read_ahead_kb` as well (2560 became 1024), and a wrong `write_cache` loses data. `rotational` is a fact, not a setting.
`scheduler` is not retried: kernels from 2026 answer EBUSY while another change of the same queue runs, and then the
apply is undone and can be run again.

Undo is exact for every file read here. What can't be seen is whether wbt_lat_usec had ever been written; after a
rollback it has. A changed queue is frozen for a moment, in which requests wait.
"""

from __future__ import annotations  # types that are only named; a settings' are imported

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

from nodeagent.model.knob_form import KnobForm
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.model.risk import Risk
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern, Range
from nodeagent.profiles.name import Name
from nodeagent.tune.drives.queue import Queue, matching, read_queues
from nodeagent.tune.knob import Comparison, Knob, accepts, compare, enforced, finding, watched

if TYPE_CHECKING:
    from nodeagent.model.change import Change, CoupledKnob, WriteCoupled
    from nodeagent.model.facts import HostFacts
    from nodeagent.model.host_reader import HostReader

NAME = "block-queue"

Scheduler = Annotated[str, Pattern("[a-z0-9][a-z0-9_-]{0,31}", "the name of a scheduler, such as none or mq-deadline")]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What the drives of one selector should have. `name` is a label of the profile, for messages and for merging."""

    name: Name
    devices: DeviceSelector
    scheduler: Setting[Scheduler] | None = None
    nr_requests: Setting[Annotated[int, Range(4, 65_536)]] | None = None
    read_ahead_kb: Setting[Annotated[int, Range(0, 1_048_576)]] | None = None
    nomerges: Setting[Annotated[int, Range(0, 2)]] | None = None
    rq_affinity: Setting[Annotated[int, Range(0, 2)]] | None = None
    wbt_lat_usec: Setting[Annotated[int, Range(0, 10_000_000)]] | None = None
    add_random: Setting[Annotated[int, Range(0, 1)]] | None = None
    iostats: Setting[Annotated[int, Range(0, 1)]] | None = None


KNOBS = tuple(item.name for item in fields(QueueSettings) if item.name not in ("name", "devices"))
"""Every file that can be set, the scheduler first."""


def faults(settings: tuple[QueueSettings, ...]) -> Iterator[Fault]:
    """Entries that can't mean anything: a selector without a property, a count of none, a label used twice."""
    seen: set[str] = set()
    for at, entry in enumerate(settings):
        properties = [item.name for item in fields(entry.devices) if item.name != "count"]
        if all(getattr(entry.devices, name) is None for name in properties):
            yield Fault(path=(at, "devices"), problem=f"names no property: wanted one of {', '.join(properties)}")
        if entry.devices.count is not None and entry.devices.count < 1:
            yield Fault(path=(at, "devices", "count"), problem="wanted 1 or more")
        if entry.name in seen:
            yield Fault(path=(at, "name"), problem="a second entry of this name")
        seen.add(entry.name)


class BlockQueue:
    """The tunable; what was seen is the queues of all selected drives by their current names."""

    name: str = NAME
    summary: str = "how the kernel queues the requests of a drive"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name="/sys/block",
            reason="the queues are shown there",
            remedy="mount sysfs: mount -t sysfs sysfs /sys",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/block/queue-sysfs.html",
        "https://github.com/torvalds/linux/blob/master/block/blk-mq-sched.c",
        "https://github.com/torvalds/linux/blob/master/block/blk-wbt.c",
    )
    Settings: Any = Annotated[tuple[QueueSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if facts.block_devices else "no block device is visible here"

    def observe(self, host: HostReader, settings: tuple[QueueSettings, ...], facts: HostFacts) -> dict[str, Queue]:
        meant = {device.name: device for entry in settings for device in matching(entry.devices, facts)}
        return read_queues(host, list(meant.values()), KNOBS[1:])

    def plan(
        self, observed: Mapping[str, Queue], settings: tuple[QueueSettings, ...], facts: HostFacts
    ) -> tuple[Change, ...]:
        return tuple(change for drive in _drives(observed, settings, facts) for change in drive.changes())

    def judge(self, observed: Mapping[str, Queue], settings: tuple[QueueSettings, ...], facts: HostFacts) -> Verdict:
        drives = _drives(observed, settings, facts)
        compared = (found for drive in drives for found in drive.findings())
        return Verdict(tunable=NAME, findings=(*compared, *_miscounted(settings, facts)))


BLOCK_QUEUE = BlockQueue()


def _drives(observed: Mapping[str, Queue], settings: tuple[QueueSettings, ...], facts: HostFacts) -> list[_Drive]:
    """Each selected drive with everything that the profile wants of it, in the order of the entries."""
    wanted: dict[str, dict[str, list[Setting[Any]]]] = {}
    for entry in settings:
        meant = matching(entry.devices, facts)
        if entry.devices.count not in (None, len(meant)):
            continue
        for device in meant:
            knobs = wanted.setdefault(device.name, {})
            for name in KNOBS:
                setting = getattr(entry, name)
                if watched(setting):
                    knobs.setdefault(name, []).append(setting)
    page_kb = facts.kernel.page_bytes // 1024
    return [
        _Drive(queue=observed[name], wanted=knobs, page_kb=page_kb)
        for name, knobs in wanted.items()
        if name in observed
    ]


def _miscounted(settings: tuple[QueueSettings, ...], facts: HostFacts) -> Iterator[Finding]:
    """Selectors that mean no drive, or not as many as they say; nothing is changed by the latter."""
    for entry in settings:
        count, found = entry.devices.count, matching(entry.devices, facts)
        if count in (None, len(found)) and found:
            continue
        names = ", ".join(device.name for device in found) or "no drive"
        yield Finding(
            subject=f"{NAME}:{entry.name}",
            state=State.NOT_APPLICABLE if count is None else State.UNKNOWN,
            got=names,
            wanted=f"{'any' if count is None else count} with {entry.devices}",
            remedy="nodeagent host show lists the drives and their properties; adjust the selector or its count",
            id="NA-BLOCK-003",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drive:
    """One drive against all that is wanted of it."""

    queue: Queue
    wanted: Mapping[str, list[Setting[Any]]]
    page_kb: int

    def findings(self) -> Iterator[Finding]:
        for name in self.wanted:
            yield self._compare(name).finding

    def changes(self) -> Iterator[Change]:
        """The scheduler with what hangs on it, then the knobs that stand alone."""
        group = self._group()
        grouped = {member.path for member in group.members} if group else set()
        if group:
            yield group
        for name in self.wanted:
            change = self._compare(name).change
            if change and name not in ("scheduler", "nr_requests") and self.queue.knob_path(name) not in grouped:
                yield change

    def _compare(self, name: str) -> Comparison:
        knob = self._knob(name)
        if len({(setting.value, setting.bound) for setting in self.wanted[name]}) > 1:
            wanted = " and ".join(str(setting.value) for setting in self.wanted[name])
            remedy = f"entries of the profile want {wanted} of this drive; let one selector mean it"
            return Comparison(finding=finding(knob, State.UNKNOWN, remedy=remedy, id="NA-BLOCK-004"))
        return Comparison(finding=problem) if (problem := self._problem(name, knob)) else compare(knob)

    def _knob(self, name: str) -> Knob:
        setting = self.wanted[name][0]
        grouped = name in ("scheduler", "nr_requests")
        return Knob(
            key=f"{NAME}:{self.queue.identity}:{'scheduler+nr_requests' if grouped else name}",
            tunable=NAME,
            setting=setting,
            reading=self.queue.readings[name],
            form=KnobForm.SELECTED if name == "scheduler" else KnobForm.PLAIN,
            wanted=self._whole_pages(setting) if name == "read_ahead_kb" else None,
            label=name if grouped else "",
            absent_remedy="this device has no such file; leave it out for this drive",
        )

    def _whole_pages(self, setting: Setting[int]) -> str:
        """What the kernel keeps of a read-ahead: whole pages, down, or up where less would miss the bound."""
        pages, rest = divmod(setting.value, self.page_kb)
        return str((pages + bool(rest and setting.bound is Bound.AT_LEAST)) * self.page_kb)

    def _problem(self, name: str, knob: Knob) -> Finding | None:
        """What would be refused, said before it is written."""
        reading = knob.reading
        if name == "wbt_lat_usec" and reading.status is ReadStatus.UNREADABLE and reading.problem == "EINVAL":
            remedy = "this queue has no write-back throttling; leave it out for this drive"
            return finding(knob, State.NOT_APPLICABLE, got="not set up", remedy=remedy)
        if name == "scheduler" and reading.ok and knob.value not in self.queue.schedulers:
            return finding(knob, State.UNKNOWN, remedy=self._offered(knob.value), id="NA-BLOCK-001")
        if name == "nr_requests" and reading.ok:
            return self._requests_problem(knob)
        return None

    def _offered(self, value: str) -> str:
        offered = ", ".join(self.queue.schedulers) or "nothing"
        renamed = {"none": "noop", "noop": "none"}.get(value, "")
        if renamed in self.queue.schedulers:
            return f"this kernel offers {offered}; {value} is called {renamed} here"
        return f"this kernel offers {offered}; a scheduler built as a module shows once it is loaded"

    def _requests_problem(self, knob: Knob) -> Finding | None:
        if not self.queue.has_requests:
            remedy = "this device hands its requests on and has no queue of its own; leave it out for this drive"
            return finding(knob, State.NOT_APPLICABLE, remedy=remedy)
        limit = self.queue.requests_limit(self._scheduler_after())
        if limit is None or knob.setting.bound is Bound.AT_MOST or int(knob.value) <= limit:
            return None
        remedy = f"with the scheduler {self._scheduler_after()} this queue takes at most {limit}"
        return finding(knob, State.UNKNOWN, remedy=remedy, id="NA-BLOCK-002")

    def _scheduler_after(self) -> str:
        changes = "scheduler" in self.wanted and self._compare("scheduler").change is not None
        return self._knob("scheduler").value if changes else self.queue.scheduler

    def _group(self) -> WriteCoupled | None:
        """The scheduler and all that setting it resets, or None where neither it nor nr_requests is to be changed."""
        from nodeagent.model.change import CoupledKnob, WriteCoupled

        reading, requests = self.queue.readings["scheduler"], self.queue.readings["nr_requests"]
        before, after = self.queue.scheduler, self._scheduler_after()
        wanted = self._requests_after(after)
        if before == after and wanted == requests.text.strip():
            return None
        scheduler = CoupledKnob(path=reading.path, before=before, after=after, form=KnobForm.SELECTED)
        depth = CoupledKnob(path=requests.path, before=requests.text.strip(), after=wanted)
        said = self._knob("scheduler" if before != after else "nr_requests")
        members = (
            *(self._throttling(before, after) if before != after else ()),
            *([replace(scheduler, back=False)] if before != after else ()),
            # The way back runs through the list from its end: slice_idle resets slice_idle_us, so it must come first.
            *(_vanishing(knob) for knob in reversed(self.queue.scheduler_knobs) if before != after),
            *(self._around(depth) if requests.ok and requests.writable else ()),
            replace(scheduler, forward=False),
        )
        why, source = said.setting.why, said.setting.source
        return WriteCoupled(key=said.key, tunable=NAME, why=why, source=source, members=members)

    def _around(self, depth: CoupledKnob) -> Iterator[CoupledKnob]:
        """nr_requests, and after it, both ways, an async_depth that isn't the one the kernel derives from it."""
        held = next((knob for knob in self.queue.scheduler_knobs if knob.path.endswith("/async_depth")), None)
        value = held.text.strip() if held else ""
        if held is None or self._scheduler_after() != self.queue.scheduler or value in _derived(depth.before):
            yield depth
            return
        same = replace(depth, path=held.path, before=value, after=value)
        yield from (replace(same, forward=False), depth, replace(same, back=False))

    def _requests_after(self, scheduler: str) -> str:
        """What nr_requests is to be under this scheduler: the profile's number, the kernel's choice, or as it is."""
        current = self.queue.readings["nr_requests"].text.strip()
        chosen = self.queue.requests_after(scheduler)
        base = current if scheduler == self.queue.scheduler or chosen is None else str(chosen)
        if "nr_requests" not in self.wanted:
            return base
        knob = self._knob("nr_requests")
        settled = self._compare("nr_requests").finding.state in (State.OK, State.DRIFT)
        if not settled or not enforced(knob.setting) or accepts(knob.setting, base, knob.value):
            return base
        return knob.value

    def _throttling(self, before: str, after: str) -> tuple[CoupledKnob, ...]:
        """wbt_lat_usec, where bfq comes or goes and the profile wants a value: written, it stays through the change."""
        if "wbt_lat_usec" not in self.wanted or "bfq" not in (before, after):
            return ()
        knob, compared = self._knob("wbt_lat_usec"), self._compare("wbt_lat_usec")
        settled = compared.change is not None or compared.finding.state is State.OK
        if not settled or not enforced(knob.setting) or not knob.reading.writable:
            return ()
        from nodeagent.model.change import CoupledKnob

        wanted = knob.value if compared.change else knob.current
        return (CoupledKnob(path=knob.reading.path, before=knob.current, after=wanted),)


def _derived(requests: str) -> tuple[str, ...]:
    """What mq-deadline makes of nr_requests for its async_depth: all of it, in older kernels three quarters."""
    return (requests, str(max(1, 3 * int(requests) // 4))) if requests.isdigit() else (requests,)


def _vanishing(reading: Reading) -> CoupledKnob:
    """A file of the old scheduler: gone under the new one, and written again on the way back."""
    from nodeagent.model.change import CoupledKnob

    return CoupledKnob(path=reading.path, before=reading.text.strip(), after="", forward=False)
