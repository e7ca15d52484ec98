"""Every benchmark, in the order a suite runs them: quiet ones first, those that heat the drive last."""

from nodeagent.bench.benchmark import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = ()
