"""JSON Schema of profiles and targets, for editors: generated from the same types that the loader checks.

An editor reads YAML with types of its own, where `1000000` is a number and `off` may be a word, so wherever the loader
takes a text the schema takes any scalar. It knows less than the loader (nothing of what several values together mean),
and everything that the loader accepts it accepts too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from nodeagent.profiles.hints import SETTING_KEYS
from nodeagent.profiles.profile_document import ProfileDocument
from nodeagent.profiles.targets import TargetsDocument

if TYPE_CHECKING:
    from pydantic.json_schema import GenerateJsonSchema

_DRAFT = "http://json-schema.org/draft-07/schema#"
_BOUNDED = r"^(>=|<=)\s*[+-]?[0-9]+(\.[0-9]+)?$"
_SETTING = "A value, or a mapping of value, mode (enforce, warn, ignore), why and source."
_SIZE = r"^[0-9]+(\.[0-9]+)?\s?([kKMGTP]i?)?B?$"


def json_schema(settings_types: Mapping[str, Any]) -> dict[str, Any]:
    """Of a profile document, draft-07; what stands below `tune` comes from the tunables' settings."""
    schema = _schema_of({"profile": ProfileDocument, **{f"tune.{name}": hint for name, hint in settings_types.items()}})
    document, *tunables = (schema["roots"][key] for key in ("profile", *(f"tune.{name}" for name in settings_types)))
    whole = _resolved(document, schema["definitions"])
    whole["properties"]["tune"] = {
        "type": "object",
        "description": "What to set, by tunable; `nodeagent tune list` says what each is about.",
        "properties": dict(zip(settings_types, tunables, strict=True)),
        "additionalProperties": False,
    }
    # An entry may be completed by the profile that it refines, so only the document itself must be complete.
    definitions = {name: _incomplete(definition) for name, definition in schema["definitions"].items()}
    return _finished(whole, definitions, title="nodeagent profile")


def _incomplete(definition: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key != "required"}


def targets_json_schema() -> dict[str, Any]:
    """Of a document with the targets of a stage, draft-07."""
    schema = _schema_of({"targets": TargetsDocument})
    whole = _resolved(schema["roots"]["targets"], schema["definitions"])
    return _finished(whole, schema["definitions"], title="nodeagent targets of a stage")


def _schema_of(hints: Mapping[str, Any]) -> dict[str, Any]:
    """Schemas of several types with common definitions."""
    from pydantic import TypeAdapter

    inputs: list[tuple[str, Literal["validation"], TypeAdapter[Any]]] = [
        (key, "validation", TypeAdapter(hint)) for key, hint in hints.items()
    ]
    roots, common = TypeAdapter.json_schemas(
        inputs, ref_template="#/definitions/{model}", schema_generator=_generator()
    )
    definitions = common.get("$defs", {})
    return {"roots": {key: _for_yaml(roots[key, "validation"]) for key in hints}, "definitions": _for_yaml(definitions)}


def _generator() -> "type[GenerateJsonSchema]":
    """pydantic's, which doesn't know of a setting's short form."""
    from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

    from nodeagent.model.setting import Setting

    class Generator(GenerateJsonSchema):
        def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
            made = super().dataclass_schema(schema)
            made["additionalProperties"] = False
            if schema["cls"] is not Setting:
                return made
            properties = {key: made["properties"][key] for key in SETTING_KEYS}
            value = properties["value"]
            long_form = {
                "type": "object",
                "properties": {**properties, "value": _with_bound(value)},
                "additionalProperties": False,
            }
            return {"anyOf": [_with_bound(value), long_form], "description": _SETTING}

    return Generator


def _with_bound(value: dict[str, Any]) -> dict[str, Any]:
    """A number, or a bound on one; a text without a pattern takes either already."""
    if value.get("type") in ("integer", "number"):
        return {"anyOf": [value, {"type": "string", "pattern": _BOUNDED}]}
    return value


def _for_yaml(node: Any, name: str = "") -> Any:
    """What an editor's YAML can hold where the loader takes a text, without what says nothing to a person."""
    if isinstance(node, list):
        return [_for_yaml(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = _without_null({key: value for key, value in node.items() if key not in ("title", "default", "uniqueItems")})
    if "description" in kept:
        kept["description"] = kept["description"].replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n")
    if kept.get("const") == "1":
        return {"enum": [1, "1"]}
    if "enum" not in kept and isinstance(kept.get("type"), str):
        kept = _scalar(kept, name)
    return {
        key: {name: _for_yaml(item, name) for name, item in value.items()} if key == "properties" else _for_yaml(value)
        for key, value in kept.items()
    }


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """A field that may be left out can't be written as null."""
    arms = [arm for arm in node.get("anyOf", ()) if arm != {"type": "null"}]
    if len(arms) != 1:
        return node
    return {**arms[0], **{key: value for key, value in node.items() if key != "anyOf"}}


def _scalar(node: dict[str, Any], name: str) -> dict[str, Any]:
    """Every way to write a scalar that the loader reads as this type; limits and patterns hold for their own type."""
    match node["type"]:
        case "string" if node.get("pattern") != _BOUNDED:
            return {**node, "type": ["string", "number", "boolean"]}
        case "integer" if name.endswith("_bytes"):
            return {**node, "type": ["integer", "string"], "minimum": 0, "pattern": _SIZE}
        case "integer":
            return {**node, "type": ["integer", "string"], "pattern": "^[+-]?[0-9]+$"}
        case "number":
            return {**node, "type": ["number", "string"], "pattern": r"^[+-]?[0-9]+(\.[0-9]+)?$"}
        case "boolean":
            return {"enum": [True, False, "true", "false"]}
        case _:
            return node


def _resolved(schema: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**definitions[name]} if name else schema


def _finished(whole: dict[str, Any], definitions: Mapping[str, Any], *, title: str) -> dict[str, Any]:
    """Sorted, so that the file changes only where the types do; without definitions that nothing refers to."""
    used: dict[str, Any] = {}
    waiting = [whole]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in used:
                used[name] = definitions[name]
                waiting.append(definitions[name])
    finished = {"$schema": _DRAFT, "title": title, **whole, "definitions": used}
    renamed: dict[str, Any] = _renamed(finished, _names(finished))
    return renamed


def _names(schema: dict[str, Any]) -> dict[str, str]:
    """Settings are generic, and pydantic numbers them; `QueueSettings.nr_requests` says what one is for."""
    names = {"Setting_str_": "Setting"}
    for owner, definition in sorted(schema["definitions"].items()):
        for field, value in definition.get("properties", {}).items():
            for name in _references(value) if "Setting_" in value.get("$ref", "") else ():
                names.setdefault(name, f"{owner}.{field}")
    return names


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    renamed = {key: _renamed(value, names) for key, value in node.items()}
    if isinstance(node.get("$ref"), str):
        head, _, name = node["$ref"].rpartition("/")
        renamed["$ref"] = f"{head}/{names.get(name, name)}"
    if isinstance(node.get("definitions"), dict):
        renamed["definitions"] = {names.get(key, key): value for key, value in renamed["definitions"].items()}
        renamed["definitions"] = dict(sorted(renamed["definitions"].items()))
    return renamed


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {name for item in node for name in _references(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*(_references(value) for value in node.values()))
