"""In which state a server shows itself, from what the books say and what time it is.

`state` is what a deployment waits for (pending, provisioning, active), `status` what a reinstall waits for (deploying,
deployed). Both words are the API's. `failed` as a state is an assumption: clients take any unknown word for a failure.
"""

from dataclasses import dataclass
from enum import StrEnum


class Work(StrEnum):
    """What the driver still has to do for a server."""

    NONE = "none"
    DEPLOY = "deploy"
    REINSTALL = "reinstall"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long the cloud takes, in seconds; all 0 is ready at the first look."""

    pending_seconds: float = 0.0
    provisioning_seconds: float = 0.0
    reinstall_seconds: float = 0.0
    terminate_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a server stands. It shows itself ready when `work` is done and the time is come (seconds since 1970)."""

    work: Work
    pending_until: float
    ready_at: float
    reinstalling: bool = False
    failed: bool = False
    gone_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The API's two words for it."""

    state: str
    status: str


def shown(progress: Progress, *, now: float, in_rescue: bool) -> Shown:
    """What a client sees at a moment."""
    if progress.gone_at is not None:
        return Shown(state="terminating", status="terminating")
    under_way = progress.work is not Work.NONE or now < progress.ready_at
    if under_way and not progress.reinstalling:
        word = "pending" if now < progress.pending_until else "provisioning"
        return Shown(state=word, status="pending" if word == "pending" else "deploying")
    if progress.failed and not under_way:
        return Shown(state="active" if progress.reinstalling else "failed", status="failed deployment")
    if under_way:
        return Shown(state="active", status="deploying")
    return Shown(state="active", status="rescue mode" if in_rescue else "deployed")


def is_gone(progress: Progress, *, now: float) -> bool:
    """Whether nothing is left to show: it was deleted, the driver is done, and the time is over."""
    return progress.gone_at is not None and progress.work is not Work.DELETE and now >= progress.gone_at


def is_ready(progress: Progress, *, now: float) -> bool:
    """Whether actions may be done to it."""
    return progress.work is Work.NONE and now >= progress.ready_at and progress.gone_at is None
