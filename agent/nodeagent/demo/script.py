"""What the demo shows, step by step: the same commands, in the same order, as on a server.

The story is told through `Console`, and the commands are really run through `Run`; this module knows neither the
terminal nor click. Whatever happens, the last step removes everything.
"""

import re
import shlex
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nodeagent.demo.ground import Ground, make_ground, remove
from nodeagent.demo.manifest import Claim
from nodeagent.demo.profile import FILE_NAME, write_profile
from nodeagent.host.process_child import Shield
from nodeagent.model.errors import ExitCode, NodeagentError

STAGE = "local"
REPORT, METRICS = "report.html", "metrics.txt"

_DECISIONS = (ExitCode.OK, ExitCode.TARGET_MISSED, ExitCode.INCONCLUSIVE)
_EXCERPT = re.compile(
    r"nodeagent_up |nodeagent_tunable_state\{.* 1\.0$|nodeagent_journal_unfinished"
    r"|nodeagent_benchmark_(value|target)\{.*storage\.randread4k\.iops\",role=\"ledger\""
)
_NEXT = """\
On a server, as root:
  nodeagent host doctor                    what this machine lacks for the work
  nodeagent profile list                   the profiles there are, to extend
  nodeagent tune plan --profile NAME       what would be changed, and why
  nodeagent tune apply --profile NAME --confirm-within 5m
  nodeagent bench run --profile NAME --stage staging
  nodeagent report --profile NAME --stage staging --out report.html"""


class Console(Protocol):
    """Where the story is told."""

    def heading(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...

    def server(self, command: str) -> None:
        """What an operator types on a server instead of the command that follows."""
        ...

    def command(self, text: str) -> None:
        """A command that is run here and now."""
        ...


class Run(Protocol):
    """Runs `nodeagent ARGUMENTS`, its output going where ours goes; the exit code."""

    def __call__(self, arguments: tuple[str, ...], *, namespace: str | None = None) -> int: ...


Scrape = Callable[[tuple[str, ...], str | None], str]
"""Starts `nodeagent serve ARGUMENTS` (in a namespace), reads its page once, ends it; the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the story is told with: `remember` sets variables for all that follows, `results` is where the report is."""

    console: Console
    run: Run
    scrape: Scrape
    remember: Callable[[Mapping[str, str]], None]
    results: Path
    is_root: bool


def show(base: Path, tools: Tools) -> ExitCode:
    """Clear away what killed demos left, then show everything, then remove it again."""
    began = time.monotonic()
    console = tools.console
    sweep(base, console)
    claim = Claim.make(base)
    try:
        ground = _machine(claim, tools)
        _Story(claim, ground, tools).tell()
    finally:
        with Shield():
            left = _clear(claim, console)
    if left:
        return ExitCode.ERROR
    console.say(f"\nDone in {time.monotonic() - began:.0f} s. The report stays:\n  {tools.results / REPORT}\n")
    console.say(_NEXT)
    return ExitCode.OK


def sweep(base: Path, console: Console) -> None:
    """Remove what demos left that were killed."""
    for claim in Claim.abandoned(base):
        left = remove(claim)
        console.say(f"Removed what an earlier demo left in {claim.path}")
        for problem in left:
            console.say(f"  left: {problem}")


def _machine(claim: Claim, tools: Tools) -> Ground:
    console = tools.console
    console.heading("A machine to try it on")
    console.say("Three empty drives and a network, made of files and namespaces. Nothing else")
    console.say("here is touched, and all of it is removed at the end.")
    ground = make_ground(claim, is_root=tools.is_root, say=console.command)
    for reason in ground.lacking:
        console.say(textwrap.fill(f"Note: {reason}.", 80))
    return ground


def _clear(claim: Claim, console: Console) -> tuple[str, ...]:
    try:
        console.heading("Remove everything the demo made")
    finally:
        left = remove(claim)  # also where the terminal is gone and nothing can be said any more
    for problem in left:
        console.say(f"left: {problem}")
    if not left:
        console.say("No mount, loop device, namespace, process or file of it is left.")
    return left


class _Story:
    """The commands, once there is a machine."""

    def __init__(self, claim: Claim, ground: Ground, tools: Tools) -> None:
        self._ground = ground
        self._tools = tools
        self._console = tools.console
        self._profile = claim.path / FILE_NAME
        self._plan_file = claim.path / "plan.json"
        self._settings = {"NODEAGENT_PROFILE": str(self._profile), "NODEAGENT_STATE_DIR": str(claim.path / "state")}
        # Only what the demo made may be changed; where it could make nothing, nothing is.
        self._may_apply = ground.namespace is not None or any(drive.image for drive in ground.drives)

    def tell(self) -> None:
        self._write_profile()
        self._plan()
        if self._may_apply:
            self._apply()
        self._verify()
        self._bench()
        self._report()
        self._metrics()
        if self._may_apply:
            self._roll_back()

    def _write_profile(self) -> None:
        self._console.heading("The profile: what is wanted")
        self._profile.write_text(write_profile(self._ground), encoding="utf-8")
        for name, value in self._settings.items():
            self._console.command(f"export {name}={shlex.quote(value)}")
        self._tools.remember(self._settings)
        self._console.server("nodeagent profile show NAME")
        self._run("profile", "validate", str(self._profile))

    def _plan(self) -> None:
        self._console.heading("plan: what would be changed, and what for")
        self._console.server("nodeagent tune plan --profile NAME --out FILE")
        self._run("tune", "plan", "--out", str(self._plan_file))

    def _apply(self) -> None:
        self._console.heading("apply: each old value is on disk before it is changed")
        self._console.server("nodeagent tune apply FILE --confirm-within 5m")
        self._run("tune", "apply", str(self._plan_file), "--allow", "destructive")

    def _verify(self) -> None:
        self._console.heading("verify: is it as wanted now? Only looks")
        self._console.server("nodeagent tune verify --profile NAME")
        allowed = (ExitCode.OK,) if self._may_apply else (ExitCode.OK, ExitCode.DIFFERS)
        self._run("tune", "verify", allowed=allowed)

    def _bench(self) -> None:
        # What could not be measured (a tool is missing) is a result, which the report shows.
        self._console.heading("bench: is it as fast as it should be? About a minute")
        self._console.server("nodeagent bench run --profile NAME --stage production")
        self._run("bench", "run", "--stage", STAGE, "--quick", allowed=(*_DECISIONS, ExitCode.ERROR), inside=False)

    def _report(self) -> None:
        self._console.heading("report: may it go into production?")
        self._console.server("nodeagent report --profile NAME --stage production")
        self._tools.results.mkdir(parents=True, exist_ok=True)
        self._run("report", "--stage", STAGE, "--out", str(self._tools.results / REPORT), allowed=_DECISIONS)

    def _metrics(self) -> None:
        self._console.heading("serve: the same as Prometheus metrics, on loopback")
        self._console.server("nodeagent serve --profile NAME --stage production")
        self._console.server("curl http://127.0.0.1:10997/metrics")
        arguments = ("--stage", STAGE, "--listen", "127.0.0.1:0")
        self._console.command(_typed("serve", *arguments))
        page = self._tools.scrape(arguments, self._ground.namespace)
        (self._tools.results / METRICS).write_text(page, encoding="utf-8")
        lines = page.splitlines()
        self._console.say("\n".join(line for line in lines if _EXCERPT.match(line)))
        self._console.say(f"({len(lines)} lines in all, in {self._tools.results / METRICS})")

    def _roll_back(self) -> None:
        self._console.heading("rollback: exactly what was there before")
        self._console.server("nodeagent tune rollback")
        # Making a filesystem cannot be undone, which the rollback says and the exit code tells.
        self._run("tune", "rollback", allowed=tuple(ExitCode))

    def _run(self, *arguments: str, allowed: tuple[int, ...] = (ExitCode.OK,), inside: bool = True) -> None:
        """Run one command; `inside` the demo's network namespace, whose settings are its own."""
        typed = _typed(*arguments)
        self._console.command(typed)
        code = self._tools.run(arguments, namespace=self._ground.namespace if inside else None)
        if code not in allowed:
            raise NodeagentError(
                f"the demo stops here: `{typed}` ended with exit code {code}",
                remedy="what it printed above says why; nodeagent host doctor says what this machine lacks",
            )


def _typed(*arguments: str) -> str:
    return shlex.join(("nodeagent", *arguments))
