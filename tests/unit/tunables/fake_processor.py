"""A kernel whose processor has policies, second threads, sleep limits, clock sources and pools of huge pages.

It does what the real one is documented to do (docs/tunables/): the governor performance forces the preference and
refuses another, the machine's boost sets that of the policies, which is refused while the machine's is off, an unknown
clock source is taken in silence, and a pool gets no more pages than the node has memory for.
"""

import errno
import re
from dataclasses import dataclass, field

from nodeagent.model.reading import Reading, ReadStatus
from tests.unit.tunables.fake_kernel import FakeKernel, RefusedWriteError

CPU = "/sys/devices/system/cpu"
CPUFREQ = f"{CPU}/cpufreq"
CLOCK = "/sys/devices/system/clocksource/clocksource0"
NODES = "/sys/devices/system/node"
ACTIVE = ("intel_pstate", "amd-pstate-epp")
_FORCED = "performance"


@dataclass(slots=True)
class FakeProcessor(FakeKernel):
    """`remembers` says that leaving the governor performance brings the preference back, as intel_pstate does."""

    remembers: bool = False
    saved: dict[str, str] = field(default_factory=dict)

    def read(self, path: str) -> Reading:
        if path not in self.files:
            return Reading(path=path, status=ReadStatus.ABSENT)
        writable = not path.endswith(("scaling_driver", "available_clocksource", "scaling_available_governors"))
        return Reading(path=path, status=ReadStatus.OK, text=self.files[path], writable=writable)

    def write(self, path: str, value: str) -> None:
        if path not in self.files:
            raise RefusedWriteError(errno.ENOENT, path)
        directory, _, name = path.rpartition("/")
        match name:
            case "scaling_governor":
                self._govern(directory, value)
            case "energy_performance_preference":
                self._prefer(directory, value)
            case "boost" if directory == CPUFREQ:
                self._boost(value)
            case "boost":
                if self.files.get(f"{CPUFREQ}/boost", "1\n") != "1\n":
                    raise RefusedWriteError(errno.EINVAL, path)
                self.files[path] = f"{value}\n"
            case "current_clocksource":
                if value in self.files[f"{CLOCK}/available_clocksource"].split():
                    self.files[path] = f"{value}\n"
            case "control" if directory == f"{CPU}/smt":
                if self.files[path] == "forceoff\n":
                    raise RefusedWriteError(errno.EPERM, path)
                self.files[path] = f"{value}\n"
            case "pm_qos_resume_latency_us":
                if not re.fullmatch("n/a|[0-9]+", value):
                    raise RefusedWriteError(errno.EINVAL, path)
                self.files[path] = f"{value}\n"
            case "nr_hugepages":
                self._fill(directory, int(value))
            case _:
                self.files[path] = f"{value}\n"

    def _govern(self, policy: str, value: str) -> None:
        if value not in self.files[f"{policy}/scaling_available_governors"].split():
            raise RefusedWriteError(errno.EINVAL, policy)
        before = self.files[f"{policy}/scaling_governor"].strip()
        self.files[f"{policy}/scaling_governor"] = f"{value}\n"
        preference = f"{policy}/energy_performance_preference"
        if not self._is_active(policy) or preference not in self.files or value == before:
            return
        if value == _FORCED:
            self.saved[policy] = self.files[preference]
            self.files[preference] = f"{_FORCED}\n"
        elif before == _FORCED and self.remembers and policy in self.saved:
            self.files[preference] = self.saved.pop(policy)

    def _prefer(self, policy: str, value: str) -> None:
        if self._is_active(policy) and self.files[f"{policy}/scaling_governor"].strip() == _FORCED != value:
            raise RefusedWriteError(errno.EBUSY, policy)
        if value not in ("performance", "balance_performance", "balance_power", "power"):
            raise RefusedWriteError(errno.EINVAL, policy)
        self.files[f"{policy}/energy_performance_preference"] = f"{value}\n"

    def _is_active(self, policy: str) -> bool:
        return self.files[f"{policy}/scaling_driver"].strip() in ACTIVE

    def _boost(self, value: str) -> None:
        if self.files[f"{CPUFREQ}/boost"].strip() == value:
            return
        for path in self.files:
            if path.startswith(CPUFREQ) and path.endswith("/boost"):
                self.files[path] = f"{value}\n"

    def _fill(self, pool: str, wanted: int) -> None:
        """Pages in use stay, and there are no more than fit beside the node's other pools."""
        node = pool.split("/hugepages/")[0]
        kilobytes = int(pool.rpartition("-")[2].removesuffix("kB"))
        total, free = (int(self.files[f"{pool}/{name}"]) for name in ("nr_hugepages", "free_hugepages"))
        found = re.search(r"MemFree: +(\d+) kB", self.files[f"{node}/meminfo"])
        spare = int(found[1]) if found else 0
        now = min(max(wanted, total - free), total + spare // kilobytes)
        self.files[f"{pool}/nr_hugepages"] = f"{now}\n"
        self.files[f"{pool}/free_hugepages"] = f"{free + now - total}\n"
        self.files[f"{node}/meminfo"] = re.sub(
            r"(MemFree: +)\d+ kB", rf"\g<1>{spare - (now - total) * kilobytes} kB", self.files[f"{node}/meminfo"]
        )
