"""The manual pages: nodeagent(1) and one for each noun, made from the help texts so that neither can fall behind.

    python -m nodeagent.cli.manual DIRECTORY

click-man makes a page of each verb and finds none behind commands that are imported when they are run.

Sources: man-pages(7), groff_man(7).
"""

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from nodeagent.cli.help import COMMANDS, HELP
from nodeagent.cli.root import root
from nodeagent.model.errors import ExitCode
from nodeagent.version import VERSION

_LITERAL = "\b"
"""A paragraph of a help text that begins with this line keeps its lines (click)."""


_SUMMARY = "tune a bare-metal node, prove how fast it is, and say whether it may go into production"


def write_pages(directory: Path) -> tuple[Path, ...]:
    """Write every page into `directory`, which is made; what was there under their names is replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        path = directory / f"{name}.1"
        path.write_text(text)
        written.append(path)
    return tuple(written)


def pages() -> dict[str, str]:
    """The pages by their names, in the language of man(7)."""
    with click.Context(root, info_name="nodeagent") as context:
        found = {"nodeagent": _page("nodeagent", _SUMMARY, [*_front(), *_ending(list(COMMANDS))])}
        for noun, summary in COMMANDS.items():
            command = root.get_command(context, noun)
            assert command is not None  # the table is what the group knows
            body = [*_described(command, context, f"nodeagent {noun}"), *_ending([])]
            found[f"nodeagent-{noun}"] = _page(f"nodeagent-{noun}", summary, body)
    return found


def _page(name: str, summary: str, body: list[str]) -> str:
    head = [
        f'.TH {name.upper()} 1 "" "nodeagent {VERSION}" "nodeagent"',
        ".SH NAME",
        f"{_plain(name)} \\- {_plain(summary.rstrip('.'))}",
    ]
    return "\n".join([*head, *body]) + "\n"


def _front() -> Iterator[str]:
    """The page that `nodeagent --help` prints, in its parts."""
    usage, description, _, options, _ = HELP.split("\n\n")
    yield from (".SH SYNOPSIS", _plain(usage.removeprefix("Usage: ")))
    yield from (".SH DESCRIPTION", *_text(description))
    yield ".SH COMMANDS"
    for noun, summary in COMMANDS.items():
        yield from (".TP", f"\\fB{_plain(noun)}\\fR", f"{_plain(summary)} See {_reference(f'nodeagent-{noun}')}.")
    yield ".SH OPTIONS"
    for line in options.splitlines()[1:]:
        names, _, text = line.strip().partition("  ")
        yield from (".TP", f"\\fB{_plain(names)}\\fR", _plain(text.strip()))


def _described(command: click.Command, parent: click.Context, path: str) -> Iterator[str]:
    """A noun with all of its verbs, or a noun that is a command itself."""
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    yield from (".SH SYNOPSIS", _usage(command, context, path))
    yield from (".SH DESCRIPTION", *_text(command.help or ""))
    if not isinstance(command, click.Group):
        yield from (".SH OPTIONS", *_options(command, context))
        return
    yield ".SH COMMANDS"
    for name in command.list_commands(context):
        verb = command.get_command(context, name)
        if verb is None or verb.hidden:
            continue
        inner = click.Context(verb, info_name=name, parent=context)
        yield f'.SS "{_plain(f"{path} {name}")}"'
        yield from (_usage(verb, inner, f"{path} {name}"), ".PP", *_text(verb.help or ""), *_options(verb, inner))


def _usage(command: click.Command, context: click.Context, path: str) -> str:
    return f"\\fB{_plain(path)}\\fR {_plain(' '.join(command.collect_usage_pieces(context)))}"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None:
            names, text = record
            yield from (".TP", f"\\fB{_plain(names)}\\fR", _plain(" ".join(text.split())))


def _text(text: str) -> Iterator[str]:
    for paragraph in cleandoc(text).split("\n\n"):
        lines = paragraph.splitlines()
        if lines and lines[0] == _LITERAL:
            yield from (".PP", ".nf", *map(_plain, lines[1:]), ".fi")
        elif lines:
            yield from (".PP", _plain(" ".join(line.strip() for line in lines)))


def _ending(nouns: list[str]) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from (".TP", f"\\fB{int(code)}\\fR", _plain(code.meaning))
    yield ".SH SEE ALSO"
    yield ", ".join(_reference(name) for name in ([f"nodeagent-{noun}" for noun in nouns] or ["nodeagent"]))


def _reference(name: str) -> str:
    return f"\\fB{_plain(name)}\\fR(1)"


def _plain(text: str) -> str:
    """Nothing in it is an order to troff, and a hyphen is the one that a shell takes."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m nodeagent.cli.manual DIRECTORY")
    write_pages(Path(sys.argv[1]))
