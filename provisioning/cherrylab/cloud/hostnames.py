"""Host names: which are allowed (RFC 1123), and what a server is called that was given none."""

import random
import re

from cherrylab.cloud.errors import InvalidError

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LONGEST = 253
_ADJECTIVES = (
    "brave",
    "calm",
    "eager",
    "gentle",
    "humble",
    "keen",
    "lucky",
    "model",
    "noble",
    "quick",
    "sunny",
    "wise",
)
_ANIMALS = ("badger", "crane", "dolphin", "falcon", "hedgehog", "lynx", "marten", "otter", "raven", "thrush", "wolf")


def check(hostname: str) -> None:
    """InvalidError unless it is one."""
    if len(hostname) > _LONGEST or not all(_LABEL.fullmatch(label) for label in hostname.split(".")):
        raise InvalidError("hostname: Given hostname is not valid.")


def for_server(server_id: int) -> str:
    """Two words, always the same for one server."""
    dice = random.Random(server_id)
    return f"{dice.choice(_ADJECTIVES)}-{dice.choice(_ANIMALS)}"
