"""`bench run`: from arguments to a suite, and from its outcomes to an exit code."""

import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.effort import QUICK, Effort
from nodeagent.bench.engine import measure
from nodeagent.bench.events import Event, Trouble
from nodeagent.bench.laboratory import RUNS_FOLDER, Laboratory
from nodeagent.bench.places import Site, resolve
from nodeagent.bench.recorder import Recorder
from nodeagent.bench.runner import sweep_workspaces
from nodeagent.bench.suite import Item, find, make_suite, spread
from nodeagent.bench.tools import probe_tools
from nodeagent.cli.bench_progress import JsonReporter, Reporter, TextReporter
from nodeagent.cli.output import ColorChoice, Terminal
from nodeagent.history import History, Suite
from nodeagent.history.store import FILE_NAME
from nodeagent.host.datasafety import sweep
from nodeagent.host.host import Host
from nodeagent.host.state_directory import ensure_state_directory, state_directory
from nodeagent.model.errors import ExitCode, UsageError
from nodeagent.model.judgement import Judgement, Outcome
from nodeagent.model.measurement import Target
from nodeagent.model.profile import BenchmarkSetting, PlaceSetting, Profile
from nodeagent.model.units import parse_duration
from nodeagent.profiles import default_search, load_profile
from nodeagent.profiles.targets import load_targets
from nodeagent.tune.lock import hold
from nodeagent.tune.tunables import SETTINGS_TYPES
from nodeagent.version import VERSION

_LOCK_FOLDER = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `bench run`, as typed."""

    names: tuple[str, ...] = ()
    profile: str | None = None
    stage: str = ""
    targets: Path | None = None
    directories: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    runs: int | None = None
    cap: int | None = None
    runtime: str | None = None
    options: tuple[str, ...] = ()
    quick: bool = False
    every: bool = False
    state_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What was asked for, understood."""

    items: tuple[Item, ...]
    targets: tuple[Target, ...]
    stage: str
    effort: Effort
    profile: Profile | None
    repeat_options: str


def run(request: Request, terminal: Terminal, *, as_json: bool) -> ExitCode:
    """Measure and tell. Nothing is made or measured before all arguments are understood."""
    host = Host()
    plan = _plan(request, host)
    state = ensure_state_directory(state_directory(request.state_dir))
    with hold(state / _LOCK_FOLDER, command=shlex.join(sys.argv[1:]), boot_id=host.boot_id(), wall_seconds=time.time()):
        _clear_away(host, state)
        with History.open(state / FILE_NAME) as history, _reporter(request, terminal, as_json) as reporter:
            return _measure(plan, host, state, history, reporter)


def exit_code(judgements: Sequence[Judgement], sites: Sequence[Site], *, troubled: bool) -> ExitCode:
    """The worst that happened: a missed target, then a refusal, then what could not be measured or kept."""
    outcomes = {judgement.outcome for judgement in judgements if judgement.metric.gate}
    if Outcome.FAIL in outcomes:
        return ExitCode.TARGET_MISSED
    if any(site.refused for site in sites):
        return ExitCode.REFUSED
    if troubled or Outcome.NOT_MEASURED in outcomes:
        return ExitCode.ERROR
    return ExitCode.INCONCLUSIVE if Outcome.INCONCLUSIVE in outcomes else ExitCode.OK


def repeat_options(request: Request) -> str:
    """What to type after a benchmark's name to measure it in the same way; the number of runs is left open."""
    given = [
        *(("--profile", request.profile) if request.profile else ()),
        *(("--stage", request.stage) if request.stage else ()),
        *(("--target", os.fspath(request.targets)) if request.targets else ()),
        *(word for directory in request.directories for word in ("--directory", directory)),
        *(word for peer in request.peers for word in ("--peer", peer)),
        *(word for option in request.options for word in ("--option", option)),
        *(("--runtime", request.runtime) if request.runtime else ()),
        *(("--quick",) if request.quick else ()),
        *(("--state-dir", os.fspath(request.state_dir)) if request.state_dir else ()),
    ]
    return shlex.join(given)


def _measure(plan: _Plan, host: Host, state: Path, history: History, reporter: Reporter) -> ExitCode:
    troubles: list[Trouble] = []

    def tell(event: Event) -> None:
        if isinstance(event, Trouble):
            troubles.append(event)
        reporter(event)

    tools, _ = probe_tools(scratch=state / RUNS_FOLDER)
    judgements = measure(
        plan.items,
        targets=plan.targets,
        effort=plan.effort,
        laboratory=Laboratory(
            host=host,
            facts=host.facts(),
            tools=tools,
            state_directory=state,
            recorder=Recorder(history=history, suite=_suite(plan, host), on_trouble=tell),
            stage=plan.stage,
            profile_digest=plan.profile.digest if plan.profile else "",
            repeat_options=plan.repeat_options,
        ),
        on_event=tell,
    )
    return exit_code(judgements, [item.site for item in plan.items], troubled=bool(troubles))


def _plan(request: Request, host: Host) -> _Plan:
    effort = _effort(request)
    options = _pairs(request.options, what="--option", wanted="NAME=VALUE")
    profile = _profile(request)
    places = _places(request, profile)
    for name in request.names:
        find(name, BENCHMARKS)
    targets = _targets(request)
    facts = host.facts()
    sites = {place.role: resolve(place, host=host, facts=facts) for place in places}
    settings = [
        replace(setting, options={**setting.options, **options}) for setting in _settings(request, profile, sites)
    ]
    items = make_suite(settings, sites=sites, benchmarks=BENCHMARKS, effort=effort)
    stage = request.stage or next((target.stage for target in targets), "")
    return _Plan(
        items=items,
        targets=targets,
        stage=stage,
        effort=effort,
        profile=profile,
        repeat_options=repeat_options(request),
    )


def _effort(request: Request) -> Effort:
    base = QUICK if request.quick else Effort()
    runs = request.runs if request.runs is not None else min(base.minimum_runs, request.cap or base.minimum_runs)
    cap = request.cap if request.cap is not None else max(base.cap_runs, runs)
    runtime = base.runtime_seconds
    if request.runtime is not None:
        try:
            runtime = parse_duration(request.runtime)
        except ValueError as error:
            raise UsageError(f"--runtime: {error}") from error
    return replace(base, minimum_runs=runs, cap_runs=cap, runtime_seconds=runtime).checked()


def _profile(request: Request) -> Profile | None:
    if request.profile is None:
        return None
    return load_profile(
        request.profile,
        settings_types=SETTINGS_TYPES,
        search=default_search(),
        benchmarks=tuple(benchmark.name for benchmark in BENCHMARKS),
    )


def _targets(request: Request) -> tuple[Target, ...]:
    reference = request.targets or request.stage
    if not reference:
        return ()
    metrics = {metric.name: metric for benchmark in BENCHMARKS for metric in benchmark.metrics}
    targets = load_targets(reference, search=default_search(), metrics=metrics)
    stages = {target.stage for target in targets}
    if request.stage and stages - {request.stage}:
        raise UsageError(f"--target {request.targets} is of stage {', '.join(stages)}, not {request.stage}")
    return targets


def _places(request: Request, profile: Profile | None) -> tuple[PlaceSetting, ...]:
    """Those of the profile; one given on the command line stands over that of the same role."""
    places = {place.role: place for place in (profile.places if profile else ())}
    for role, directory in _pairs(request.directories, what="--directory", wanted="ROLE=DIR").items():
        places[role] = PlaceSetting(role=role, directory=os.fspath(Path.cwd() / directory))
    for role, peer in _pairs(request.peers, what="--peer", wanted="ROLE=PEER").items():
        places[role] = PlaceSetting(role=role, peer=peer)
    return tuple(places.values())


def _settings(request: Request, profile: Profile | None, sites: Mapping[str, Site]) -> Sequence[BenchmarkSetting]:
    if profile is None:
        return spread(request.names, sites=sites, benchmarks=BENCHMARKS)
    named = [setting for setting in profile.benchmarks if not request.names or setting.benchmark in request.names]
    absent = [name for name in request.names if name not in {setting.benchmark for setting in named}]
    if absent:
        return [*named, *spread(absent, sites=sites, benchmarks=BENCHMARKS)]
    if not named:
        raise UsageError(f"profile {profile.name} names no benchmarks", remedy="name some: nodeagent bench list")
    return named


def _pairs(texts: Sequence[str], *, what: str, wanted: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{what} {text!r}: wanted {wanted}")
        if name in pairs:
            raise UsageError(f"{what}: {name} is given twice")
        pairs[name] = value
    return pairs


def _suite(plan: _Plan, host: Host) -> Suite:
    platform = host.facts().platform
    return Suite(
        id=token_hex(4),
        started_at=time.time(),
        stage=plan.stage,
        profile=plan.profile.name if plan.profile else "",
        profile_digest=plan.profile.digest if plan.profile else "",
        machine_id=platform.machine_id,
        boot_id=platform.boot_id,
        agent_version=VERSION,
        command=shlex.join(["nodeagent", *sys.argv[1:]]),
    )


def _reporter(request: Request, terminal: Terminal, as_json: bool) -> Reporter:
    if as_json:
        return JsonReporter(out=sys.stdout)
    color = ColorChoice.ALWAYS if terminal.color else ColorChoice.NEVER
    progress = Terminal.of(stream=sys.stderr, choice=color, environment=os.environ)
    return TextReporter(
        out=sys.stdout,
        progress=sys.stderr,
        terminal=terminal,
        live=progress.interactive,
        every=request.every,
    )


def _clear_away(host: Host, state: Path) -> None:
    """What killed benchmarks left: test files and whatever of them still runs."""
    _tell(sys.stderr, sweep_workspaces(state / RUNS_FOLDER))
    swept = sweep(host, state)
    _tell(sys.stderr, [f"removed {path} of a killed benchmark" for path in swept.removed])
    _tell(sys.stderr, [f"left {path}: {reason}" for path, reason in swept.left])


def _tell(stream: TextIO, lines: Sequence[str]) -> None:
    for line in lines:
        stream.write(line + "\n")
