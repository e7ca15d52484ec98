"""What a client asks for of an answer: some fields (`?fields=`), a page of a list (`?limit=&offset=`)."""

from collections.abc import Mapping

from cherrylab.api.endpoint import Json
from cherrylab.cloud.errors import InvalidError


def with_fields(answer: Json, query: Mapping[str, str], *, group: str) -> Json:
    """The fields asked for. `group`, the noun's own word, stands for all of them, as clients send it."""
    wanted = {name for name in query.get("fields", "").split(",") if name}
    if not wanted or group in wanted:
        return answer
    return {name: value for name, value in answer.items() if name in wanted}


def page(entries: list[Json], query: Mapping[str, str]) -> list[Json]:
    """Without a limit the rest from the offset on."""
    offset = _number(query, "offset") or 0
    limit = _number(query, "limit")
    return entries[offset:] if limit is None else entries[offset : offset + limit]


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise InvalidError(f"{name}: This value should be 0 or more.")
    return int(text)
