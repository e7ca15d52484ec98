"""A route as data: what a call brings, and the function that answers it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from cherrylab.cloud.errors import InvalidError, NotFoundError
from cherrylab.cloud.faults import Kind, Strike

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

Json = dict[str, Any]
T = TypeVar("T")

_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: the parts of its path, its query, its body. `effect` is the fault that the cloud is to carry out."""

    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    effect: Strike | None = None

    def number(self, name: str) -> int:
        """A part of the path that is a number; NotFoundError, as for any id that nobody has."""
        text = self.parameters[name]
        if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER:
            raise NotFoundError("Resource was not found.")
        return int(text)

    def text(self, name: str) -> str:
        return self.parameters[name]

    def read(self, kind: type[T]) -> T:
        """The body as one of the cloud's requests; InvalidError tells every field that is wrong."""
        try:
            document = json.loads(self.body or b"{}")
            # JSON can write half of a character (\ud800), which no database and no answer can hold.
            json.dumps(document, ensure_ascii=False).encode()
        except ValueError as error:
            raise InvalidError("Request body is not valid JSON.") from error
        if not isinstance(document, dict):
            raise InvalidError("Request body should be a JSON object.")
        try:
            return TypeAdapter(kind).validate_python(document)
        except ValidationError as error:
            raise InvalidError("; ".join(_problem(one) for one in error.errors(include_input=False))) from error

    def has_effect(self, kind: Kind) -> bool:
        return self.effect is not None and self.effect.kind is kind


Handle = Callable[["Cloud", Call], Json | list[Json] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A method and a path (`{name}` for a part of it), the status of its success, and whether it needs no token.

    `group` is the noun's own word in `?fields=`, which stands for all of its fields.
    """

    method: str
    path: str
    summary: str
    handle: Handle
    status: int = 200
    is_public: bool = False
    group: str = ""


def _problem(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}."
