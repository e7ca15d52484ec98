"""The root command, and what becomes of each way a command can end.

A usage error exits with 64, not click's 2, which means "differs" here as it does for Terraform. A NodeagentError prints
its message and the next command to type. Anything else is a defect of ours, said in one line; `--debug` shows where.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from nodeagent.cli.help import COMMANDS, HELP
from nodeagent.cli.lazy import LazyGroup
from nodeagent.cli.output import ColorChoice, Terminal
from nodeagent.model.errors import ExitCode, NodeagentError
from nodeagent.version import VERSION


class _Root(LazyGroup):
    """The group behind `nodeagent`; its help page is the text that `main` prints without importing click."""

    def get_help(self, ctx: click.Context) -> str:
        return HELP.rstrip()

    def invoke(self, ctx: click.Context) -> object:
        """Click ends a program whose reader went away with exit code 1 and without a word; `main` knows better."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error


class _ReaderGoneError(Exception):
    """A broken pipe under another name, which click lets pass."""


@click.group(
    cls=_Root,
    table=COMMANDS,
    package="nodeagent.cli",
    context_settings={"help_option_names": ["--help"], "max_content_width": 100},
)
@click.version_option(VERSION, message="nodeagent %(version)s")
@click.option(
    "--color",
    type=click.Choice([choice.value for choice in ColorChoice]),
    default=ColorChoice.AUTO.value,
)
@click.option("--debug", is_flag=True, expose_value=False)
@click.pass_context
def root(context: click.Context, *, color: str) -> None:
    terminal = Terminal.of(stream=sys.stdout, choice=ColorChoice(color), environment=os.environ)
    context.obj = terminal
    context.color = terminal.color


def run(arguments: Sequence[str]) -> int:
    """Parse and run; every ending but a broken pipe becomes an exit code here."""
    _interrupt_on_signals()
    _print_odd_bytes()
    try:
        return _exit_code(root.main(args=list(arguments), prog_name="nodeagent", standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        click.echo("nodeagent: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE if isinstance(error, click.UsageError) else ExitCode.ERROR
    except _ReaderGoneError as error:
        raise BrokenPipeError from error
    except Exception as error:
        if "--debug" in arguments:
            raise
        return _report(error)


def _exit_code(result: object) -> int:
    """A command returns its exit code, or nothing when all went well."""
    return int(result) if isinstance(result, int) else ExitCode.OK


def _report(error: Exception) -> ExitCode:
    """Say on stderr what went wrong and what to type next."""
    match error:
        case NodeagentError():
            message, remedy, code = error.message, error.remedy, error.exit_code
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            message, remedy, code = f"{where}{error.strerror or error}", None, ExitCode.ERROR
        case _:
            message = f"internal error: {type(error).__name__}: {error}"
            remedy, code = "run it again with --debug and report what it prints", ExitCode.ERROR
    click.echo(f"nodeagent: {message}", err=True)
    if remedy:
        click.echo(f"next: {remedy}", err=True)
    return code


def _interrupt_on_signals() -> None:
    """Let TERM and a lost terminal unwind as Ctrl-C does, so that nothing a command made is left behind.

    A signal that the caller ignores (nohup) stays ignored.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _print_odd_bytes() -> None:
    """A serial number or a path may hold any byte; printing one must not be what fails."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
