"""The user data of a machine as text and files, however it is wrapped: base64, gzip, both or neither.

A cloud-config carries files of its own (`write_files`), base64 inside base64; the profile of nodeagent is one of them.
Everything is read as text and nothing is trusted: what can't be unwrapped is looked at as it stands.

Source: https://docs.cloud-init.io/en/latest/reference/modules.html#write-files
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from nodeagent.readiness.review.attributes import Values, blocks, text
from nodeagent.readiness.review.node import Node

PROFILES = "/etc/nodeagent/profiles/"
SIZE_LIMIT_BYTES = 1024 * 1024
"""What is looked at after unpacking."""

FILE_LIMIT_BYTES = 256 * 1024
"""A file inside that is longer, such as a bundle of wheels, is no text that anybody wrote, and isn't looked at."""

_KEYS = ("user_data", "user_data_base64")
_LARGE_FILE = re.compile(rf"[A-Za-z0-9+/=]{{{FILE_LIMIT_BYTES},}}")
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that the first boot writes; "" is the user data itself."""

    path: str
    text: str


def files_of(node: Node) -> tuple[File, ...]:
    """The user data and the files inside; nothing where there is none or it is known after apply."""
    found = next((value for key in _KEYS if (value := text(node.values, key))), "")
    return _files(found) if found else ()


def profile_of(node: Node) -> Values | None:
    """The first profile of nodeagent among the files, as it is written; None where there is none."""
    profiles = (_yaml(file.text) for file in files_of(node) if file.path.startswith(PROFILES))
    return next((profile for profile in profiles if isinstance(profile, dict)), None)


@lru_cache(maxsize=256)
def _files(written: str) -> tuple[File, ...]:
    document = _LARGE_FILE.sub("", _unwrapped(written))
    return (File(path="", text=document), *_inside(document))


def _inside(document: str) -> Iterator[File]:
    config = _yaml(document) if document.startswith("#cloud-config") else None
    for entry in blocks(config, "write_files") if isinstance(config, dict) else ():
        content, encoding = text(entry, "content"), text(entry, "encoding").lower()
        wrapped = "b64" in encoding or "base64" in encoding or "gz" in encoding
        yield File(path=text(entry, "path"), text=_unwrapped(content) if wrapped else content)


def _unwrapped(value: str) -> str:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return value
    if data.startswith(_GZIP):
        try:
            data = zlib.decompressobj(_GZIP_WINDOW).decompress(data, SIZE_LIMIT_BYTES)
        except zlib.error:
            return value
    return data.decode(errors="replace")


def _yaml(document: str) -> object:
    """Every scalar as text, as profiles are read too; None for what is no YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        loaded: object = YAML(typ="base", pure=True).load(document)
    except (YAMLError, ValueError, RecursionError):
        return None
    return loaded
