"""Campaign C9, the texts: thousands of spoiled outputs, no traceback, no false sample.

A sample that comes out of a spoiled text is *false* when one of these holds:
- the text had lost its end (then nothing in it is known to be whole);
- its value is not the one that a second, simpler reader finds in the same text (`honest` below: the JSON of the text,
  the plain field, nothing else);
- it gates, and its value is more than 0.2 % away from what the tool had really printed. Figures that gate stand in an
  output more than once, so a change that passes is one that did not touch them. Those that only inform (CPU time,
  retransmits, the sides of a mix) have no second witness in every output and are held to the second rule.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pytest

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.tool_output import Node, documents
from nodeagent.model.errors import BenchmarkError
from nodeagent.model.measurement import Sample
from tests.unit.bench import hostile
from tests.unit.bench.hostile import Spoiled
from tests.unit.bench.outputs import Recorded, recorded

SEED = 20240909
SECONDS_MOST = 1.0
FAR = 0.002

KEYS = {
    "fio": ("iops", "total_ios", "runtime", "bw_bytes", "io_bytes", "N", "50.000000", "99.000000"),
    "iperf3": ("bytes", "seconds", "bits_per_second"),
}
"""Where a lie would pay."""

Read = Callable[[dict[str, Any]], float]


def _both(document: dict[str, Any], key: str) -> float:
    job = document["jobs"][0]
    return float(job["read"][key] + job["write"][key])


def _cpu(document: dict[str, Any]) -> float:
    job = document["jobs"][0]
    return float((job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000 / _both(document, "total_ios"))


def _percentile(key: str) -> Read:
    return lambda document: float(document["jobs"][0]["read"]["lat_ns"]["percentile"][key]) / 1e9


HONEST: dict[str, Read] = {
    "iops": lambda document: _both(document, "iops"),
    "bytes_per_second": lambda document: _both(document, "bw_bytes"),
    "cpu_seconds_per_io": _cpu,
    "read_iops": lambda document: float(document["jobs"][0]["read"]["iops"]),
    "write_iops": lambda document: float(document["jobs"][0]["write"]["iops"]),
    "latency_p50": _percentile("50.000000"),
    "latency_p99": _percentile("99.000000"),
    "latency_p999": _percentile("99.900000"),
    "loss_ratio": lambda document: document["end"]["sum"]["lost_packets"] / document["end"]["sum"]["packets"],
    "jitter": lambda document: float(document["end"]["sum"]["jitter_ms"]) / 1000,
    "retransmits": lambda document: float(document["end"]["sum_sent"]["retransmits"]),
    "net.tcp.forward.bytes_per_second": lambda document: document["end"]["sum_received"]["bits_per_second"] / 8,
    "net.tcp.reverse.bytes_per_second": lambda document: document["end"]["sum_received"]["bits_per_second"] / 8,
}


def honest(metric: str, text: str) -> float:
    """What the last whole JSON object in the text says, read without any check."""
    decoder, position = json.JSONDecoder(), text.find("{")
    found: dict[str, Any] = {}
    while position >= 0:
        try:
            found, end = decoder.raw_decode(text, position)
        except ValueError:
            # Words of C for "not a number" are no JSON; the figure itself is none of them, or this is a false sample.
            found, end = documents(text, tool="tool")[-1].content, len(text)
        position = text.find("{", end)
    read = HONEST.get(metric) or HONEST[metric.rpartition(".")[2]]
    return read(found)


def spoiled(run: Recorded, random_source: random.Random) -> Iterator[Spoiled]:
    return chain(
        hostile.truncated(run.text),
        hostile.bits_flipped(run.text, random_source, count=150),
        hostile.digits_changed(run.text, random_source, count=150),
        *(hostile.digits_changed(run.text, random_source, count=30, key=key) for key in KEYS[run.benchmark.tool]),
        hostile.numbers_replaced(run.text, random_source, count=100),
        hostile.keys_removed_or_doubled(run.text, random_source, count=100),
        hostile.text_injected(run.text, random_source, count=2 * len(hostile.INJECTED)),
        hostile.lines_shuffled(run.text, random_source, count=40),
    )


def truth(run: Recorded) -> dict[str, float]:
    return {sample.metric: sample.value for sample in run.benchmark.parse(run.raw(), run.spec)}


def samples_of(run: Recorded, case: Spoiled) -> tuple[Sample, ...]:
    """Read it as the runner would; an error of any other kind than ours passes through."""
    began = time.monotonic()
    try:
        samples = run.benchmark.parse(run.raw(case.text), run.spec)
    except BenchmarkError:
        samples = ()
    assert time.monotonic() - began < SECONDS_MOST, case.why
    return samples


def false_among(samples: tuple[Sample, ...], run: Recorded, case: Spoiled, true: dict[str, float]) -> list[str]:
    gates = {metric.name for metric in run.benchmark.metrics if metric.gate}
    wrong = []
    for sample in samples:
        said = honest(sample.metric, case.text)
        far = abs(sample.value - true[sample.metric]) > FAR * true[sample.metric]
        if case.cut or sample.value != pytest.approx(said, rel=1e-9) or (sample.metric in gates and far):
            wrong.append(f"{sample.metric} = {sample.value}, honest {said}, true {true[sample.metric]} ({case.why})")
    return wrong


def test_no_spoiled_output_gives_a_traceback_or_a_false_sample() -> None:
    random_source = random.Random(SEED)
    outputs, accepted, wrong = 0, 0, []
    for benchmark in BENCHMARKS:
        run = recorded(benchmark.name)
        true = truth(run)
        for case in spoiled(run, random_source):
            samples = samples_of(run, case)
            outputs += 1
            accepted += bool(samples)
            wrong += [f"{benchmark.name}: {line}" for line in false_among(samples, run, case, true)]
    assert not wrong, "\n".join(wrong[:20])
    assert outputs >= 1_000
    # A parser that refuses everything would pass the test above.
    assert 0.05 < accepted / outputs < 0.6
    print(f"C9: {outputs} outputs, 0 tracebacks, 0 false samples ({accepted} harmless ones read)")


def _unchecked_percentiles(lat: Node, _count: int) -> dict[float, float]:
    given = lat.child("percentile")
    return {float(key): given.number(key) / 1e9 for key in given.content}


@pytest.mark.parametrize(
    ("name", "key", "check", "instead"),
    [
        ("randread-4k", "iops", "nodeagent.bench.fio_result.same", lambda *_, **__: True),
        ("seq-write", "bw_bytes", "nodeagent.bench.fio_result._check_rates", lambda *_: None),
        ("qd1-read-4k", "99.000000", "nodeagent.bench.fio_result._percentiles", _unchecked_percentiles),
        ("tcp-forward", "bits_per_second", "nodeagent.bench.iperf3_result.same", lambda *_, **__: True),
        ("udp", "jitter_ms", "nodeagent.bench.iperf3_result.same", lambda *_, **__: True),
    ],
)
def test_a_parser_without_one_of_its_checks_is_caught(
    name: str, key: str, check: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    run = recorded(name)
    true = truth(run)

    def count_false() -> int:
        cases = hostile.digits_changed(run.text, random.Random(SEED), count=300, key=key)
        return sum(bool(false_among(samples_of(run, case), run, case, true)) for case in cases)

    assert count_false() == 0
    monkeypatch.setattr(check, instead)
    assert count_false() > 0


def test_a_spoiled_log_of_seconds_gives_an_error_or_a_series_but_no_traceback() -> None:
    random_source = random.Random(SEED)
    run = recorded("randread-4k")
    for case in chain(
        hostile.truncated(run.log),
        hostile.bits_flipped(run.log, random_source, count=200),
        hostile.lines_shuffled(run.log, random_source, count=50),
    ):
        try:
            samples = run.benchmark.parse(run.raw(log=case.text), run.spec)
        except BenchmarkError:
            continue
        assert all(0 <= value < 1e16 for value in samples[0].series)
