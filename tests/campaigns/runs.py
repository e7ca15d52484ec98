"""What a forked child of a campaign does: apply, or roll everything back, with nothing but the engine around it."""

import gc
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from nodeagent.model.errors import ExitCode, NodeagentError
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.apply_result import Order
from nodeagent.tune.plan import make_plan
from nodeagent.tune.rollback import rollback
from nodeagent.tune.session import open_session
from tests.campaigns.grounds import Ground
from tests.campaigns.injection import plain


def applying(ground: Ground, state: Path) -> Callable[[], int]:
    """Plan and apply the ground's profile; the exit code of `nodeagent tune apply`."""

    def run() -> int:
        with open_session(ground.host, state, command="campaign apply") as session:
            tidy_up(session)
            plan = make_plan(ground.host, ground.profile, ground.read_facts(), ground.tunables, created_at=0.0)
            order = Order(
                plan=plan,
                profile=ground.profile,
                tunables=ground.tunables,
                read_facts=ground.read_facts,
                allow=ground.allow,
            )
            result = apply(session, order)
        os.write(2, f"{result.outcome}: {result.problem}\n".encode())
        return int(result.exit_code)

    return _as_command(run)


def rolling_back(ground: Ground, state: Path) -> Callable[[], int]:
    """Tidy up and roll everything back; the exit code of `nodeagent tune rollback`."""

    def run() -> int:
        with open_session(ground.host, state, command="campaign rollback") as session:
            result = rollback(session)
        for step in (*result.recovered, *result.steps):
            os.write(2, f"{step.fate} {step.key} {step.detail}\n".encode())
        return int(result.exit_code)

    return _as_command(run)


def import_ahead(ground: Ground, state: Path) -> None:
    """Import here what an apply and its rollback import, so that the children's calls are about the machine only."""
    told = ground.directory / "modules"

    def run() -> int:
        applying(ground, state)()
        rolling_back(ground, state)()
        return told.write_text("\n".join(sys.modules)) and 0

    plain(run)
    for name in told.read_text().splitlines():
        with suppress(ImportError):
            import_module(name)
    told.unlink()
    gc.freeze()  # A collection in a child would copy every page that it shares with us.
    shutil.rmtree(state)
    if ground.snapshot() != ground.original or not ground.reversible:
        ground.reset()


def _as_command(run: Callable[[], int]) -> Callable[[], int]:
    """An error of ours is an exit code and a message; any other exception is a traceback, and the campaign fails."""

    def command() -> int:
        try:
            return run()
        except NodeagentError as error:
            os.write(2, f"{type(error).__name__}: {error.message}\n".encode())
            return int(error.exit_code or ExitCode.ERROR)

    return command
