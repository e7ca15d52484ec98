"""Whether a guest is installed: cloud-init's own word for it, not the absence of a complaint."""

import json
from typing import Protocol

from nodeagent.model.command import Completed
from nodeagent.model.errors import HostError

_SECONDS = 1_800.0
_OUTPUT = "/var/log/cloud-init-output.log"


class Typing(Protocol):
    """What is asked of a shell into a guest (guests/shell.py)."""

    def run(self, script: str, *, timeout_seconds: float = ...) -> Completed: ...

    def check(self, script: str, *, timeout_seconds: float = ...) -> str: ...


def wait_for_cloud_init(shell: Typing) -> None:
    """Wait until user data has run; HostError with the end of its output where it failed or was not found.

    The exit code of `status --wait` says less than the result that is written at the end.
    """
    shell.run("cloud-init status --wait", timeout_seconds=_SECONDS)
    result = json.loads(shell.check("cat /run/cloud-init/result.json"))["v1"]
    if result["errors"] or result["datasource"] is None:
        said = shell.run(f"tail -c 2000 {_OUTPUT}").stdout.decode(errors="replace")
        raise HostError(f"cloud-init: {'; '.join(result['errors']) or 'it found no seed'}; its output ends:\n{said}")
