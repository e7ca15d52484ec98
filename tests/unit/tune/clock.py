"""A clock that stands still until it is told to move."""

from dataclasses import dataclass


@dataclass
class FakeClock:
    wall: float = 1_700_000_000.0
    boottime: float = 100.0
    names: int = 0

    def wall_seconds(self) -> float:
        return self.wall

    def boottime_seconds(self) -> float:
        return self.boottime

    def new_name(self) -> str:
        self.names += 1
        return f"txn-{self.names}-{self.wall:.0f}"
