"""Comparing with a checked-in file; NODEAGENT_RENEW=1 writes it anew, for its diff to be read first."""

import os
from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "fixtures" / "report"


def assert_golden(path: Path, text: str) -> None:
    if os.environ.get("NODEAGENT_RENEW") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
