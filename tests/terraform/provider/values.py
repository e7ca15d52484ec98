"""Values as Terraform and a plugin exchange them: msgpack, with a mark for what is not known yet.

Format: https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/object-wire-format.md
"""

import json
from typing import Any, Final, TypeAlias

import msgpack
from tf.gen import tfplugin_pb2 as protocol


class _Unknown:
    """A value that is known after apply."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: object) -> "_Unknown":
        return self


UNKNOWN: Final = _Unknown()

Value: TypeAlias = Any
"""None, bool, int, float, str, list, dict or UNKNOWN. A number that no float can hold exactly arrives as a str."""

Object: TypeAlias = dict[str, Value]


def decode(encoded: protocol.DynamicValue) -> Value:
    """The value of a message; None for null. Any extension type is an unknown value, with refinements or without."""
    if encoded.msgpack:
        return msgpack.unpackb(encoded.msgpack, ext_hook=lambda _code, _data: UNKNOWN)
    return json.loads(encoded.json) if encoded.json else None


def encode(value: Value) -> protocol.DynamicValue:
    """The message of a value."""
    return protocol.DynamicValue(msgpack=msgpack.packb(value, default=_extension))


def _extension(value: object) -> msgpack.ExtType:
    if value is not UNKNOWN:
        raise TypeError(f"{type(value).__name__} is no type that Terraform knows")
    return msgpack.ExtType(0, b"\x00")
