"""What every cherry command begins with: the token from the environment, an API, and files read."""

import os
from collections.abc import Sequence
from pathlib import Path

from nodeagent.cherry.account import Project, projects_of
from nodeagent.cherry.api import Api
from nodeagent.cherry.inventory import Inventory, parse_inventory
from nodeagent.cherry.secret import token_from


def open_api() -> Api:
    """NodeagentError without a token, before anything is asked of anybody."""
    return Api(token_from(os.environ))


def read_inventory(path: Path) -> Inventory:
    return parse_inventory(path.read_bytes(), where=str(path))


def scope(api: Api, projects: Sequence[int]) -> tuple[Project, ...]:
    """The named projects, or every one that the token sees."""
    return projects_of(api, projects)
