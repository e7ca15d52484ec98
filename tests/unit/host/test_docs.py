"""The reference page names every key that `host show` prints, and its example is a capture."""

import dataclasses
import re
import typing
from pathlib import Path

from nodeagent.host.archive import parse_archive
from nodeagent.model.facts import HostFacts

PAGE = (Path(__file__).parents[3] / "docs" / "host.md").read_text()


def keys(kind: type) -> set[str]:
    """Names of all fields of a dataclass and of those in its fields, whatever they are wrapped in.

    A placement is what a profile makes of a machine, and not shown with it; facts only name its type.
    """
    found = set()
    hints = typing.get_type_hints(kind, localns={"Placement": object})
    for each in dataclasses.fields(kind):
        if each.name == "placement":
            continue
        found.add(each.name)
        waiting = [hints[each.name]]
        while waiting:
            inner = waiting.pop()
            waiting.extend(typing.get_args(inner))
            if dataclasses.is_dataclass(inner) and isinstance(inner, type) and inner.__name__ != "CpuSet":
                found |= keys(inner)
    return found


def test_every_key_is_explained() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)(?:\[\])?`", PAGE))
    assert keys(HostFacts) - named == set()


def test_the_example_is_a_capture() -> None:
    example = PAGE.partition("## Captures")[2].split("```\n")[1]
    archive = parse_archive(example, name="docs/host.md")
    assert archive.entries[0].path == "/proc/sys/vm/swappiness"
    assert len(archive.entries) == 4
