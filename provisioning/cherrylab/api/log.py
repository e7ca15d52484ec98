"""What was asked and answered, one line of JSON a request. Bodies and headers stay out of it: they hold secrets."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cherrylab.cloud.clock import timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request. `fault` is the kind that struck it; a status of 0 means that no answer was sent."""

    at: float
    method: str
    path: str
    query: str
    status: int
    fault: str | None = None


class RequestLog:
    """Kept in memory, and appended to a file where one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self._path is not None:
            line = json.dumps(asdict(entry) | {"at": timestamp(entry.at)})
            with self._path.open("a") as file:
                file.write(f"{line}\n")
