"""nvme: what an NVMe drive does on its own to save power, and what else of it decides how fast it is.

Set, each by selector, never by a name that moves:
- `power_state`: the most power the drive may take; 0 is the most. A drive in state 2 is slower under load, and no
  benchmark says why. It is feature 2 of the controller, lost when it is reset, which every boot does.
- `latency_tolerance_us`: how late a drive may wake. The kernel makes a table of autonomous power state transitions
  (APST) from it; 0 switches them off. The default, 100 ms, lets a drive sleep between two slots.
- `runtime_suspend`: may the PCI function be suspended while idle? (`never` is `on` in power/control.)

Told, with every drive a selector means: the link where it is trained below what the drive can (with the share that is
lost), health, firmware, sector size, queues per CPU, memory node, write cache. Nothing of that can be set here: a drive
is never reformatted and never flashed, and a link is mended with hands. These findings are optional, so they fail no
verify and undo no apply; readiness gates are where they count.

The kernel's per-device file is used for APST, not feature 0x0c: the driver owns that table and writes it again at each
reset. The order is APST first: a drive that sleeps says the state it sleeps in, not the one it was given, so its power
state is only compared while the state it is in does work.

The ioctl to the controller and not nvme-cli, whose JSON has changed its keys and which need not be installed.
Rejected: `nvme_core.default_ps_max_latency_us` (the kernel command line's matter, and only for drives found later),
saving features in the drive (outlives this machine), `queue/write_cache` (a wrong one loses data).
Kernel: latency tolerance since 4.11. Sources: Documentation/ABI/testing/sysfs-devices-power, drivers/nvme/host/core.c
(nvme_configure_apst), NVM Express Base Specification 2.0, 5.27.1.2 and 8.15.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check
from nodeagent.tune.drives.nvme_drive import Drive, comparisons, look, wanted_of
from nodeagent.tune.drives.nvme_settings import NvmeSettings, faults
from nodeagent.tune.drives.nvme_told import told
from nodeagent.tune.drives.queue import matching

NAME = "nvme"


class Nvme:
    """The tunable; what was seen is the selected drives by the current names of their block devices."""

    name: str = NAME
    summary: str = "power states, sleep and runtime suspend of NVMe drives; link, health and formats are told"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="commands to a drive", remedy="run it with sudo"),
        Need(kind=NeedKind.CAPABILITY, name="CAP_SYS_ADMIN", reason="NVME_IOCTL_ADMIN_CMD", remedy="run it with sudo"),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/kernel-parameters.html",
        "https://github.com/torvalds/linux/blob/master/drivers/nvme/host/core.c",
        "NVM Express Base Specification 2.0, 5.27.1.2, 8.15",
    )
    Settings: Any = Annotated[tuple[NvmeSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        has_drive = any(device.name.startswith("nvme") for device in facts.block_devices)
        return "" if has_drive else "no NVMe drive is visible here"

    def observe(self, host: HostReader, settings: tuple[NvmeSettings, ...], facts: HostFacts) -> dict[str, Drive]:
        return look(host, settings, facts)

    def plan(
        self, observed: Mapping[str, Drive], settings: tuple[NvmeSettings, ...], facts: HostFacts
    ) -> tuple[Change, ...]:
        wanted = wanted_of(observed, settings, facts)
        found = (item for name, entries in wanted.items() for item in comparisons(observed[name], entries))
        return tuple(item.change for item in found if item.change)

    def judge(self, observed: Mapping[str, Drive], settings: tuple[NvmeSettings, ...], facts: HostFacts) -> Verdict:
        findings: list[Finding] = []
        for name, entries in wanted_of(observed, settings, facts).items():
            findings += [item.finding for item in comparisons(observed[name], entries)]
            findings += told(observed[name], facts)
        return Verdict(tunable=NAME, findings=(*findings, *_miscounted(settings, facts)))


NVME = Nvme()


def _miscounted(settings: tuple[NvmeSettings, ...], facts: HostFacts) -> Iterator[Finding]:
    """Selectors that mean no drive, or not as many as they say; nothing is changed by the latter."""
    for entry in settings:
        count, found = entry.devices.count, matching(entry.devices, facts)
        if count in (None, len(found)) and found:
            continue
        yield Finding(
            subject=f"{NAME}:{entry.name}",
            state=State.NOT_APPLICABLE if count is None else State.UNKNOWN,
            got=", ".join(device.name for device in found) or "no drive",
            wanted=f"{'any' if count is None else count} with {entry.devices}",
            remedy="nodeagent host show lists the drives and their properties; adjust the selector or its count",
            id="NA-NVME-001",
        )
