"""Every noun of the table is there, answers --help, and keeps the promises of the command line as a whole."""

import importlib
from collections.abc import Iterator

import click
import pytest

from nodeagent.cli.help import COMMANDS
from nodeagent.cli.main import main
from nodeagent.model.errors import ExitCode


def _load(name: str) -> click.Command:
    command: click.Command = importlib.import_module(f"nodeagent.cli.{name}").command
    return command


def _all_commands() -> Iterator[tuple[str, ...]]:
    for noun in COMMANDS:
        yield (noun,)
        command = _load(noun)
        if isinstance(command, click.Group):
            with click.Context(command) as context:
                yield from ((noun, verb) for verb in command.list_commands(context))


EVERY_COMMAND = sorted(_all_commands())


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_command_has_a_help_page_for_people(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == ExitCode.OK
    page = capsys.readouterr().out
    assert page.startswith(f"Usage: nodeagent {' '.join(words)}")
    sentence = page.splitlines()[2].strip()
    assert sentence, "a help page starts with a sentence"


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_command_refuses_an_unknown_option(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--no-such-option"]) == ExitCode.USAGE
    output = capsys.readouterr()
    assert output.out == ""
    assert "No such option" in output.err


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_option_says_what_it_does(words: tuple[str, ...]) -> None:
    command = _load(words[0])
    if len(words) > 1:
        assert isinstance(command, click.Group)
        with click.Context(command) as context:
            found = command.get_command(context, words[1])
        assert found is not None
        command = found
    silent = [
        parameter.opts[-1]
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden and not parameter.help
    ]
    assert silent == []
