"""When a guest counts as installed: by what cloud-init itself says of it."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from cherrylab.drivers.cloud_init import wait_for_cloud_init
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError

_DONE: dict[str, Any] = {"datasource": "DataSourceNoCloud [seed=/dev/vdb][dsmode=net]", "errors": []}


@dataclass(slots=True, kw_only=True)
class ToldShell:
    """A shell in which cloud-init ended with `result`."""

    result: dict[str, Any]
    typed: list[str] = field(default_factory=list)

    def run(self, script: str, *, timeout_seconds: float = 60.0) -> Completed:
        self.typed.append(script)
        said = json.dumps({"v1": self.result}) if "result.json" in script else "+ install-nodeagent\nno such archive\n"
        return Completed(
            command=Command(argv=("ssh",), timeout_seconds=timeout_seconds),
            exit_code=0,
            stdout=said.encode(),
            stderr=b"",
            started_at=0.0,
            duration_seconds=0.0,
        )

    def check(self, script: str, *, timeout_seconds: float = 60.0) -> str:
        return self.run(script, timeout_seconds=timeout_seconds).stdout.decode()


def test_it_waits_for_the_end_before_it_looks() -> None:
    shell = ToldShell(result=_DONE)
    wait_for_cloud_init(shell)
    assert [words.split()[0] for words in shell.typed] == ["cloud-init", "cat"]


def test_what_failed_is_told_with_its_last_words() -> None:
    errors = ["('scripts-user', RuntimeError('Runparts: 1 failures'))"]
    with pytest.raises(HostError, match=r"(?s)scripts-user.*its output ends:.*no such archive"):
        wait_for_cloud_init(ToldShell(result=_DONE | {"errors": errors}))


def test_a_guest_that_found_no_seed_is_not_installed() -> None:
    with pytest.raises(HostError, match="found no seed"):
        wait_for_cloud_init(ToldShell(result=_DONE | {"datasource": None}))
