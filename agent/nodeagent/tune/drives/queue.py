"""The request queues that a profile's selectors mean, as read: who they belong to and what their files say.

A drive is known by serial, WWN or backing file; its name is used only where it has none of them (a virtio disk without
a serial), which is good for one boot, as are the settings themselves.
"""

from __future__ import annotations  # types that are only named

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodeagent.model.knob_form import KnobForm

if TYPE_CHECKING:
    from nodeagent.model.facts import BlockDevice, HostFacts
    from nodeagent.model.host_reader import HostReader
    from nodeagent.model.reading import Reading
    from nodeagent.model.selector import DeviceSelector

DEFAULT_DEPTH = 128  # BLKDEV_DEFAULT_RQ, include/linux/blkdev.h
SCHEDULED_LIMIT = 16 * DEFAULT_DEPTH  # MAX_SCHED_RQ, block/blk-mq-sched.h
NO_SCHEDULER = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One drive's queue. `scheduler_knobs` are the files of the scheduler in use, which vanish when it changes.

    `tags` is the depth of the hardware queue; None for a device without one.
    """

    identity: str
    device: BlockDevice
    readings: Mapping[str, Reading]
    scheduler_knobs: tuple[Reading, ...] = ()
    tags: int | None = None

    @property
    def scheduler(self) -> str:
        return KnobForm.SELECTED.parse(self.readings["scheduler"].text)

    @property
    def schedulers(self) -> tuple[str, ...]:
        """What the kernel offers now; modules that aren't loaded don't show."""
        return tuple(self.readings["scheduler"].text.replace("[", "").replace("]", "").split())

    @property
    def has_requests(self) -> bool:
        """False for a device that hands bios on (device-mapper, md, zram): it offers `none` alone and has no tags."""
        return self.tags is not None or self.schedulers not in ((), (NO_SCHEDULER,))

    def requests_after(self, scheduler: str) -> int | None:
        """What nr_requests becomes when the scheduler is set (blk_mq_init_sched); None where it can't be told."""
        if self.tags is None:
            return None
        return self.tags if scheduler == NO_SCHEDULER else 2 * min(self.tags, DEFAULT_DEPTH)

    def requests_limit(self, scheduler: str) -> int | None:
        """The most that nr_requests takes under a scheduler (blk_mq_update_nr_requests)."""
        return self.tags if scheduler == NO_SCHEDULER else SCHEDULED_LIMIT

    def knob_path(self, name: str) -> str:
        return f"/sys/block/{self.device.name}/queue/{name}"


def matching(selector: DeviceSelector, facts: HostFacts) -> tuple[BlockDevice, ...]:
    """The drives a selector means; a loop device without a file and a drive of size 0 are not there to be meant."""
    return tuple(device for device in facts.block_devices if device.size_bytes != 0 and selector.matches(device))


def read_queues(host: HostReader, devices: Sequence[BlockDevice], knobs: Sequence[str]) -> dict[str, Queue]:
    """The queues of these drives by name."""
    shared = Counter(_stable(device) for device in devices)
    return {device.name: _read(host, device, knobs, shared) for device in devices}


def _read(host: HostReader, device: BlockDevice, knobs: Sequence[str], shared: Mapping[str, int]) -> Queue:
    directory = f"/sys/block/{device.name}"
    readings = {name: host.read(f"{directory}/queue/{name}") for name in ("scheduler", *knobs)}
    stable = _stable(device)
    # Namespaces of one drive share its serial; the name tells them apart for as long as the settings last.
    identity = stable if shared[stable] == 1 else f"{stable}/{device.name}"
    scheduler_knobs = [
        host.read(f"{directory}/queue/iosched/{name}") for name in host.names(f"{directory}/queue/iosched")
    ]
    tags = [host.read(f"{directory}/mq/{name}/nr_tags").value for name in host.names(f"{directory}/mq")]
    depths = [int(tag) for tag in tags if tag and tag.isdigit()]
    return Queue(
        identity=identity,
        device=device,
        readings=readings,
        scheduler_knobs=tuple(reading for reading in scheduler_knobs if reading.ok and reading.writable),
        tags=min(depths, default=None),
    )


def _stable(device: BlockDevice) -> str:
    return device.serial or device.wwn or device.backing_file or device.name
