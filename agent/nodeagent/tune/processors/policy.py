"""The cpufreq policies of a machine as read, and the order in which their knobs can be written.

A policy is a group of CPUs that change speed together; its directory is named for the first of them and stays that
name for as long as the machine has the CPU. When all its CPUs are offline the files are there and can't be read
(EBUSY): it sleeps, and is neither right nor wrong.

With a driver in active mode the processor chooses the speed itself and the governor is only a hint. Then `performance`
forces the energy preference to `performance`, and any other is refused (EBUSY) while it stands: so the governor is
written first, both ways, and the preference after it. Measured in drivers/cpufreq/intel_pstate.c
(intel_pstate_set_energy_pref_index) and amd-pstate.c (store_energy_performance_preference).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodeagent.model.change import CoupledKnob
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.reading import Reading

ROOT = "/sys/devices/system/cpu/cpufreq"
GLOBAL_BOOST = f"{ROOT}/boost"
NO_TURBO = "/sys/devices/system/cpu/intel_pstate/no_turbo"

PERFORMANCE = "performance"
GOVERNOR, PREFERENCE = "scaling_governor", "energy_performance_preference"

_ACTIVE_DRIVERS = ("intel_pstate", "amd-pstate-epp")
_FILES = (GOVERNOR, PREFERENCE, "scaling_driver", "scaling_available_governors", "boost")
_POLICY = re.compile(r"policy(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One group of CPUs; `number` is that of its first CPU."""

    number: int
    readings: Mapping[str, Reading]

    @property
    def name(self) -> str:
        return f"policy{self.number}"

    @property
    def is_active(self) -> bool:
        """Does the processor choose the speed, so that the governor binds the preference?"""
        return self.readings["scaling_driver"].value in _ACTIVE_DRIVERS

    @property
    def governors(self) -> tuple[str, ...]:
        return tuple(self.readings["scaling_available_governors"].text.split())

    def value(self, name: str) -> str:
        return self.readings[name].text.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class CpufreqSeen:
    """`boost` and `no_turbo` are the switches of the whole machine; most machines have one of them or none."""

    policies: tuple[Policy, ...]
    boost: Reading
    no_turbo: Reading


def read_cpufreq(host: HostReader, facts: HostFacts) -> CpufreqSeen:
    """Every policy with a CPU that is awake, by number."""
    numbers = sorted(int(found[1]) for name in host.names(ROOT) if (found := _POLICY.fullmatch(name)))
    policies = [_read(host, number) for number in numbers]
    return CpufreqSeen(
        policies=tuple(policy for policy in policies if not _sleeps(policy, facts)),
        boost=host.read(GLOBAL_BOOST),
        no_turbo=host.read(NO_TURBO),
    )


def _read(host: HostReader, number: int) -> Policy:
    return Policy(number=number, readings={name: host.read(f"{ROOT}/policy{number}/{name}") for name in _FILES})


def _sleeps(policy: Policy, facts: HostFacts) -> bool:
    """Kernels answer EBUSY, older ones EINVAL, for a policy whose CPUs are all offline."""
    online = facts.cpus.online
    return not policy.readings[GOVERNOR].ok and bool(online) and policy.number not in online


def governor_first(governor: CoupledKnob | None, preference: CoupledKnob | None) -> tuple[CoupledKnob, ...]:
    """The two as members of one change: the governor before the preference, on the way back too."""
    if governor is None or preference is None:
        return tuple(member for member in (governor, preference) if member is not None)
    return (
        _only(governor, forward=True),
        preference,
        _only(governor, back=True),
    )


def boost_members(boost: Reading, policies: Sequence[Reading], wanted: str) -> tuple[CoupledKnob, ...]:
    """The switch of the machine with those of the policies, which it sets all at once.

    A policy's own switch is refused while the machine's is off, so on either way it is written after that one, and
    only where it differs from what that one makes of it.
    """
    before = boost.text.strip()
    differing = [reading for reading in policies if reading.text.strip() != before]
    late = [reading for reading in policies if before == wanted and reading.text.strip() != wanted]
    machine = CoupledKnob(path=boost.path, before=before, after=wanted)
    following = [
        CoupledKnob(path=reading.path, before=reading.text.strip(), after=wanted, forward=False, back=False)
        for reading in policies
    ]
    return (
        *(_only(_member(reading, wanted), back=True) for reading in differing),
        *((machine,) if before != wanted else ()),
        *following,
        *(_only(_member(reading, wanted), forward=True) for reading in late),
    )


def _member(reading: Reading, wanted: str) -> CoupledKnob:
    return CoupledKnob(path=reading.path, before=reading.text.strip(), after=wanted)


def _only(knob: CoupledKnob, *, forward: bool = False, back: bool = False) -> CoupledKnob:
    return CoupledKnob(path=knob.path, before=knob.before, after=knob.after, form=knob.form, forward=forward, back=back)
