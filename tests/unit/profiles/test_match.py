"""Does a profile fit a machine: each condition with its reason, and unknown is never a fit."""

from dataclasses import replace

from nodeagent.model.facts import HostFacts
from nodeagent.model.profile import Match
from nodeagent.profiles.match import fits
from tests.unit.tunables.fake_kernel import facts_of


def _machine() -> HostFacts:
    facts = facts_of(total_bytes=540_000_000_000)
    cpus = replace(facts.cpus, model="AMD EPYC 9454P 48-Core Processor", cores=48)
    return replace(facts, cpus=cpus)


def test_no_condition_always_fits() -> None:
    assert fits(Match(), _machine()) == ()


def test_every_condition_is_told_with_what_was_found() -> None:
    match = Match(
        cpu_model="*epyc 9454p*",
        cores_at_least=64,
        memory_at_least_bytes=512_000_000_000,
        virtualisation=True,
        stage="production",
    )
    assert [str(fit) for fit in fits(match, _machine(), stage="local")] == [
        "CPU model: wanted *epyc 9454p*, got AMD EPYC 9454P 48-Core Processor: fits",
        "cores: wanted 64 or more, got 48: does not fit",
        "memory: wanted 477 GiB or more, got 503 GiB: fits",
        "virtualisation: wanted a virtual machine, got bare metal: does not fit",
        "stage: wanted production, got local: does not fit",
    ]


def test_what_the_machine_does_not_tell_is_no_fit() -> None:
    match = Match(cpu_model="*", cores_at_least=1, memory_at_least_bytes=1, stage="local")
    assert [fit.fits for fit in fits(match, facts_of())] == [None, None, None, None]
