"""The document as JSON: the record. Written with the standard library, read back and described by pydantic.

Reading is strict: an unknown version, a missing or an extra key and a value of another type are errors, so that nobody
takes half a report for a whole one.
"""

import json
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from nodeagent.model.errors import NodeagentError
from nodeagent.report.document import SCHEMA_VERSION, Document

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND = "nodeagent-report"


def render(document: Document) -> str:
    """Indented JSON with `kind` and `schema_version` first, a line end last."""
    return json.dumps(as_dict(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_dict(document: Document) -> dict[str, Any]:
    """The document as JSON values."""
    return {"kind": KIND, **asdict(document)}


def parse(text: str) -> Document:
    """The document again; NodeagentError with every fault for anything that is not one of this version."""
    from pydantic import ValidationError

    try:
        body = json.loads(text)
    except ValueError as error:
        raise NodeagentError(f"not a report: {error}") from error
    if not isinstance(body, dict) or body.pop("kind", None) != KIND:
        raise NodeagentError(f'not a report: wanted a JSON object with "kind": "{KIND}"')
    if body.get("schema_version") != SCHEMA_VERSION:
        raise NodeagentError(f"report of version {body.get('schema_version')!r}, this nodeagent reads {SCHEMA_VERSION}")
    try:
        return _adapter().validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise NodeagentError("not a report: " + "; ".join(faults)) from error


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of `render`."""
    body = _adapter().json_schema()
    properties = {"kind": {"const": KIND}, **body.pop("properties")}
    properties["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://nodeagent.invalid/schema/report.schema.json",
        "title": "nodeagent report",
        "type": "object",
        "properties": properties,
        "required": ["kind", *body.pop("required")],
        "additionalProperties": False,
        "$defs": body.pop("$defs"),
    }


@cache
def _adapter() -> "TypeAdapter[Document]":
    from pydantic import ConfigDict, TypeAdapter, with_config

    strict = with_config(ConfigDict(extra="forbid"))
    return TypeAdapter(strict(Document))
