"""The tables of a README: what a configuration needs, takes, makes and gives, as its files say.

They stand between two marks, those of terraform-docs, so that it can take over where it is installed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from house_lint.configuration import META, Configuration

BEGIN = "<!-- BEGIN_TF_DOCS -->"
END = "<!-- END_TF_DOCS -->"
_BETWEEN = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)


class NoMarksError(Exception):
    """A README without the two marks between which the tables stand."""


def with_tables(readme: str, configuration: Configuration) -> str:
    """The text of a README with its tables as they should be. Raises NoMarksError."""
    if not _BETWEEN.search(readme):
        raise NoMarksError(f"wanted the lines {BEGIN} and {END}")
    tables = "\n\n".join(_tables(configuration))
    return _BETWEEN.sub(lambda _: f"{BEGIN}\n{tables}\n{END}", readme)


def readme(configuration: Configuration) -> Path:
    """Where the tables of a configuration stand."""
    return configuration.directory / "README.md"


def _tables(configuration: Configuration) -> Iterator[str]:
    yield _table("Requirements", ("Name", "Version"), list(_requirements(configuration)))
    made = {f"`{'.'.join(entry.labels)}`": entry for entry in configuration.of("resource", "data", "module")}
    kinds = [(name, _source(entry.body) if entry.kind == "module" else entry.kind) for name, entry in made.items()]
    if kinds:
        yield _table("What it makes and reads", ("Name", "Kind"), kinds)
    inputs = sorted(configuration.of("variable"), key=lambda variable: ("default" in variable.body, variable.name))
    if inputs:
        rows = [(f"`{entry.name}`", _text(entry.body), *_type_and_default(entry.body)) for entry in inputs]
        yield _table("Inputs", ("Name", "Description", "Type", "Default"), rows)
    outputs = sorted(configuration.of("output"), key=lambda output: output.name)
    if outputs:
        given = [(f"`{entry.name}`", _text(entry.body), _sensitive(entry.body)) for entry in outputs]
        yield _table("Outputs", ("Name", "Description", "Sensitive"), given)


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join([f"## {title}", "", *("| " + " | ".join(line) + " |" for line in lines)])


def _requirements(configuration: Configuration) -> Iterator[tuple[str, str]]:
    for block in configuration.of("terraform"):
        if "required_version" in block.body:
            yield "terraform", f"`{block.body['required_version']}`"
        for required in block.blocks("required_providers"):
            for name, provider in required.items():
                if name not in META:
                    yield f"{name} ({provider['source']})", f"`{provider['version']}`"


def _source(body: Mapping[str, Any]) -> str:
    return f"module `{body['source']}`"


def _sensitive(body: Mapping[str, Any]) -> str:
    return "yes" if body.get("sensitive") else ""


def _text(body: Mapping[str, Any]) -> str:
    return " ".join(str(body.get("description", "")).split()).replace("|", r"\|")


def _type_and_default(body: Mapping[str, Any]) -> tuple[str, str]:
    default = f"`{_hcl(body['default'])}`" if "default" in body else "required"
    return f"`{_expression(str(body['type']))}`".replace("|", r"\|"), default.replace("|", r"\|")


def _expression(text: str) -> str:
    inside = re.fullmatch(r"\$\{(.*)\}", text, re.DOTALL)
    return " ".join((inside[1] if inside else text).split())


def _hcl(value: object) -> str:
    """A default as it would be written in one line."""
    if isinstance(value, Mapping):
        pairs = (f"{name} = {_hcl(entry)}" for name, entry in value.items() if name not in META)
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_hcl, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return value[2:-1] if value.startswith("${") else f'"{value}"'
    return str(value)
