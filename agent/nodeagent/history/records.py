"""What the history keeps besides the types of model/: suites, and runs and judgements with their number."""

from dataclasses import dataclass

from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One invocation that measured. `id` is short and random; `stage` and `profile` are "" where none was named."""

    id: str
    started_at: float
    stage: str = ""
    profile: str = ""
    profile_digest: str = ""
    machine_id: str = ""
    boot_id: str = ""
    agent_version: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as it stands in the history. `run.raw` is "" unless it was asked for."""

    id: int
    suite: str
    fingerprint: str
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJudgement:
    """A judgement with the runs that it was made from."""

    id: int
    suite: str
    judged_at: float
    judgement: Judgement
    run_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """All given fields must hold. `limit` keeps the newest so many; times are seconds since 1970."""

    id: int | None = None
    suite: str | None = None
    benchmark: str | None = None
    role: str | None = None
    fingerprint: str | None = None
    since: float | None = None
    limit: int | None = None
