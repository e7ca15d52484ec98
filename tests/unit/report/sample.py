"""Evidence of a made-up validator host, with everything in it that a report can show."""

from dataclasses import replace

from nodeagent.bench.ceilings import Ceiling
from nodeagent.bench.judge import Circumstances, judge
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import (
    BlockDevice,
    Cpus,
    Dimm,
    HostFacts,
    Kernel,
    L3Domain,
    Memory,
    Mounted,
    Nic,
    NumaNode,
    PcieLink,
    Platform,
    Sriov,
)
from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Direction, Measurement, Metric, Place, Target, Unit
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.report.compose import Evidence
from nodeagent.report.document import JournalSummary, RepeatCommand, TransactionRow

NOON = 1_790_000_000.0

IOPS = Metric(
    name="storage.randread4k.iops", unit=Unit.IOPS, direction=Direction.HIGHER, summary="random reads of 4 KiB"
)
P99 = Metric(
    name="storage.qd1-read.p99", unit=Unit.SECONDS, direction=Direction.LOWER, summary="99th percentile of one read"
)
TCP = Metric(
    name="net.tcp.received", unit=Unit.BYTES_PER_SECOND, direction=Direction.HIGHER, summary="TCP payload received"
)
LOSS = Metric(name="net.udp.loss", unit=Unit.RATIO, direction=Direction.LOWER, summary="lost packets")
CPU = Metric(
    name="storage.cpu-per-io",
    unit=Unit.SECONDS,
    direction=Direction.LOWER,
    summary="processor time of one read",
    gate=False,
)


def judged(
    metric: Metric,
    role: str,
    values: tuple[float, ...],
    bound: float | None,
    *,
    stage: str = "local",
    ceiling: float | None = None,
) -> Judgement:
    """A judgement as the bench engine makes it."""
    measurement = Measurement(
        metric=metric,
        benchmark=metric.name.split(".")[1],
        place=Place(role=role, identity=f"serial-{role}"),
        values=values,
        steady=True,
        evidence=("run 41", "run 42"),
    )
    target = bound if bound is None else target_of(metric, role, bound, stage)
    known = Circumstances(
        stage=stage,
        ceiling=Ceiling(value=ceiling, reason="PCIe 32 GT/s x4"),
        fingerprint="5f0c" * 16,
        measured_at=NOON - 600,
    )
    return judge(measurement, target, circumstances=known)


def target_of(metric: Metric, role: str, bound: float, stage: str) -> Target:
    return Target(
        metric=metric.name,
        role=role,
        stage=stage,
        bound=bound,
        unit=metric.unit,
        direction=metric.direction,
        why="a replaying validator reads this much",
        source="targets/local.yaml",
        origin="targets/local.yaml:4:7",
    )


JUDGEMENTS = (
    judged(IOPS, "ledger", (312e3, 305e3, 318e3, 309e3, 311e3), 300e3, ceiling=3.8e6),
    judged(IOPS, "accounts", (212e3, 205e3, 218e3, 209e3, 211e3), 500e3, ceiling=240e3),
    judged(P99, "ledger", (85e-6, 92e-6, 88e-6, 101e-6, 87e-6), 100e-6),
    judged(TCP, "peer", (2.6e9, 2.9e9, 2.5e9, 2.7e9, 2.8e9), 2.5e9, ceiling=2.94e9),
    judged(LOSS, "peer", (0.0, 0.0, 0.0001, 0.0, 0.0), 0.01),
    judged(LOSS, "snapshots", (), 0.01),
    judged(CPU, "ledger", (1.6e-6, 1.7e-6, 1.6e-6, 1.5e-6, 1.6e-6), None),
)

VERDICTS = (
    Verdict(
        tunable="sysctl",
        findings=(
            Finding(
                subject="net.core.rmem_max",
                state=State.DRIFT,
                got="212992",
                wanted=">= 134217728",
                remedy="nodeagent tune apply sysctl",
                why="turbine drops packets with the default of 208 KiB",
                source="https://docs.anza.xyz/operations/setup-a-validator",
                id="NA-SYSCTL-001",
            ),
            Finding(
                subject="vm.swappiness",
                state=State.OK,
                got="1",
                wanted="<= 30",
                why="accounts stay in memory",
                source="Documentation/admin-guide/sysctl/vm.rst",
            ),
            Finding(
                subject="kernel.timer_migration",
                state=State.NOT_APPLICABLE,
                got="absent",
                wanted="0",
                remedy="this kernel was built without NO_HZ_COMMON",
                optional=True,
            ),
        ),
    ),
    Verdict(
        tunable="block-queue",
        findings=(
            Finding(
                subject="serial-ledger scheduler",
                state=State.OK,
                got="none",
                wanted="none",
                why="NVMe needs no sorting",
            ),
        ),
    ),
    Verdict(
        tunable="transparent-hugepages",
        findings=(Finding(subject="enabled", state=State.OK, got="madvise", wanted="madvise"),),
    ),
)

JOURNAL = JournalSummary(
    last_apply=TransactionRow(
        id="20260921T141230-5f0c",
        state="verified",
        started_at=NOON - 3600,
        changes=14,
        profile="solana-validator",
        undo_script="/var/lib/nodeagent/undo/20260921T141230-5f0c.sh",
    ),
    rollback="nodeagent tune rollback restores all 14 originals",
    head="9b1d" * 16,
)


def facts() -> HostFacts:
    return HostFacts(
        cpus=Cpus(
            online=CpuSet.parse("0-95"),
            possible=CpuSet.parse("0-95"),
            isolated=CpuSet.parse("2-3,50-51"),
            packages=1,
            cores=48,
            threads_per_core=2,
            l3_domains=tuple(
                L3Domain(id=n, cpus=CpuSet.of([*range(n * 6, n * 6 + 6), *range(48 + n * 6, 54 + n * 6)]))
                for n in range(8)
            ),
            model="AMD EPYC 9454P 48-Core Processor",
            microcode="0xa101148",
        ),
        numa_nodes=(NumaNode(id=0, cpus=CpuSet.parse("0-95"), memory_bytes=540_000_000_000, distances={0: 10}),),
        block_devices=(_drive("nvme0n1", "ledger", 15.36e12, 4), _drive("nvme1n1", "accounts", 6.4e12, 1)),
        nics=(
            Nic(
                name="enp65s0f0np0",
                driver="mlx5_core",
                pci_address="0000:41:00.0",
                speed_mbps=25_000,
                mtu=9000,
                rx_queues=48,
                tx_queues=48,
                numa_node=0,
                sriov=Sriov(total_vfs=8, configured_vfs=2),
            ),
        ),
        pci_devices=(),
        memory=Memory(
            total_bytes=540_000_000_000,
            dimms=tuple(Dimm(locator=f"DIMM_P0_{n}", size_bytes=64 * 2**30 if n < 8 else 0) for n in range(12)),
            dimms_readable=True,
        ),
        kernel=Kernel(release="6.1.0-30-amd64", command_line="root=UUID=1 isolcpus=2-3,50-51"),
        platform=Platform(
            hostname="validator-1",
            boot_id="0f0e0d0c-0b0a-4009-8807-060504030201",
            os_release="Debian GNU/Linux 12 (bookworm)",
            vendor="Supermicro",
            product="AS-1115CS-TNR",
            bios_version="1.4",
        ),
        problems=("/sys/kernel/debug: EACCES",),
    )


def _drive(name: str, role: str, size_bytes: float, width: int) -> BlockDevice:
    return BlockDevice(
        name=name,
        major_minor="259:0",
        model="SAMSUNG MZWLO15THBLA-00A07",
        serial=f"serial-{role}",
        size_bytes=int(size_bytes),
        rotational=False,
        transport="nvme",
        numa_node=0,
        scheduler="none",
        pcie=PcieLink(address="0000:01:00.0", speed_gts=32.0, speed_max_gts=32.0, width=width, width_max=4),
        mounts=(Mounted(target=f"/mnt/{role}", fstype="ext4", options=frozenset({"noatime"})),),
    )


PROFILE = Profile(
    name="solana-validator",
    summary="A validator with ledger, accounts and snapshots on NVMe",
    digest="c0ffee" * 10 + "c0ff",
    files=("profiles/solana-validator.yaml",),
    tune={},
)


def evidence() -> Evidence:
    """NO-GO: one drift, one missed target, one figure not measured."""
    return Evidence(
        stage="local",
        created_at=NOON,
        agent_version="0.1.0",
        facts=facts(),
        profile=PROFILE,
        verdicts=VERDICTS,
        judgements=JUDGEMENTS,
        journal=JOURNAL,
        tools={"fio": "fio-3.33", "iperf3": "iperf 3.12", "nvme": ""},
        commands=(
            RepeatCommand(what="the tuning table", command="nodeagent tune verify --profile solana-validator"),
            RepeatCommand(
                what="random reads at ledger",
                command="fio --name=randread-4k --rw=randread --bs=4k --iodepth=64 --filename=/mnt/ledger/.nodeagent/t",
                tool="fio-3.33",
            ),
        ),
    )


def good_evidence() -> Evidence:
    """GO: the same host with everything as wanted."""
    right = tuple(
        replace(
            verdict,
            findings=tuple(replace(f, state=State.OK, remedy="") for f in verdict.findings if not f.optional),
        )
        for verdict in VERDICTS
    )
    return replace(evidence(), verdicts=right, judgements=(JUDGEMENTS[0], JUDGEMENTS[3], JUDGEMENTS[6]))
