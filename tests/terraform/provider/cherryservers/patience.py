"""Waiting for a server: asked at once, then after 10 s, each wait half as long again, up to 60 s, half of it chance.

As the real plugin does it (cenkalti/backoff). A test that must wait names a shorter first wait in the environment.
"""

import os
import random
import re
import time
from collections.abc import Callable

from tests.terraform.provider.diagnostics import DiagnosticError
from tests.terraform.provider.values import Object

FIRST_WAIT_VARIABLE = "NODEAGENT_TEST_FIRST_POLL_S"
_FIRST_WAIT_S = 10.0
_LONGEST_WAIT_S = 60.0
_GROWTH = 1.5
_CHANCE = 0.5
_DEFAULT_LIMIT = "60m"
_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def wait_until(done: Callable[[], bool], *, summary: str, limit_s: float) -> None:
    """Ask until `done`; raises DiagnosticError when the next wait would end after the limit."""
    start = time.monotonic()
    wait_s = float(os.environ.get(FIRST_WAIT_VARIABLE, _FIRST_WAIT_S))
    while not done():
        this_wait_s = wait_s * random.uniform(1 - _CHANCE, 1 + _CHANCE)
        if time.monotonic() - start + this_wait_s > limit_s:
            raise DiagnosticError(summary, "server is in inactive state")
        time.sleep(this_wait_s)
        wait_s = min(wait_s * _GROWTH, _LONGEST_WAIT_S)


def limit_s(timeouts: Object | None, operation: str) -> float:
    """Seconds of a duration as Go writes it (`1h30m`), from the resource's `timeouts`."""
    text = (timeouts or {}).get(operation) or _DEFAULT_LIMIT
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise DiagnosticError("Timeout Cannot Be Parsed", f'timeout for "{operation}" cannot be parsed: {text}')
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
