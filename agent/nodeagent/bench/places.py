"""Where a benchmark runs: the directory or the peer of a profile, resolved to a drive, a link and a stable identity.

A place that can't be used is a finding to report, with its reason, and no exception: the other places are measured.

Peers are written as `loopback` (this host, through lo), as `netns:CLIENT,SERVER@ADDRESS` (two network namespaces of
this host, the server listening on ADDRESS), or as the ADDRESS of another host.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from nodeagent.host.datasafety import NotSafeError, look_at_place
from nodeagent.host.datasafety import Place as Ground
from nodeagent.host.host import Host
from nodeagent.model.errors import UsageError
from nodeagent.model.facts import BlockDevice, HostFacts, Nic
from nodeagent.model.measurement import Place
from nodeagent.model.profile import PlaceSetting

LOOPBACK = "loopback"

_NAMESPACES = re.compile(r"netns:([\w.-]{1,64}),([\w.-]{1,64})@(\S+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPath:
    """From where to where; a namespace of None is this one. `remote` is a server on another host."""

    server_address: str
    client_namespace: str | None = None
    server_namespace: str | None = None
    remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place with all that is known of it. `problem` says why nothing can be measured there."""

    setting: PlaceSetting
    place: Place
    directory: Path | None = None
    mount_point: Path | None = None
    device: BlockDevice | None = None
    nic: Nic | None = None
    path: NetworkPath | None = None
    problem: str = ""
    remedy: str = ""
    refused: bool = False

    @property
    def kind(self) -> str:
        """As Benchmark.kind: "storage" or "network"."""
        return "network" if self.setting.peer is not None else "storage"

    @property
    def numa_node(self) -> int | None:
        """The node that the drive or the NIC is attached to."""
        attached = self.device or self.nic
        return attached.numa_node if attached else None


def parse_peer(text: str) -> NetworkPath:
    """What a peer of a profile means; UsageError for a text of another form."""
    if text == LOOPBACK:
        return NetworkPath(server_address="127.0.0.1")
    match = _NAMESPACES.fullmatch(text)
    address = match[3] if match else text
    try:
        parsed = ip_address(address)
    except ValueError:
        raise UsageError(
            f"peer {text!r}: {address!r} is no IP address",
            remedy="give loopback, an address, or netns:CLIENT,SERVER@ADDRESS",
        ) from None
    if match:
        return NetworkPath(server_address=str(parsed), client_namespace=match[1], server_namespace=match[2])
    return NetworkPath(server_address=str(parsed), remote=not parsed.is_loopback)


def resolve(setting: PlaceSetting, *, host: Host, facts: HostFacts) -> Site:
    """The site of one setting; UsageError for a peer or a directory that can't be meant."""
    if setting.peer is not None:
        return _network(setting, setting.peer)
    if not setting.directory or not setting.directory.startswith("/"):
        raise UsageError(
            f"place {setting.role}: wanted an absolute directory, got {setting.directory!r}",
            remedy=f"give --directory {setting.role}=/DIRECTORY",
        )
    return _storage(setting, Path(setting.directory), host, facts)


def _network(setting: PlaceSetting, peer: str) -> Site:
    """Neither lo nor a pair between namespaces has a NIC, and so no ceiling."""
    path = parse_peer(peer)
    problem = f"the iperf3 server of a test is started here, and {path.server_address} is another host"
    return Site(
        setting=setting,
        place=Place(role=setting.role, identity=peer, detail=peer),
        path=path,
        problem=problem if path.remote else "",
        remedy="measure between two namespaces (netns:CLIENT,SERVER@ADDRESS) or over loopback" if path.remote else "",
    )


def _storage(setting: PlaceSetting, directory: Path, host: Host, facts: HostFacts) -> Site:
    try:
        ground = look_at_place(host, directory)
    except NotSafeError as error:
        return Site(
            setting=setting,
            place=Place(role=setting.role, detail=str(directory)),
            problem=error.message,
            remedy=error.remedy or "",
            refused=True,
        )
    device = _device_below(ground, facts)
    return Site(
        setting=setting,
        place=Place(role=setting.role, identity=_identity(ground, device, host), detail=_detail(ground, device)),
        directory=ground.directory,
        mount_point=Path(ground.mount_point) if ground.mount_point else None,
        device=device,
    )


def _device_below(ground: Ground, facts: HostFacts) -> BlockDevice | None:
    """The drive whose mount it is. Of a stack (LVM, RAID) it is the one drive with a link; of several, none."""
    holding = [
        device
        for device in facts.block_devices
        if any(mounted.target == ground.mount_point for mounted in device.mounts)
    ]
    linked = [device for device in holding if device.pcie is not None]
    candidates = linked or holding
    return candidates[0] if len(candidates) == 1 else None


def _identity(ground: Ground, device: BlockDevice | None, host: Host) -> str:
    if device is not None and (stable := device.serial or device.wwn or device.backing_file):
        return stable
    uuids = [entry.uuid for entry in host.mounts() if entry.target == ground.mount_point and entry.uuid]
    return uuids[-1] if uuids else f"{ground.fstype}:{ground.mount_point}"


def _detail(ground: Ground, device: BlockDevice | None) -> str:
    on = f"{device.name} {device.model}".strip() if device else ground.mount_point
    return f"{ground.directory}, {ground.fstype} on {on}"
