"""The JSON Schema that editors use is the one of the types, and takes whatever the loader takes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from nodeagent.profiles.schema import json_schema, targets_json_schema
from nodeagent.profiles.search import shipped_directory
from nodeagent.tune.tunables import TUNABLES

_PROFILES = Path(__file__).parents[3] / "profiles"
_TYPES = {tunable.name: tunable.Settings for tunable in TUNABLES}
_MADE: dict[str, Callable[[], dict[str, Any]]] = {
    "profile": lambda: json_schema(_TYPES),
    "targets": targets_json_schema,
}


@pytest.mark.parametrize("name", _MADE)
def test_the_checked_in_schema_is_the_generated_one(name: str) -> None:
    kept = (_PROFILES / "schema" / f"{name}.schema.json").read_text()
    assert json.dumps(_MADE[name](), indent=2) + "\n" == kept, (
        f"run: nodeagent profile schema {name} > profiles/schema/{name}.schema.json"
    )


@pytest.mark.parametrize("name", _MADE)
def test_the_schema_is_a_valid_schema(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(_MADE[name]())


def _documents() -> list[tuple[str, Path]]:
    profiles = [("profile", path) for path in sorted(shipped_directory().glob("*.yaml"))]
    return profiles + [("targets", path) for path in sorted(shipped_directory().glob("targets/*.yaml"))]


@pytest.mark.parametrize(("name", "path"), _documents(), ids=lambda value: getattr(value, "stem", value))
def test_every_shipped_document_is_valid_as_an_editor_reads_it(name: str, path: Path) -> None:
    jsonschema.validate(YAML(typ="safe").load(path.read_text()), _MADE[name]())


@pytest.mark.parametrize("name", ["profile", "targets"])
def test_every_shipped_document_names_its_schema_in_the_first_line(name: str) -> None:
    for kind, path in _documents():
        if kind == name:
            line = path.read_text().splitlines()[0]
            named = line.removeprefix("# yaml-language-server: $schema=")
            assert (path.resolve().parent / named).resolve() == _PROFILES / "schema" / f"{name}.schema.json"


_HEAD = {"schema": 1, "summary": "x"}


@pytest.mark.parametrize(
    "tune",
    [
        {"sysctl": {"vm.swappiness": 10}},
        {"sysctl": {"vm.swappiness": "<=10", "a.b": {"mode": "warn"}}},
        {"block-queue": [{"name": "x", "nr_requests": 128}]},
        {"block-queue": [{"name": "x", "nr_requests": "128", "read_ahead_kb": ">=128"}]},
        {
            "block-queue": [
                {"name": "x", "devices": {"size_at_least_bytes": "15TB", "rotational": "false", "serial": 17}}
            ]
        },
        {"filesystem": [{"mount_point": "/mnt/x", "owner": 1000, "options": ["noatime"], "mode": 755}]},
    ],
)
def test_what_the_loader_takes_an_editor_takes(tune: dict[str, Any]) -> None:
    jsonschema.validate({**_HEAD, "tune": tune}, json_schema(_TYPES))


@pytest.mark.parametrize(
    "document",
    [
        {"schema": 1},
        {**_HEAD, "tunee": {}},
        {**_HEAD, "schema": 2},
        {**_HEAD, "tune": {"sysctll": {}}},
        {**_HEAD, "tune": {"sysctl": {"a.b": {"value": 1, "mod": "warn"}}}},
        {**_HEAD, "tune": {"sysctl": {"a.b": [1]}}},
        {**_HEAD, "tune": {"block-queue": [{"name": "x", "nr_requests": 2}]}},
        {**_HEAD, "tune": {"block-queue": [{"name": "x", "scheduler": "Bfq"}]}},
        {**_HEAD, "extends": "workstation"},
    ],
)
def test_an_editor_tells_the_common_mistakes(document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema(_TYPES))
