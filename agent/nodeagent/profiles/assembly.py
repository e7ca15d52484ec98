"""From the files of a profile to a Profile: every file read, merged and typed, or every fault of all of them told.

Each file is checked on its own first, so that a fault can't hide behind a later file that stands over it, and then
the merged whole. The result knows where each value comes from (`Setting.origin`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from nodeagent.model.profile import BenchmarkSetting, Override, Profile, ValidatorSetting
from nodeagent.profiles import document, plain
from nodeagent.profiles.binding import Binder, Spot
from nodeagent.profiles.document import Scalar
from nodeagent.profiles.layers import Layer, LayerReader
from nodeagent.profiles.merge import leave_out, merge, tell_twice_labelled
from nodeagent.profiles.problems import Problems, nearest, shown
from nodeagent.profiles.profile_document import CheckedDocument, ProfileDocument, ValidatorSection, merged_shape
from nodeagent.profiles.search import is_name, is_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A profile's files and what they come to, still as nodes."""

    layers: tuple[Layer, ...]
    node: document.Mapping
    shape: Mapping[str, Any]

    @property
    def own(self) -> Layer:
        return self.layers[-1]


def assemble(
    path: Path,
    reference: str | Path,
    settings_types: Mapping[str, Any],
    search: Sequence[Path],
    benchmarks: Collection[str],
) -> tuple[Profile, tuple[Layer, ...]]:
    """The profile of a file, and the files it was made of; ProfileError as `load_profile`."""
    problems = Problems()
    merged = read_merged(path, settings_types=settings_types, search=search, problems=problems)
    profile = _bind(merged, settings_types, problems) if merged else None
    if profile and merged:
        _tell_unknown_benchmarks(profile.benchmarks, benchmarks, merged, problems)
        _tell_other_name(profile.name, reference, merged, problems)
    problems.raise_if_any(f"profile {shown(str(reference))}")
    if profile is None or merged is None:
        raise AssertionError("a profile that can't be made has a problem")
    return profile, merged.layers


def read_merged(
    path: Path, *, settings_types: Mapping[str, Any], search: Sequence[Path], problems: Problems
) -> Merged | None:
    """A profile's files, merged but not yet typed; None where the file itself can't be read."""
    layers = LayerReader(search, problems).read(path)
    if not layers or layers[-1].path != path:
        return None
    shape = merged_shape(settings_types)
    base = document.Mapping(entries={}, key_marks={}, mark=layers[-1].node.mark)
    for layer in layers:
        tell_twice_labelled(layer.node, shape, "", problems)
        for wanted in _scalars(layer.node.entries.get("leave_out")):
            base = leave_out(base, wanted, shape, problems)
        over = _only(layer.node, shape)
        merged = merge(base, over, shape)
        assert isinstance(merged, document.Mapping)  # two mappings merge to one
        base = merged
    return Merged(layers=layers, node=base, shape=shape)


def _scalars(node: document.Node | None) -> tuple[Scalar, ...]:
    items = node.items if isinstance(node, document.Sequence) else ()
    return tuple(item for item in items if isinstance(item, Scalar))


def _only(node: document.Mapping, keys: Collection[str]) -> document.Mapping:
    entries = {key: entry for key, entry in node.entries.items() if key in keys}
    return document.Mapping(entries=entries, key_marks=node.key_marks, mark=node.mark)


def _bind(merged: Merged, settings_types: Mapping[str, Any], problems: Problems) -> Profile | None:
    binders = _Binders(settings_types)
    for layer in merged.layers[:-1]:
        binders.check(layer.node, problems)
    own = merged.own.node
    if len(merged.layers) > 1:
        binders.check(own, problems)
    whole = document.Mapping(
        entries={**own.entries, **merged.node.entries},
        key_marks={**own.key_marks, **merged.node.key_marks},
        mark=own.mark,
    )
    typed, tune = binders.bind(whole, problems)
    if typed is None or problems:
        return None
    left_out = dict.fromkeys(wanted.text for layer in merged.layers for wanted in _left_out(layer))
    return Profile(
        name=typed.name or merged.own.path.stem,
        summary=typed.summary,
        digest=_digest(typed, tune),
        files=tuple(str(layer.path) for layer in merged.layers),
        tune=tune,
        places=typed.places,
        benchmarks=typed.benchmarks,
        match=typed.match,
        validator=ValidatorSetting(unit=typed.validator.unit, also=typed.validator.also),
        overrides=tuple(Override(id=entry.id, why=entry.why) for entry in typed.overrides),
        left_out=tuple(left_out),
        placement=typed.placement,
    )


def _left_out(layer: Layer) -> tuple[Scalar, ...]:
    return _scalars(layer.node.entries.get("leave_out"))


class _Binders:
    """One binder for the document and one for each tunable that it names, made when first needed."""

    def __init__(self, settings_types: Mapping[str, Any]) -> None:
        self._types = settings_types
        self._document = Binder.of(CheckedDocument)
        self._made: dict[str, Binder] = {}

    def check(self, node: document.Mapping, problems: Problems) -> None:
        """Note what is wrong with one file, whatever others say."""
        self.bind(node, problems, partial=True)

    def bind(
        self, node: document.Mapping, problems: Problems, *, partial: bool = False
    ) -> tuple[ProfileDocument | None, dict[str, Any]]:
        typed = self._document.bind(node, (), problems, partial=partial)
        tune = node.entries.get("tune")
        if not isinstance(tune, document.Mapping):
            return typed, {}
        settings = {}
        for name, below in tune.entries.items():
            binder = self._binder(name)
            if binder is None:
                self._tell_unknown(tune, name, problems)
            else:
                settings[name] = binder.bind(below, ("tune", name), problems, partial=partial)
        return typed, settings

    def _binder(self, name: str) -> Binder | None:
        if name not in self._types:
            return None
        if name not in self._made:
            self._made[name] = Binder.of(self._types[name])
        return self._made[name]

    def _tell_unknown(self, tune: document.Mapping, name: str, problems: Problems) -> None:
        near = nearest(name, self._types)
        problems.add(
            tune.key_marks[name], "there is no tunable of this name", path=f"tune.{name}", got=shown(name), nearest=near
        )


def _digest(typed: ProfileDocument, tune: Mapping[str, Any]) -> str:
    """Over what is wanted and nothing else: not names, not reasons, not where it was written."""
    wanted = {
        "match": typed.match,
        "tune": dict(sorted(tune.items())),
        "places": typed.places,
        "benchmarks": typed.benchmarks,
        **({"placement": typed.placement} if typed.placement else {}),
        **({"overrides": sorted(entry.id for entry in typed.overrides)} if typed.overrides else {}),
        **({"validator": typed.validator} if typed.validator != ValidatorSection() else {}),
    }
    text = dumps(plain.to_plain(wanted, without=("why", "source", "origin")), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _tell_unknown_benchmarks(
    settings: Sequence[BenchmarkSetting], known: Collection[str], merged: Merged, problems: Problems
) -> None:
    for at, setting in enumerate(settings):
        if known and setting.benchmark not in known:
            spot = Spot.at(merged.node, ("benchmarks", at, "benchmark"), below=())
            got, near = shown(setting.benchmark), nearest(setting.benchmark, known)
            problems.add(spot.mark, "there is no benchmark of this name", path=spot.text, got=got, nearest=near)


def _tell_other_name(name: str, reference: str | Path, merged: Merged, problems: Problems) -> None:
    spot = Spot.at(merged.own.node, ("name",), below=())
    if not is_name(name):
        problems.add(spot.mark, "the file's name is no profile name; give it one with 'name:'", got=shown(name))
    elif not is_path(reference) and name != reference:
        problems.add(spot.mark, f"is found as {reference!r}, so its name must be that", path="name", got=shown(name))
