"""`tune explain`: one tunable in full, from its own file: why, sources, risk, needs, and what the profile sets."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from textwrap import wrap

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import Terminal, Tone, print_json
from nodeagent.cli.placement_view import placement_document, placement_lines
from nodeagent.cli.tune_finding_view import wrapped
from nodeagent.model.errors import UsageError
from nodeagent.model.setting import Bound, Setting
from nodeagent.tune.asking import find_tunable, unsupported
from nodeagent.tune.lazy_tunable import loaded
from nodeagent.tune.placement import placed
from nodeagent.tune.tunable import AnyTunable, UsesRoles
from nodeagent.tune.tunables import TUNABLES


def show(terminal: Terminal, *, tunable: str, profile: str | None, root: Path, as_json: bool) -> None:
    found = loaded(find_tunable(tunable, TUNABLES))
    asked = tune_setup.load(profile, tune_setup.state_of(root)) if profile else None
    if asked and tunable not in asked.tune:
        raise UsageError(f"profile {asked.name} does not set {tunable}", remedy=f"nodeagent profile show {asked.name}")
    with tune_setup.opened(root) as host:
        facts = placed(host.facts(), asked) if asked else host.facts()
        reason = unsupported(host, found, facts)
    settings = list(named_settings(asked.tune[tunable])) if asked else []
    roles = found.roles if isinstance(found, UsesRoles) else ()
    placement = facts.placement if roles else None
    if as_json:
        print_json(
            {
                "tunable": found.name,
                "summary": found.summary,
                "explanation": _essay(found),
                "risk": found.risk,
                "needs": found.needs,
                "sources": found.sources,
                "supported": not reason,
                "reason": reason,
                "settings": [{"name": name, **_setting_document(setting)} for name, setting in settings],
                "placement": placement_document(placement, roles) if placement else None,
            },
            kind="tune.explain",
        )
        return
    for line in _lines(found, reason, settings, terminal):
        click.echo(line)
    if placement is not None:
        click.echo()
        for line in placement_lines(placement, roles, terminal, width=tune_setup.width_of(terminal)):
            click.echo(line)


def named_settings(value: object, name: str = "") -> Iterator[tuple[str, Setting[object]]]:
    """Every Setting inside a tunable's settings, with its place as a profile writes it (`nvme.scheduler`)."""
    if isinstance(value, Setting):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from named_settings(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            label = getattr(item, "name", None) or getattr(item, "role", None) or str(number)
            yield from named_settings(item, f"{name}.{label}" if name else str(label))
    elif is_dataclass(value):
        for field in fields(value):
            yield from named_settings(getattr(value, field.name), f"{name}.{field.name}" if name else field.name)


def _lines(
    tunable: AnyTunable, reason: str, settings: list[tuple[str, Setting[object]]], terminal: Terminal
) -> Iterator[str]:
    width = tune_setup.width_of(terminal)
    yield f"{terminal.style(tunable.name, Tone.STRONG)}: {tunable.summary}"
    yield ""
    for paragraph in _essay(tunable).split("\n\n"):
        yield from wrapped(" ".join(paragraph.split()), width, terminal=terminal, tone=Tone.FAINT, indent="")
        yield ""
    yield f"risk       {tunable.risk.value}"
    yield f"supported  {f'no: {reason}' if reason else 'yes'}"
    for number, need in enumerate(tunable.needs):
        label = f"{'needs' if number == 0 else '':<11}"
        lines = wrap(f"{need.name}: {need.reason}", width - 11)
        yield label + lines[0]
        yield from (" " * 11 + line for line in lines[1:])
    for number, source in enumerate(tunable.sources):
        yield f"{'sources' if number == 0 else '':<11}{source}"
    if settings:
        yield ""
        yield terminal.style("Settings of the profile", Tone.STRONG)
    for name, setting in settings:
        yield f"  {name}: {_wanted(setting)}"
        for text in filter(None, (setting.why, setting.source, setting.origin)):
            yield from wrapped(text, width, terminal=terminal)


def _wanted(setting: Setting[object]) -> str:
    bound = "" if setting.bound is Bound.EXACTLY else f"{setting.bound.value} "
    return f"{bound}{setting.value} ({setting.mode.value})"


def _setting_document(setting: Setting[object]) -> dict[str, object]:
    return {
        "value": str(setting.value),
        "bound": setting.bound,
        "mode": setting.mode,
        "why": setting.why,
        "source": setting.source,
        "origin": setting.origin,
    }


def _essay(tunable: AnyTunable) -> str:
    """What the head of the tunable's file says, without its first words, which repeat name and summary."""
    module = sys.modules[tunable.judge.__module__]
    text = inspect.getdoc(module) or ""
    return text.removeprefix(f"{tunable.name}: ")
