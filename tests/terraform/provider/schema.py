"""Schemas, from the JSON of `terraform providers schema -json` to types and to messages of the protocol.

JSON format: https://developer.hashicorp.com/terraform/cli/commands/providers/schema
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf.gen import tfplugin_pb2 as protocol

from tests.terraform.provider.values import UNKNOWN, Object, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute: a plain type, or attributes of its own (`nested`) in a list, set, map or single object."""

    type: Any = None
    nesting: str | None = None
    nested: Mapping[str, "Attribute"]
    required: bool = False
    optional: bool = False
    computed: bool = False
    sensitive: bool = False
    deprecated: bool = False

    @property
    def is_set(self) -> bool:
        """Whether the order of its elements means nothing."""
        return self.nesting == "set" or (isinstance(self.type, list) and self.type[0] == "set")


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedBlock:
    """Blocks of one name inside a block."""

    nesting: str
    block: "Block"
    min_items: int = 0
    max_items: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What stands between the braces of a resource, a data source or a provider."""

    version: int = 0
    attributes: Mapping[str, Attribute]
    blocks: Mapping[str, NestedBlock]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSchema:
    """Everything that one provider declares."""

    provider: Block
    resources: Mapping[str, Block]
    data_sources: Mapping[str, Block]


def load(path: Path) -> ProviderSchema:
    """Read the schema of the one provider that the file describes."""
    (document,) = json.loads(path.read_text())["provider_schemas"].values()
    return ProviderSchema(
        provider=_block(document["provider"]["block"]),
        resources={name: _versioned(entry) for name, entry in document.get("resource_schemas", {}).items()},
        data_sources={name: _versioned(entry) for name, entry in document.get("data_source_schemas", {}).items()},
    )


def _versioned(entry: Mapping[str, Any]) -> Block:
    return _block(entry["block"], version=entry["version"])


def _block(document: Mapping[str, Any], *, version: int = 0) -> Block:
    return Block(
        version=version,
        attributes=_attributes(document.get("attributes", {})),
        blocks={
            name: NestedBlock(
                nesting=nested["nesting_mode"],
                block=_block(nested["block"]),
                min_items=nested.get("min_items", 0),
                max_items=nested.get("max_items", 0),
            )
            for name, nested in document.get("block_types", {}).items()
        },
    )


def _attributes(document: Mapping[str, Any]) -> dict[str, Attribute]:
    flags = ("required", "optional", "computed", "sensitive", "deprecated")
    attributes = {}
    for name, entry in document.items():
        nested = entry.get("nested_type", {})
        attributes[name] = Attribute(
            type=entry.get("type"),
            nesting=nested.get("nesting_mode"),
            nested=_attributes(nested.get("attributes", {})),
            **{flag: entry.get(flag, False) for flag in flags},
        )
    return attributes


def message(block: Block) -> protocol.Schema:
    """The schema as Terraform asks for it."""
    return protocol.Schema(version=block.version, block=_block_message(block))


def _block_message(block: Block) -> protocol.Schema.Block:
    modes = protocol.Schema.NestedBlock.NestingMode
    return protocol.Schema.Block(
        attributes=_attribute_messages(block.attributes),
        block_types=[
            protocol.Schema.NestedBlock(
                type_name=name,
                block=_block_message(nested.block),
                nesting=modes.Value(nested.nesting.upper()),
                min_items=nested.min_items,
                max_items=nested.max_items,
            )
            for name, nested in block.blocks.items()
        ],
    )


def _attribute_messages(attributes: Mapping[str, Attribute]) -> list[protocol.Schema.Attribute]:
    modes = protocol.Schema.Object.NestingMode
    messages = []
    for name, attribute in attributes.items():
        kind: dict[str, Any] = {"type": json.dumps(attribute.type).encode()}
        if attribute.nesting is not None:
            nested = _attribute_messages(attribute.nested)
            kind = {
                "nested_type": protocol.Schema.Object(attributes=nested, nesting=modes.Value(attribute.nesting.upper()))
            }
        messages.append(
            protocol.Schema.Attribute(
                name=name,
                required=attribute.required,
                optional=attribute.optional,
                computed=attribute.computed,
                sensitive=attribute.sensitive,
                deprecated=attribute.deprecated,
                **kind,
            )
        )
    return messages


def complete(block: Block, value: Object) -> Object:
    """The object with exactly the attributes and blocks of the schema; what it doesn't have is null or empty."""
    absent: Object = {name: [] if nested.nesting in {"list", "set"} else None for name, nested in block.blocks.items()}
    return {name: value.get(name, absent.get(name)) for name in (*block.attributes, *block.blocks)}


def same(attribute: Attribute, left: Value, right: Value) -> bool:
    """Whether two values of an attribute are equal; sets are equal in any order, an unknown equals nothing."""
    if left is UNKNOWN or right is UNKNOWN:
        return False
    if attribute.is_set and isinstance(left, list) and isinstance(right, list):
        return sorted(map(repr, map(_ordered, left))) == sorted(map(repr, map(_ordered, right)))
    return bool(left == right)


def _ordered(value: Value) -> Value:
    return sorted(value.items()) if isinstance(value, dict) else value
