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
@click.option("--debug", is_flag=True)
@click.pass_context
def root(context: click.Context, *, color: str, debug: bool) -> None:
    terminal = Terminal.of(stream=sys.stdout, choice=ColorChoice(color), environment=os.environ)
    context.obj = terminal
    context.color = terminal.color
    context.meta["nodeagent.debug"] = debug


def run(arguments: Sequence[str]) -> int:
    """Parse and run; every ending but a failing stdout becomes an exit code here."""
    _interrupt_on_signals()
    _print_odd_bytes()
    debug = "--debug" in arguments
    try:
        return _exit_code(root.main(args=list(arguments), prog_name="nodeagent", standalone_mode=False))
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.ERROR
    except (click.Abort, KeyboardInterrupt):
        click.echo("nodeagent: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except NodeagentError as error:
        if debug:
            raise
        _show(error)
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:
        if debug:
            raise
        click.echo(f"nodeagent: internal error: {type(error).__name__}: {error}", err=True)
        click.echo("next: run it again with --debug and report what it prints", err=True)
        return ExitCode.ERROR


def _exit_code(result: object) -> int:
    """A command returns its exit code, or nothing when all went well."""
    return int(result) if isinstance(result, int) else ExitCode.OK


def _show(error: NodeagentError) -> None:
    click.echo(f"nodeagent: {error.message}", err=True)
    if error.remedy:
        click.echo(f"next: {error.remedy}", err=True)


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
