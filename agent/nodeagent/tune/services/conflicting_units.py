"""Which units fight with which tunables, and over what: one row a unit.

A second owner is worse than a wrong value: it resets what was set at a moment of its own, and nobody finds it in the
profile. A row with no tunables is maintenance that reads whole drives or restarts services in the middle of the day.

Sources: the units' own manuals (irqbalance(1), tuned(8), tlp(8), powerprofilesctl(1), thermald(8), cpupower(1)),
apt.conf(5), fstrim(8), e2scrub_all(8), mdadm(8), snap(8), kdump(8).
"""

from dataclasses import dataclass

_POWER = ("cpu-governor", "cpu-idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """`over` are the tunables whose settings it resets, `does` what it does to them; `always` tells it also where it
    is only started now and then. `id` has its page in docs/findings/NA-OWNER.md.
    """

    unit: str
    over: tuple[str, ...]
    does: str
    id: str


CONTENDERS: tuple[Contender, ...] = (
    Contender(
        unit="power-profiles-daemon.service",
        over=_POWER,
        does="sets energy preference, boost and platform profile whenever a profile is chosen or power changes",
        id="NA-OWNER-004",
    ),
    Contender(
        unit="tlp.service",
        over=(*_POWER, "block-queue"),
        does="sets governor, boost and disk power at boot and at every change of power",
        id="NA-OWNER-004",
    ),
    Contender(
        unit="auto-cpufreq.service",
        over=_POWER,
        does="sets governor and boost by load, every few seconds",
        id="NA-OWNER-004",
    ),
    Contender(
        unit="laptop-mode.service",
        over=(*_POWER, "sysctl", "block-queue"),
        does="sets governor, dirty pages and disk power with the power supply",
        id="NA-OWNER-004",
    ),
    Contender(unit="cpufrequtils.service", over=_POWER, does="sets the governor at boot", id="NA-OWNER-005"),
    Contender(unit="ondemand.service", over=_POWER, does="sets the governor a minute after boot", id="NA-OWNER-005"),
    Contender(unit="cpupower.service", over=_POWER, does="sets governor and preference at boot", id="NA-OWNER-005"),
    Contender(unit="loadcpufreq.service", over=_POWER, does="loads a governor at boot", id="NA-OWNER-005"),
    Contender(
        unit="thermald.service",
        over=("cpu-governor",),
        does="lowers limits of frequency and power when it gets hot, also below what the firmware would",
        id="NA-OWNER-006",
    ),
    Contender(
        unit="numad.service",
        over=("hugepages", "cpu-isolation", "transparent-hugepages"),
        does="moves processes and memory between nodes, and sets khugepaged's scan interval",
        id="NA-OWNER-004",
    ),
    Contender(
        unit="unattended-upgrades.service",
        over=(),
        does="upgrades packages and restarts their services",
        id="NA-OWNER-008",
    ),
    Contender(unit="apt-daily-upgrade.timer", over=(), does="upgrades packages once a day", id="NA-OWNER-008"),
    Contender(unit="apt-daily.timer", over=(), does="fetches lists of packages twice a day", id="NA-OWNER-008"),
    Contender(unit="snapd.service", over=(), does="refreshes snaps four times a day", id="NA-OWNER-008"),
    Contender(unit="dnf-automatic.timer", over=(), does="upgrades packages once a day", id="NA-OWNER-008"),
    Contender(
        unit="fstrim.timer", over=(), does="discards all free space of all drives once a week", id="NA-OWNER-009"
    ),
    Contender(unit="e2scrub_all.timer", over=(), does="reads whole filesystems once a week", id="NA-OWNER-009"),
    Contender(unit="mdcheck_start.timer", over=(), does="reads whole arrays once a month", id="NA-OWNER-009"),
    Contender(unit="raid-check.timer", over=(), does="reads whole arrays once a week", id="NA-OWNER-009"),
    Contender(
        unit="kdump-tools.service",
        over=(),
        does="keeps memory for a crash kernel, and after a crash writes it out before the machine is back",
        id="NA-OWNER-010",
    ),
    Contender(
        unit="kdump.service",
        over=(),
        does="keeps memory for a crash kernel, and after a crash writes it out before the machine is back",
        id="NA-OWNER-010",
    ),
)
