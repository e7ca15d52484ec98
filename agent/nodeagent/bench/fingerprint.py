"""What a result depends on, as one short text: results with different fingerprints are different series.

A new firmware, kernel, DIMM, link width or tool version explains a change better than any regression hunt, so history
never compares across it in silence: it shows what differs. A fingerprint holds what stays the same between two runs on
the same set-up, and nothing that changes by itself (names of devices, boot ids, free memory).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from nodeagent.bench.benchmark import ToolVersions
from nodeagent.model.facts import BlockDevice, HostFacts, Memory, Nic, PcieLink

_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """`parts` maps dotted names to what was found ("" is unknown); `digest` is the first 16 digits of their sha256."""

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        canonical = json.dumps(dict(self.parts), sort_keys=True, separators=(",", ":"))
        return sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One part in which two fingerprints differ; "" where one of them lacks it."""

    part: str
    before: str
    after: str


def fingerprint(
    facts: HostFacts,
    *,
    tools: ToolVersions,
    options: Mapping[str, str],
    device: BlockDevice | None = None,
    nic: Nic | None = None,
    profile_digest: str = "",
) -> Fingerprint:
    """Fingerprint of one benchmark at one place, with the options it really ran with."""
    parts = {
        "cpu.model": facts.cpus.model,
        "cpu.microcode": facts.cpus.microcode,
        "cpu.cores": _text(facts.cpus.cores),
        "cpu.online": str(facts.cpus.online),
        "kernel.release": facts.kernel.release,
        "kernel.command_line": facts.kernel.command_line,
        "memory": _memory(facts.memory),
        "platform.product": " ".join(filter(None, (facts.platform.vendor, facts.platform.product))),
        "platform.bios": facts.platform.bios_version,
        "platform.virtualisation": facts.platform.virtualisation,
        "tool.fio": " ".join((tools.fio, *tools.fio_engines[:1])).strip(),
        "tool.iperf3": tools.iperf3,
        "profile": profile_digest,
    }
    parts |= _device_parts(device) | _nic_parts(nic)
    parts |= {f"option.{name}": value for name, value in options.items()}
    return Fingerprint(parts=parts)


def diff(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """What differs between the parts of two fingerprints, sorted by name."""
    names = sorted(before.keys() | after.keys())
    return tuple(
        Difference(part=name, before=before.get(name, ""), after=after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    )


def _device_parts(device: BlockDevice | None) -> dict[str, str]:
    if device is None:
        return {}
    return {
        "device.model": device.model,
        "device.serial": device.serial or device.wwn or device.backing_file,
        "device.firmware": device.firmware,
        "device.size_bytes": _text(device.size_bytes),
        "device.scheduler": device.scheduler,
        "device.link": _link(device.pcie),
        "device.driver": device.driver,
    }


def _nic_parts(nic: Nic | None) -> dict[str, str]:
    if nic is None:
        return {}
    return {
        "nic.driver": nic.driver,
        "nic.pci_address": nic.pci_address,
        "nic.speed_mbps": _text(nic.speed_mbps),
        "nic.mtu": _text(nic.mtu),
        "nic.queues": f"rx {nic.rx_queues} tx {nic.tx_queues}",
        "nic.link": _link(nic.pcie),
    }


def _memory(memory: Memory) -> str:
    """The DIMMs where they can be read, else the total rounded to 1 GiB, as kernels reserve a little more or less."""
    populated = [dimm for dimm in memory.dimms if dimm.size_bytes]
    if populated:
        return " ".join(sorted(f"{d.locator}={d.size_bytes}@{_text(d.speed_mts)}" for d in populated))
    if memory.total_bytes is None:
        return ""
    return f"{round(memory.total_bytes / 2**30)} GiB"


def _link(link: PcieLink | None) -> str:
    if link is None or link.speed_gts is None or link.width is None:
        return ""
    return f"{link.speed_gts:g} GT/s x{link.width}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
