"""The API's limit: so many requests in a second from one source, then 429 until the second is over."""

import time
from collections import defaultdict, deque
from collections.abc import Callable

from cherrylab.cloud.errors import TooManyRequestsError

REQUESTS_PER_SECOND = 4
"""https://api.cherryservers.com/doc: four a second for each address."""


class Limit:
    """None is no limit. Refused requests do not count."""

    def __init__(self, per_second: int | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)

    def check(self, source: str) -> None:
        """Count a request; TooManyRequestsError where it is one too many."""
        if self._per_second is None:
            return
        now, recent = self._monotonic(), self._recent[source]
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        if len(recent) >= self._per_second:
            raise TooManyRequestsError("Too many requests: rate limit exceeded, please try again later.")
        recent.append(now)
