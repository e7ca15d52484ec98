"""Every run made here, with its evidence: a SQLite file of its own, so that losing it never loses an original."""

from nodeagent.history.records import RunFilter, StoredJudgement, StoredRun, Suite
from nodeagent.history.store import History

__all__ = ["History", "RunFilter", "StoredJudgement", "StoredRun", "Suite"]
