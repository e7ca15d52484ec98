"""A benchmark that is one iperf3 test: the files in benchmarks/ say which protocol and direction."""

import math
from dataclasses import dataclass

from nodeagent.bench.benchmark import Job, RawOutput, RunSpec
from nodeagent.bench.iperf3 import OMIT_SINCE, Iperf3Test, check_address, parse_version
from nodeagent.bench.iperf3_result import TcpResult, UdpResult, parse_tcp, parse_udp, reported_error
from nodeagent.bench.options import check_options, whole_number
from nodeagent.bench.tool_output import check_ended_well
from nodeagent.model.errors import BenchmarkError
from nodeagent.model.facts import HostFacts
from nodeagent.model.measurement import Direction, Metric, Sample, Unit
from nodeagent.model.need import Need, NeedKind

IPERF3 = Need(
    kind=NeedKind.TOOL, name="iperf3", reason="sends the traffic and measures it", remedy="apt-get install iperf3"
)

_OMIT_SINCE = ".".join(map(str, OMIT_SINCE))


def throughput(direction: str, summary: str) -> Metric:
    return Metric(
        name=f"net.tcp.{direction}.bytes_per_second",
        unit=Unit.BYTES_PER_SECOND,
        direction=Direction.HIGHER,
        summary=summary,
    )


def retransmits(direction: str) -> Metric:
    return Metric(
        name=f"net.tcp.{direction}.retransmits",
        unit=Unit.COUNT,
        direction=Direction.LOWER,
        summary="segments the sender had to send again",
        gate=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpBenchmark:
    """One direction; `metrics` are the throughput and the retransmits, in this order."""

    name: str
    summary: str
    reverse: bool
    metrics: tuple[Metric, Metric]
    streams: int = 4
    block_bytes: int = 128 * 1024

    kind: str = "network"
    tool: str = "iperf3"
    needs: tuple[Need, ...] = (IPERF3,)
    option_names: tuple[str, ...] = ("streams", "block")
    writes: bool = False
    prefills: bool = False

    def prepare(self, spec: RunSpec, facts: HostFacts) -> Job:
        """BenchmarkError where iperf3 cannot do it here; UsageError, first, for an option that cannot be meant."""
        check_options(spec, benchmark=self.name, known=self.option_names)
        return _job(
            _test(
                spec,
                udp=False,
                reverse=self.reverse,
                streams=self._streams(spec),
                block_bytes=whole_number(spec, "block", default=self.block_bytes, least=1, most=1024 * 1024),
            )
        )

    def parse(self, raw: RawOutput, spec: RunSpec) -> tuple[Sample, ...]:
        """BenchmarkError for every output that is not the whole, honest result of the test that was asked for."""
        _check_completed(raw)
        result = parse_tcp(raw.output)
        _check_duration(result, spec)
        _check_streams(result, self._streams(spec))
        if result.reverse != self.reverse:
            raise BenchmarkError(f"iperf3: start.test_start.reverse: got {result.reverse}, wanted {self.reverse}")
        rate, again = self.metrics
        samples = [Sample(metric=rate.name, value=result.bytes_per_second, series=result.series)]
        if result.retransmits is not None:
            samples.append(Sample(metric=again.name, value=float(result.retransmits)))
        return tuple(samples)

    def _streams(self, spec: RunSpec) -> int:
        return whole_number(spec, "streams", default=self.streams, least=1, most=128)


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpBenchmark:
    """Client to server at a fixed rate; `metrics` are the loss and the jitter, in this order."""

    name: str
    summary: str
    metrics: tuple[Metric, Metric]
    rate_bits_per_second: int
    datagram_bytes: int

    kind: str = "network"
    tool: str = "iperf3"
    needs: tuple[Need, ...] = (IPERF3,)
    option_names: tuple[str, ...] = ("rate", "datagram")
    writes: bool = False
    prefills: bool = False

    def prepare(self, spec: RunSpec, facts: HostFacts) -> Job:
        """BenchmarkError where iperf3 cannot do it here; UsageError, first, for an option that cannot be meant."""
        check_options(spec, benchmark=self.name, known=self.option_names)
        return _job(
            _test(
                spec,
                udp=True,
                reverse=False,
                streams=1,
                block_bytes=whole_number(spec, "datagram", default=self.datagram_bytes, least=16, most=65507),
                rate_bits_per_second=whole_number(
                    spec, "rate", default=self.rate_bits_per_second, least=1000, most=10**12
                ),
            )
        )

    def parse(self, raw: RawOutput, spec: RunSpec) -> tuple[Sample, ...]:
        """BenchmarkError for every output that is not the whole, honest result of the test that was asked for."""
        _check_completed(raw)
        result = parse_udp(raw.output)
        _check_duration(result, spec)
        _check_streams(result, 1)
        loss, jitter = self.metrics
        samples = [Sample(metric=loss.name, value=result.loss_ratio)]
        # Of what never arrived nothing is known; iperf3 prints a jitter of 0 then, the best there is.
        if result.lost_packets < result.packets:
            samples.append(Sample(metric=jitter.name, value=result.jitter_seconds))
        return tuple(samples)


def _test(
    spec: RunSpec, *, udp: bool, reverse: bool, streams: int, block_bytes: int, rate_bits_per_second: int = 0
) -> Iperf3Test:
    """A test of `spec`'s length and ends; BenchmarkError for an address or a version that won't do."""
    return Iperf3Test(
        udp=udp,
        reverse=reverse,
        streams=streams,
        runtime_seconds=_whole_seconds(spec),
        ramp_seconds=math.ceil(spec.ramp_seconds),
        block_bytes=block_bytes,
        rate_bits_per_second=rate_bits_per_second,
        address=check_address(spec.server_address),
        port=spec.port,
        version=parse_version(spec.tools.iperf3),
        features=spec.tools.iperf3_features,
        server_namespace=spec.server_namespace,
        client_namespace=spec.client_namespace,
    )


def _job(test: Iperf3Test) -> Job:
    late = test.ramp_seconds > 0 and not test.omits_ramp
    return Job(
        main=test.client(),
        server=test.server(),
        server_ready=test.server_ready,
        ramp_seconds=test.ramp_seconds if test.omits_ramp else 0.0,
        runtime_seconds=test.runtime_seconds,
        notes=(f"iperf3 before {_OMIT_SINCE} cannot leave out the start: it is part of the figure",) if late else (),
    )


def _whole_seconds(spec: RunSpec) -> int:
    """An iperf3 test lasts whole seconds."""
    return max(1, math.ceil(spec.runtime_seconds))


def _check_completed(raw: RawOutput) -> None:
    completed = raw.completed
    said = reported_error(raw.output)
    if said and not (completed.interrupted or completed.timed_out):
        raise BenchmarkError(f"iperf3: {said}")
    check_ended_well(completed, tool="iperf3", silent=False)


def _check_duration(result: TcpResult | UdpResult, spec: RunSpec) -> None:
    wanted = _whole_seconds(spec)
    if not 0.9 * wanted <= result.seconds <= 1.25 * wanted + 2:
        raise BenchmarkError(f"iperf3: got {result.seconds:.3f} s of measurement, wanted {wanted} s")


def _check_streams(result: TcpResult | UdpResult, wanted: int) -> None:
    if result.streams != wanted:
        raise BenchmarkError(f"iperf3: got {result.streams} streams, wanted {wanted}")
