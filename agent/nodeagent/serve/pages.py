"""The few pages there are, rendered before anybody asks for them."""

from dataclasses import dataclass
from html import escape

_PLAIN = "text/plain; charset=utf-8"
_INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>nodeagent</title></head>
<body><h1>nodeagent {version}</h1><ul><li><a href="/metrics">Metrics</a></li><li><a href="/healthz">Health</a></li></ul>
</body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer, whole."""

    status: int
    content_type: str
    body: bytes


def index(version: str) -> Page:
    """The page of `/`."""
    return Page(
        status=200,
        content_type="text/html; charset=utf-8",
        body=_INDEX.format(version=escape(version)).encode(),
    )


def problem(status: int, text: str) -> Page:
    """An answer that is not what was asked for, in one line."""
    return Page(status=status, content_type=_PLAIN, body=f"{text}\n".encode())


def health(problems: tuple[str, ...]) -> Page:
    """200 where there is nothing to tell, else 503 and a line each."""
    if problems:
        return problem(503, "\n".join(problems))
    return Page(status=200, content_type=_PLAIN, body=b"ok\n")
