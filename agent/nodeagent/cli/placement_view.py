"""What `tune explain` says of the map of CPUs: the part that the tunable looks at, and why it is so."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from nodeagent.cli.output import Terminal, Tone
from nodeagent.model.placement import CpuRole, DevicePlacement, Placement
from nodeagent.model.units import counted
from nodeagent.report.topology import broken

_NAMES = 6
_ALWAYS = ("home", "cores")
_KINDS = {"nic": "port", "vf": "VF", "nvme": "drive"}


def placement_lines(placement: Placement, roles: Sequence[CpuRole], terminal: Terminal, *, width: int) -> Iterator[str]:
    """For people; devices are told to those who look at interrupts."""
    yield terminal.style("Placement of the profile", Tone.STRONG)
    nobody = ", ".join(role for role in roles if not placement.cpus(role))
    told = [*relevant(placement.reasons, roles), *([f"no CPU has the role {nobody}"] if nobody else [])]
    if CpuRole.INTERRUPTS in roles:
        told += _device_sentences(placement.devices)
    for sentences, tone in ((told, Tone.FAINT), (placement.problems, Tone.WARN)):
        for sentence in sentences:
            yield from (terminal.style(f"  {line}", tone) for line in broken(sentence, width - 2))


def placement_document(placement: Placement, roles: Sequence[CpuRole]) -> dict[str, object]:
    """The same for programs."""
    return {
        "roles": {role: placement.cpus(role) for role in roles},
        "memory_node": placement.memory_node,
        "reasons": relevant(placement.reasons, roles),
        "problems": placement.problems,
        "devices": placement.devices if CpuRole.INTERRUPTS in roles else (),
    }


def relevant(reasons: Sequence[str], roles: Sequence[CpuRole]) -> tuple[str, ...]:
    """Each reason begins with what it is about."""
    heads = {*_ALWAYS, *(role.value for role in roles)}
    return tuple(reason for reason in reasons if reason.partition(":")[0] in heads)


def _device_sentences(devices: Sequence[DevicePlacement]) -> Iterator[str]:
    """Devices of a kind that are served alike are told together."""

    def key(device: DevicePlacement) -> tuple[object, ...]:
        return device.kind, device.interrupt_order, device.queues, device.reason

    ordered = sorted(devices, key=lambda device: (list(_KINDS).index(device.kind), device.interrupt_order))
    for _, group in groupby(ordered, key=key):
        alike = list(group)
        first = alike[0]
        names = ", ".join(device.name for device in alike[:_NAMES])
        more = f" and {len(alike) - _NAMES} more" if len(alike) > _NAMES else ""
        queues = "" if first.queues is None else f" in {counted(first.queues, 'queue')}"
        kind = _KINDS[first.kind] + ("s" if len(alike) > 1 else "")
        yield f"{kind} {names}{more}: CPUs {first.interrupt_cpus}{queues}; {first.reason}"
