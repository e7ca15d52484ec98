"""A fio job as a type, and its command line.

Every measured job shares the settings that make its figure mean something: O_DIRECT past the page cache, new random
data for every write (a drive may compress), offsets from a 64-bit generator without fio's own bookkeeping of blocks
visited, a ramp that is left out, all threads reported as one group, and latency from submission to completion, which is
what an application waits for. Options and their defaults: HOWTO.rst of fio 3.33; checked with that version:

- `--allow_file_create=0` keeps fio from making a missing file. A file shorter than `size` is *removed* by fio 3.33
  then, so the runner compares the sizes first.
- `--readonly` refuses every write and extension, with code 0, an empty output and one line on stderr.
- With `--output` to a file, `--eta=always` prints a line twice a second to stdout, where live progress comes from. The
  logs are written at the end only, and `--status-interval` makes the output a chain of documents.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from nodeagent.model.command import Command
from nodeagent.model.errors import BenchmarkError

OUTPUT_NAME = "fio.json"
LOG_NAME = "fio"
IOPS_LOG_NAME = "fio_iops.log"

OLDEST = (3, 16)
"""Of Ubuntu 20.04; before it, io_uring and JSON of latency percentiles were still moving."""

ENGINES = ("io_uring", "libaio", "psync")
"""Best first. psync has no queue: there, threads give the depth."""

_VERSION = re.compile(r"fio-(\d+)\.(\d+)")
_PREFILL_BLOCK_BYTES = 1024 * 1024
_PREFILL_LEAST_BYTES_PER_SECOND = 20e6
_SYNC_THREADS_MOST = 64


class Pattern(StrEnum):
    """`rw=` of fio; MIXED is random."""

    READ = "read"
    WRITE = "write"
    RANDOM_READ = "randread"
    RANDOM_WRITE = "randwrite"
    MIXED = "randrw"

    @property
    def writes(self) -> bool:
        return self not in (Pattern.READ, Pattern.RANDOM_READ)

    @property
    def random(self) -> bool:
        return self not in (Pattern.READ, Pattern.WRITE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FioJob:
    """One job. `iodepth` is per thread, `jobs` counts threads; `read_percent` is for MIXED only.

    `path` must exist with at least `size_bytes`; it may lead through one of `inherit_fds`. `runtime_seconds` None means
    once through the file.
    """

    name: str
    path: Path
    size_bytes: int
    pattern: Pattern
    block_bytes: int
    iodepth: int
    jobs: int
    engine: str
    runtime_seconds: float | None
    ramp_seconds: float = 0.0
    read_percent: int | None = None
    direct: bool = True
    numa_node: int | None = None
    inherit_fds: tuple[int, ...] = ()

    @property
    def in_flight(self) -> int:
        return self.iodepth * self.jobs

    def arguments(self) -> tuple[str, ...]:
        """Without the program and without where the output goes."""
        return (
            f"--name={self.name}",
            f"--filename={_escape(self.path)}",
            f"--size={self.size_bytes}",
            f"--rw={self.pattern}",
            f"--bs={self.block_bytes}",
            f"--ioengine={self.engine}",
            f"--iodepth={self.iodepth}",
            f"--numjobs={self.jobs}",
            f"--direct={int(self.direct)}",
            "--thread=1",
            "--group_reporting=1",
            "--allow_file_create=0",
            "--invalidate=1",
            *self._timing(),
            *self._data(),
            *self._placement(),
        )

    def _timing(self) -> tuple[str, ...]:
        if self.runtime_seconds is None:
            return ()
        return (
            "--time_based=1",
            f"--runtime={round(self.runtime_seconds * 1000)}ms",
            f"--ramp_time={round(self.ramp_seconds * 1000)}ms",
        )

    def _data(self) -> tuple[str, ...]:
        return (
            *(("--refill_buffers=1",) if self.pattern.writes else ("--readonly",)),
            *(("--norandommap=1", "--randrepeat=0", "--random_generator=tausworthe64") if self.pattern.random else ()),
            *((f"--rwmixread={self.read_percent}",) if self.read_percent is not None else ()),
        )

    def _placement(self) -> tuple[str, ...]:
        if self.numa_node is None:
            return ()
        return (f"--numa_cpu_nodes={self.numa_node}", f"--numa_mem_policy=bind:{self.numa_node}")


def measuring_command(job: FioJob, *, workspace: Path) -> Command:
    """Measure: JSON and a log of IOPS by the second into the workspace, lines of progress on stdout."""
    assert job.runtime_seconds is not None
    seconds = job.ramp_seconds + job.runtime_seconds
    return Command(
        argv=(
            "fio",
            *job.arguments(),
            "--lat_percentiles=1",
            "--clat_percentiles=0",
            "--percentile_list=50:90:99:99.9:99.99",
            f"--write_iops_log={LOG_NAME}",
            "--log_avg_msec=1000",
            "--per_job_logs=0",
            "--output-format=json+",
            f"--output={OUTPUT_NAME}",
            "--eta=always",
            "--eta-interval=500ms",
        ),
        timeout_seconds=seconds + max(30.0, seconds / 2),
        directory=workspace,
        inherit_fds=job.inherit_fds,
    )


def prefill_command(job: FioJob, *, workspace: Path) -> Command:
    """Write the whole file once, in order: a block that was never written is read without touching the drive."""
    fill = replace(
        job,
        name="prefill",
        pattern=Pattern.WRITE,
        block_bytes=_PREFILL_BLOCK_BYTES,
        iodepth=1 if job.engine == "psync" else 16,
        jobs=1,
        runtime_seconds=None,
        ramp_seconds=0.0,
        read_percent=None,
    )
    return Command(
        argv=("fio", *fill.arguments(), "--end_fsync=1", "--output-format=json", "--eta=never"),
        timeout_seconds=60 + job.size_bytes / _PREFILL_LEAST_BYTES_PER_SECOND,
        directory=workspace,
        inherit_fds=job.inherit_fds,
    )


def prefill_least_bytes(size_bytes: int) -> int:
    """What a prefill must have written: fio leaves out the last block where the size is no multiple of it."""
    return size_bytes - size_bytes % _PREFILL_BLOCK_BYTES


def with_engine(job: FioJob, *, tried: tuple[str, ...]) -> FioJob:
    """The same load with the best engine that works here; BenchmarkError when none does."""
    engine = next((engine for engine in ENGINES if engine in tried), None)
    if engine is None:
        raise BenchmarkError(
            f"fio: none of the engines {', '.join(ENGINES)} works here", remedy="nodeagent host doctor"
        )
    if engine != "psync":
        return replace(job, engine=engine)
    # More threads than that measure the scheduler.
    return replace(job, engine=engine, iodepth=1, jobs=min(job.in_flight, _SYNC_THREADS_MOST))


def check_version(text: str) -> None:
    """BenchmarkError where fio is missing, older than OLDEST, or says something that is no version."""
    if not text:
        raise BenchmarkError("fio: not found", remedy="apt-get install fio")
    match = _VERSION.match(text)
    if match is None:
        raise BenchmarkError(f"fio: got version {text!r}, wanted one like fio-3.33", remedy="fio --version")
    if (int(match[1]), int(match[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise BenchmarkError(f"fio: got version {text}, wanted {oldest} or newer", remedy="apt-get install fio")


def _escape(path: Path) -> str:
    """To fio a colon ends a name, and `$` and control characters have meanings of their own."""
    text = str(path)
    if "$" in text or "\\" in text or not text.isprintable():
        raise BenchmarkError(
            f"fio: cannot name the file {text!r}: it has a character that fio would interpret",
            remedy="choose a directory without dollar signs, backslashes and control characters",
        )
    return text.replace(":", "\\:")
