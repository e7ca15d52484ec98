"""What iperf3 measured, read from the JSON of its client (`--json`) and held against itself.

The figure that counts is what the *receiver* got (`end.sum_received`); what the sender pushed may still have been in
its own buffers. Sums must be the sums of their streams, and a rate its bytes over its time. Fields as printed by
`iperf_print_results` in iperf_api.c; for UDP `end.sum` describes the sender's bytes and the receiver's losses.
"""

from dataclasses import dataclass

from nodeagent.bench.tool_output import Node, documents, same
from nodeagent.model.errors import BenchmarkError

MOST_BITS_PER_SECOND = 1e13
_MOST_SECONDS = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpResult:
    """`series` is bytes a second by the second, without the start that was left out."""

    version: str
    received_bytes: int
    seconds: float
    bytes_per_second: float
    retransmits: int | None
    streams: int
    reverse: bool
    series: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpResult:
    """`jitter_seconds` is the mean over the streams of RFC 1889's smoothed jitter at the end."""

    version: str
    packets: int
    lost_packets: int
    loss_ratio: float
    jitter_seconds: float
    seconds: float
    streams: int


def parse_tcp(text: str) -> TcpResult:
    """BenchmarkError where iperf3 reports one, or the output is incomplete or contradicts itself."""
    document = _document(text, protocol="TCP")
    end = document.child("end")
    received, sent = end.child("sum_received"), end.child("sum_sent")
    streams = end.children("streams")
    rate = _rate(received)
    received_bytes = received.count("bytes")
    _check_sum(received, "bytes", [stream.child("receiver") for stream in streams])
    _check_sum(sent, "bytes", [stream.child("sender") for stream in streams])
    if not received_bytes <= sent.count("bytes") * 1.001:
        received.fail("bytes", received_bytes, f"at most what was sent, {sent.count('bytes')}")
    retransmits = None
    if "retransmits" in sent.content:
        retransmits = sent.count("retransmits")
        _check_sum(sent, "retransmits", [stream.child("sender") for stream in streams])
    return TcpResult(
        version=document.child("start").text("version"),
        received_bytes=received_bytes,
        seconds=_duration(received),
        bytes_per_second=rate / 8,
        retransmits=retransmits,
        streams=_stream_count(document, streams),
        reverse=document.child("start").child("test_start").number("reverse", most=1) == 1,
        series=_series(document),
    )


def parse_udp(text: str) -> UdpResult:
    """BenchmarkError where iperf3 reports one, or the output is incomplete or contradicts itself."""
    document = _document(text, protocol="UDP")
    end = document.child("end")
    total = end.child("sum")
    streams = end.children("streams")
    datagrams = [stream.child("udp") for stream in streams]
    for key in ("packets", "lost_packets"):
        _check_sum(total, key, datagrams)
    packets, lost = total.count("packets"), total.count("lost_packets")
    if packets == 0:
        total.fail("packets", 0, "at least one")
    if not same(total.number("lost_percent", most=100), 100 * lost / packets, slack=1e-6):
        total.fail(
            "lost_percent", total.content["lost_percent"], f"lost_packets / packets = {100 * lost / packets:g} %"
        )
    jitter = _jitter(total, datagrams)
    if total.count("bytes") == 0:
        total.fail("bytes", 0, "a measurement (nothing was sent)")
    # `sum` mixes the sender's bytes and rate with the receiver's time; since 3.10 both sides have a sum of their own.
    for key in ("sum_sent", "sum_received"):
        if key in end.content and end.child(key).count("bytes"):
            _rate(end.child(key))
    return UdpResult(
        version=document.child("start").text("version"),
        packets=packets,
        lost_packets=lost,
        loss_ratio=lost / packets,
        jitter_seconds=jitter,
        seconds=_duration(total),
        streams=_stream_count(document, streams),
    )


def reported_error(text: str) -> str:
    """The reason iperf3 gives in its JSON; "" where there is no JSON or no reason."""
    try:
        found = documents(text, tool="iperf3")
    except BenchmarkError:
        return ""
    reasons = [str(document.content["error"]) for document in found if "error" in document.content]
    return reasons[0][:200] if reasons else ""


def _document(text: str, *, protocol: str) -> Node:
    found = documents(text, tool="iperf3")
    for document in found:
        if "error" in document.content:
            raise BenchmarkError(f"iperf3: {str(document.content['error'])[:200]}")
    # Some versions print the whole result twice (esnet/iperf#1716); two different ones cannot both be this run.
    if any(document.content.get("end") != found[0].content.get("end") for document in found):
        raise BenchmarkError(f"iperf3: got {len(found)} different results, wanted one")
    document = found[0]
    test = document.child("start").child("test_start")
    if test.text("protocol") != protocol:
        test.fail("protocol", test.content["protocol"], protocol)
    return document


def _duration(node: Node) -> float:
    seconds = node.number("seconds", most=_MOST_SECONDS)
    if seconds == 0:
        node.fail("seconds", 0, "more than nothing")
    return seconds


def _rate(node: Node) -> float:
    """Bits a second, checked against bytes and time."""
    rate = node.number("bits_per_second", most=MOST_BITS_PER_SECOND)
    moved = node.count("bytes")
    wanted = moved * 8 / _duration(node)
    if moved == 0 or rate == 0:
        node.fail("bytes", moved, "a measurement (nothing arrived)")
    if not same(rate, wanted):
        node.fail("bits_per_second", rate, f"bytes * 8 / seconds = {wanted:.0f}")
    return rate


def _check_sum(total: Node, key: str, parts: list[Node]) -> None:
    wanted = sum(part.count(key) for part in parts)
    if total.count(key) != wanted:
        total.fail(key, total.content[key], f"the sum of its streams, {wanted}")


def _jitter(total: Node, datagrams: list[Node]) -> float:
    jitter_ms = total.number("jitter_ms", most=_MOST_SECONDS * 1000)
    parts = [part.number("jitter_ms", most=_MOST_SECONDS * 1000) for part in datagrams]
    mean = sum(parts) / len(parts)
    if not same(jitter_ms, mean):
        total.fail("jitter_ms", jitter_ms, f"the mean of its streams, {mean:g}")
    return jitter_ms / 1000


def _stream_count(document: Node, streams: list[Node]) -> int:
    wanted = document.child("start").child("test_start").count("num_streams")
    if wanted != len(streams) or not streams:
        raise BenchmarkError(f"iperf3: end.streams: got {len(streams)} streams, wanted {wanted}")
    return wanted


def _series(document: Node) -> tuple[float, ...]:
    """Whole seconds that count; a rest at the end is shorter and its rate means little."""
    sums = [interval.child("sum") for interval in document.children("intervals")]
    return tuple(
        part.number("bits_per_second", most=MOST_BITS_PER_SECOND) / 8
        for part in sums
        if part.content.get("omitted") is not True and part.number("seconds", most=_MOST_SECONDS) > 0.9
    )
