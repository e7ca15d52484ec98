"""No more requests than the API takes: four a second from one address, counted over any second."""

import time
from collections import deque
from collections.abc import Callable

API_HOST = "api.cherryservers.com"
REQUESTS_PER_SECOND = 4
"""https://api.cherryservers.com/doc"""


class Pace:
    """`wait` returns when the next request may go out."""

    def __init__(
        self,
        *,
        per_second: int = REQUESTS_PER_SECOND,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._recent: deque[float] = deque(maxlen=per_second)
        self._monotonic = monotonic
        self._sleep = sleep

    def wait(self) -> None:
        if len(self._recent) == self._recent.maxlen:
            due = self._recent[0] + 1.0 - self._monotonic()
            if due > 0:
                self._sleep(due)
        self._recent.append(self._monotonic())
