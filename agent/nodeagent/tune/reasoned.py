"""A finding about a setting: it carries the setting's reasons, and only tells where the setting only warns."""

from typing import Any

from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import Finding, State


def reasoned(
    subject: str,
    state: State,
    setting: Setting[Any],
    *,
    got: str,
    wanted: str,
    remedy: str = "",
    optional: bool = False,
    id: str | None = None,
) -> Finding:
    """`optional` is beside what the setting's mode says."""
    return Finding(
        subject=subject,
        state=state,
        got=got,
        wanted=wanted,
        remedy=remedy,
        why=setting.why,
        source=setting.source,
        optional=optional or setting.mode is Mode.WARN,
        id=id,
    )
