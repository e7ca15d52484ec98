"""QEMU's words for a hardware template; pure, so that every device of a machine can be read in a test.

Two rules of QEMU shape this file: a device without `bus=` may land on the expander bridge of another node, so each one
names its bus; and what is to be unplugged later needs a root port of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cherrylab.guests.template import Drive, HardwareTemplate

_KERNEL_ARGUMENTS = (
    "console=ttyS0",
    "net.ifnames=0",
    "quiet",
    "mitigations=off",
    "tsc=reliable",
    "clocksource=tsc",
    "nowatchdog",
    # An emulated CPU of several can miss the wake-up of its timer. One that is told the next event alone then sleeps
    # for good ("Possible timer handling issue"), with all that waits for it; one that ticks wakes at the next tick.
    "nohz=off",
    "highres=off",
)
_FIRST_EXPANDER_BUS = 128
_BUSES_A_NODE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFiles:
    """Where the files of one guest lie; the sockets must have short paths (108 bytes)."""

    directory: Path
    kernel: Path
    initrd: Path

    @property
    def root_disk(self) -> Path:
        return self.directory / "root.qcow2"

    @property
    def seed(self) -> Path:
        return self.directory / "seed.iso"

    @property
    def console(self) -> Path:
        return self.directory / "console.log"

    @property
    def console_socket(self) -> Path:
        return self.directory / "tty.sock"

    @property
    def monitor(self) -> Path:
        return self.directory / "qmp.sock"

    @property
    def agent(self) -> Path:
        return self.directory / "qga.sock"

    def image(self, drive: Drive) -> Path:
        return self.directory / f"{drive.role}.img"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The taps and addresses of one guest; MACs tell its interfaces apart, `number` is unique in the lab."""

    number: int
    management_tap: str
    data_tap: str | None

    @property
    def management_mac(self) -> str:
        return f"52:54:00:00:{self.number:02x}:00"

    @property
    def data_mac(self) -> str:
        return f"52:54:00:00:{self.number:02x}:01"


def command_line(
    template: HardwareTemplate, files: GuestFiles, wiring: Wiring, *, cloud_init: bool = False
) -> tuple[str, ...]:
    """The whole argv; relative to nothing, so that it can be pasted from a log."""
    return (
        "qemu-system-x86_64",
        *("-name", template.name, "-machine", _machine(template)),
        *("-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *_processors_and_memory(template),
        *_boot(template, files, cloud_init=cloud_init),
        *_serial_port(files),
        *("-qmp", f"unix:{files.monitor},server=on,wait=off"),
        *_management(files, wiring),
        *_bridges(template),
        *_drives(template, files),
        *_data_nic(template, wiring),
    )


def _machine(template: HardwareTemplate) -> str:
    return "q35,kernel-irqchip=split" if template.iommu else "q35"


def _processors_and_memory(template: HardwareTemplate) -> Iterator[str]:
    sockets = len(template.nodes)
    yield from ("-smp", f"{template.cpus},sockets={sockets},cores={template.cpus // sockets},threads=1")
    yield from ("-m", str(template.memory_bytes >> 20))
    first_cpu = 0
    for number, node in enumerate(template.nodes):
        last_cpu = first_cpu + node.cpus - 1
        yield from ("-object", f"memory-backend-ram,id=m{number},size={node.memory_bytes}")
        yield from ("-numa", f"node,nodeid={number},cpus={first_cpu}-{last_cpu},memdev=m{number}")
        first_cpu = last_cpu + 1
    for source in range(len(template.nodes)):
        for target in range(source + 1, len(template.nodes)):
            yield from ("-numa", f"dist,src={source},dst={target},val={template.distance}")


def _boot(template: HardwareTemplate, files: GuestFiles, *, cloud_init: bool) -> Iterator[str]:
    arguments = [*_KERNEL_ARGUMENTS, *template.kernel_arguments]
    if not cloud_init:
        arguments.append("cloud-init=disabled")
    if template.iommu:
        arguments += ["intel_iommu=on", "iommu=pt"]
        yield from ("-device", "intel-iommu,intremap=on,caching-mode=on")
    yield from ("-kernel", str(files.kernel), "-initrd", str(files.initrd), "-append", " ".join(arguments))
    yield from ("-drive", f"if=none,id=root,file={files.root_disk},format=qcow2")
    yield from ("-device", "virtio-blk-pci,drive=root,bus=pcie.0")
    if cloud_init:
        yield from ("-drive", f"if=none,id=seed,file={files.seed},format=raw,readonly=on")
        yield from ("-device", "virtio-blk-pci,drive=seed,bus=pcie.0")


def _serial_port(files: GuestFiles) -> Iterator[str]:
    """Written to a file whoever listens, and open to one who wants to type; the log goes on over power cuts."""
    port = f"socket,id=tty,path={files.console_socket},server=on,wait=off,logfile={files.console},logappend=on"
    yield from ("-chardev", port, "-serial", "chardev:tty")


def _management(files: GuestFiles, wiring: Wiring) -> Iterator[str]:
    yield from ("-device", "virtio-rng-pci,bus=pcie.0")
    yield from ("-netdev", f"tap,id=mn,ifname={wiring.management_tap},script=no,downscript=no")
    yield from (
        "-device",
        f"virtio-net-pci,id=management,netdev=mn,mac={wiring.management_mac},host_mtu=9000,bus=pcie.0",
    )
    yield from ("-device", "virtio-serial-pci,bus=pcie.0")
    yield from ("-chardev", f"socket,id=qga,path={files.agent},server=on,wait=off")
    yield from ("-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0")


def _places(template: HardwareTemplate) -> list[int | None]:
    """The node of each device that gets a root port: the drives in order, then the NIC."""
    nic = [template.data_nic.node] if template.data_nic else []
    return [*(drive.node for drive in template.drives), *nic]


def _bridges(template: HardwareTemplate) -> Iterator[str]:
    places = _places(template)
    for node in sorted({node for node in places if node is not None}):
        bus = _FIRST_EXPANDER_BUS + _BUSES_A_NODE * node
        yield from ("-device", f"pxb-pcie,id=pxb{node},bus_nr={bus},numa_node={node},bus=pcie.0")
    for port, place in enumerate(places):
        bus_name = "pcie.0" if place is None else f"pxb{place}"
        yield from ("-device", f"pcie-root-port,id=rp{port},bus={bus_name},chassis={port + 1},slot={port + 1}")


def _drives(template: HardwareTemplate, files: GuestFiles) -> Iterator[str]:
    for port, drive in enumerate(template.drives):
        if drive.iops_limit is not None:
            yield from ("-object", f"throttle-group,id=limit-{drive.role},x-iops-total={drive.iops_limit}")
        yield from ("-blockdev", _backend(drive, files))
        yield from ("-device", f"nvme,id=nvme-{drive.role},serial={drive.serial},drive={drive.role},bus=rp{port}")


def _backend(drive: Drive, files: GuestFiles) -> str:
    """The chain under a drive, innermost last: throttle over raw over blkdebug over the file."""
    filename = files.image(drive)
    if drive.bad_sector is not None:
        node = (
            f"driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={filename},"
            f"file.inject-error.0.event=none,file.inject-error.0.errno=5,file.inject-error.0.once=off,"
            f"file.inject-error.0.sector={drive.bad_sector}"
        )
    else:
        node = f"driver=raw,discard=unmap,file.driver=file,file.filename={filename},file.discard=unmap"
    if drive.iops_limit is None:
        return f"{node},node-name={drive.role}"
    inner = ",".join(f"file.{part}" for part in node.split(","))
    return f"driver=throttle,discard=unmap,node-name={drive.role},throttle-group=limit-{drive.role},{inner}"


def _data_nic(template: HardwareTemplate, wiring: Wiring) -> Iterator[str]:
    if template.data_nic is None or wiring.data_tap is None:
        return
    port = len(template.drives)
    yield from ("-netdev", f"tap,id=dn,ifname={wiring.data_tap},script=no,downscript=no")
    yield from ("-device", f"igb,id=nic0,netdev=dn,mac={wiring.data_mac},bus=rp{port}")
