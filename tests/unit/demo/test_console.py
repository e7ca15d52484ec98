"""How the demo shows a command: what can be pasted, in 80 columns where the words allow it."""

import io
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.cli.demo_stage import StoryConsole, wrapped
from nodeagent.cli.output import Terminal


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("nodeagent tune plan", "$ nodeagent tune plan"),
        (
            "losetup --direct-io=on /dev/loop5330 /var/lib/nodeagent/demo/a1b2c3/accounts-and-more.img",
            "$ losetup --direct-io=on /dev/loop5330 \\\n    /var/lib/nodeagent/demo/a1b2c3/accounts-and-more.img",
        ),
        (
            "nodeagent report --stage local --out /home/somebody/nodeagent-demo-report/a/b/report.html",
            "$ nodeagent report --stage local \\\n    --out /home/somebody/nodeagent-demo-report/a/b/report.html",
        ),
    ],
)
def test_a_long_command_is_broken_before_an_option(command: str, shown: str) -> None:
    assert wrapped(command) == shown


@given(words=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=12))
def test_whatever_is_shown_means_the_same_when_it_is_pasted(words: list[str]) -> None:
    pasted = wrapped(shlex.join(words)).removeprefix("$").replace(" \\\n    ", " ")
    assert shlex.split(pasted) == words


@given(words=st.lists(st.from_regex(r"[a-z/-]{1,40}", fullmatch=True), min_size=1, max_size=12))
def test_no_line_of_short_words_is_longer_than_eighty_columns(words: list[str]) -> None:
    assert all(len(line) <= 80 or len(line.split()) <= 4 for line in wrapped(shlex.join(words)).splitlines())


def test_headings_are_numbered_and_plain_without_colour() -> None:
    out = io.StringIO()
    console = StoryConsole(Terminal(), out)
    console.heading("A")
    console.server("nodeagent tune plan")
    console.heading("B")
    assert out.getvalue() == "\n== 1. A\non a server: nodeagent tune plan\n\n== 2. B\n"
