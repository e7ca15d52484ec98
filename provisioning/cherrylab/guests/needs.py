"""What making machines takes of this one, asked before anything is begun."""

import os
from collections.abc import Sequence

from nodeagent.host.process import find_program
from nodeagent.model.errors import HostError

_INSTALL = "scripts/install-system-tools lab"


def require_root() -> None:
    """HostError for anybody else."""
    if os.geteuid() != 0:
        raise HostError("machines need a network namespace, and only root may make one", remedy="sudo the same command")


def require_programs(names: Sequence[str]) -> None:
    """HostError with those that are missing."""
    missing = [name for name in names if find_program(name) is None]
    if missing:
        raise HostError(f"there is no {' and no '.join(missing)} on this machine", remedy=_INSTALL)
