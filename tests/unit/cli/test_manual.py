"""The manual pages say all that --help says, and nothing in a help text is an order to troff."""

from pathlib import Path

import click
import pytest

from nodeagent.cli.help import COMMANDS
from nodeagent.cli.manual import pages, write_pages
from nodeagent.cli.root import root
from nodeagent.model.errors import ExitCode

PAGES = pages()


def _words(page: str) -> str:
    return page.replace("\\-", "-").replace("\\(dq", '"').replace("\\e", "\\")


def test_there_is_a_page_for_the_program_and_for_each_noun() -> None:
    assert set(PAGES) == {"nodeagent", *(f"nodeagent-{noun}" for noun in COMMANDS)}
    assert all(f"nodeagent-{noun}" in _words(PAGES["nodeagent"]) for noun in COMMANDS)


@pytest.mark.parametrize("noun", COMMANDS)
def test_a_page_names_every_verb_and_every_shown_option_of_its_noun(noun: str) -> None:
    page = _words(PAGES[f"nodeagent-{noun}"])
    with click.Context(root, info_name="nodeagent") as context:
        command = root.get_command(context, noun)
        assert command is not None
        verbs = [command]
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            assert all(f'.SS "nodeagent {noun} {name}"' in page for name in names)
            verbs = [found for name in names if (found := command.get_command(context, name)) is not None]
        shown = [option for verb in verbs for option in verb.params if not getattr(option, "hidden", False)]
        options = [name for option in shown for name in option.opts if name.startswith("--")]
    assert options or noun == "completion"
    assert [name for name in options if name not in page] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_and_ends_as_a_manual_page(name: str) -> None:
    lines = PAGES[name].splitlines()
    assert lines[0].startswith(f".TH {name.upper()} 1 ")
    assert lines[1] == ".SH NAME"
    sections = [line for line in lines if line.startswith(".SH ")]
    assert sections[-2:] == [".SH EXIT STATUS", ".SH SEE ALSO"]
    assert all(_words(PAGES[name]).count(f"\\fB{int(code)}\\fR") == 1 for code in ExitCode)


@pytest.mark.parametrize("name", PAGES)
def test_only_orders_that_were_meant_begin_a_line(name: str) -> None:
    orders = {line.split()[0] for line in PAGES[name].splitlines() if line.startswith((".", "'"))}
    assert orders <= {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi"}
    assert PAGES[name].count(".nf\n") == PAGES[name].count(".fi\n")
    assert "\b" not in PAGES[name]


def test_pages_are_written_anew_over_old_ones(tmp_path: Path) -> None:
    first = write_pages(tmp_path / "man")
    first[0].write_text("old")
    assert write_pages(tmp_path / "man") == first
    assert {path.stem: path.read_text() for path in first} == PAGES
