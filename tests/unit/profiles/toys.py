"""Settings of made-up tunables, so that the loader is tested without any real one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from nodeagent.model.profile import Profile
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Setting
from nodeagent.profiles import load_profile
from nodeagent.profiles.constraint import Check, Fault, Pattern, Range
from nodeagent.profiles.problems import DocumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """One level further down."""

    interval_seconds: Setting[float] | None = None
    on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A list entry with an identity."""

    name: str
    devices: DeviceSelector = DeviceSelector()  # noqa: RUF009 - frozen
    word: Setting[Annotated[str, Pattern("[a-z]+", "a word of small letters")]] | None = None
    depth: Setting[Annotated[int, Range(4, 64)]] | None = None
    options: Setting[tuple[str, ...]] | None = None
    size_bytes: Setting[int] | None = None
    inner: Inner | None = None


def faults(entries: tuple[Entry, ...]) -> Iterator[Fault]:
    for at, entry in enumerate(entries):
        if entry.name == "forbidden":
            yield Fault(path=(at, "name"), problem="is forbidden", nearest="allowed")
        if entry.word and entry.depth:
            yield Fault(path=(at, "word"), problem="not together with depth", at_key=True)


SETTINGS_TYPES: dict[str, Any] = {
    "knobs": dict[str, Setting[str]],
    "entries": Annotated[tuple[Entry, ...], Check(faults)],
}


def write(directory: Path, name: str, text: str, *, head: bool = True) -> Path:
    """A document; `head` puts the keys that every one must have in front."""
    path = directory / f"{name}.yaml"
    start = f"schema: 1\nsummary: the profile {name}\n" if head else ""
    path.write_text(start + text)
    return path


def load(directory: Path, text: str, *, name: str = "top", **more: Any) -> Profile:
    """Write a profile and load it by its path."""
    path = write(directory, name, text)
    return load_profile(path, settings_types=SETTINGS_TYPES, search=[directory], **more)


def problems_of(directory: Path, text: str, *, name: str = "top", head: bool = True) -> list[str]:
    """What is wrong with a profile, a line each, without the directory."""
    path = write(directory, name, text, head=head)
    with pytest.raises(DocumentError) as caught:
        load_profile(path, settings_types=SETTINGS_TYPES, search=[directory])
    told = [str(problem) for problem in caught.value.problems]
    assert caught.value.message.splitlines()[1:] == told
    return [line.replace(f"{directory}/", "") for line in told]
