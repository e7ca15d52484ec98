"""What the tools on this host are and can do: asked once a suite, by trying.

fio lists engines that the kernel refuses (io_uring behind kernel.io_uring_disabled or a seccomp filter), so an engine
counts when it has read a file here. Options of iperf3 are taken from its own help text.
"""

import re
from pathlib import Path

from nodeagent.bench.benchmark import ToolVersions
from nodeagent.bench.fio import ENGINES
from nodeagent.bench.iperf3 import FEATURES
from nodeagent.host.process import Cancel, find_program, install_remedy, run
from nodeagent.host.workspace import scratch_workspace
from nodeagent.model.command import Command

_PROBE_SECONDS = 20.0
_PROBE_BYTES = 64 * 1024


def probe_tools(*, scratch: Path | None = None, cancel: Cancel | None = None) -> tuple[ToolVersions, tuple[str, ...]]:
    """Versions and abilities of fio and iperf3, and notes about what is missing, each with its remedy.

    Takes about half a second; nothing but a file below `scratch` is touched, which whoever sweeps the workspaces there
    clears away after a kill. None is the system's directory for temporary files.
    """
    notes: list[str] = []
    fio = _version("fio", r"fio-\d+\.\d+\S*", notes, cancel)
    engines, features = _probe_fio(notes, scratch, cancel) if fio else ((), ())
    iperf3 = _version("iperf3", r"iperf \d+\.\d+\S*", notes, cancel)
    return (
        ToolVersions(
            fio=fio,
            fio_engines=engines,
            fio_features=features,
            iperf3=iperf3,
            iperf3_features=_iperf3_features(cancel) if iperf3 else (),
        ),
        tuple(notes),
    )


def _version(program: str, form: str, notes: list[str], cancel: Cancel | None) -> str:
    if find_program(program) is None:
        notes.append(f"{program} is not installed ({install_remedy(program)})")
        return ""
    printed = _ask(cancel, program, "--version")
    match = re.search(form, printed)
    if match is None:
        notes.append(f"{program} --version says nothing that is a version: {printed[:60]!r}")
        return ""
    return match[0]


def _probe_fio(
    notes: list[str], scratch: Path | None, cancel: Cancel | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The best engine that works, with psync behind it, and whether fio can bind to a NUMA node."""
    listed = _ask(cancel, "fio", "--enghelp").split()
    for engine in ENGINES:
        if engine not in listed:
            notes.append(f"fio was built without the engine {engine}")
            continue
        problem = _try_fio(scratch, cancel, engine)
        if problem:
            notes.append(f"fio: the engine {engine} does not work here: {problem}")
            continue
        numa = not _try_fio(scratch, cancel, engine, "--numa_cpu_nodes=0", "--numa_mem_policy=bind:0")
        return tuple(dict.fromkeys((engine, ENGINES[-1]))), ("numa",) if numa else ()
    return (), ()


def _try_fio(scratch: Path | None, cancel: Cancel | None, engine: str, *options: str) -> str:
    """Read a small file; "" when that went well, else what fio said."""
    with scratch_workspace(scratch) as workspace:
        command = Command(
            argv=(
                "fio",
                "--name=probe",
                "--filename=probe",
                f"--size={_PROBE_BYTES}",
                "--bs=4096",
                "--rw=read",
                f"--ioengine={engine}",
                "--thread=1",
                "--eta=never",
                *options,
            ),
            timeout_seconds=_PROBE_SECONDS,
            directory=workspace.path,
        )
        completed = run(command, cancel=cancel)
    if completed.ok and not completed.stderr:
        return ""
    said = (completed.stderr or completed.stdout).decode("utf-8", "replace").strip().splitlines()
    return said[0][:160] if said else f"exit code {completed.exit_code}"


def _iperf3_features(cancel: Cancel | None) -> tuple[str, ...]:
    printed = _ask(cancel, "iperf3", "--help")
    return tuple(name for name in FEATURES if re.search(rf"--{name}\b", printed))


def _ask(cancel: Cancel | None, *argv: str) -> str:
    completed = run(Command(argv=argv, timeout_seconds=_PROBE_SECONDS), cancel=cancel)
    return (completed.stdout + completed.stderr).decode("utf-8", "replace")
