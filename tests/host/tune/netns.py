"""Real sysctls in a network namespace of the test's own, and nodeagent run in it as a person would."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.needs import tool

KNOBS = {
    "net.ipv4.tcp_fin_timeout": "17",
    "net.ipv4.ip_default_ttl": "99",
    "net.ipv4.tcp_keepalive_time": "1234",
    "net.ipv4.ip_local_port_range": "2000 3000",
    "net.ipv4.tcp_syn_retries": "3",
}
_COMMAND = (sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())")


@dataclass
class Namespace:
    """A network namespace with a profile for five of its sysctls and a state directory."""

    name: str
    directory: Path
    wanted: Mapping[str, str] = field(default_factory=lambda: dict(KNOBS))

    def __post_init__(self) -> None:
        lines = [f'    {key}: {{ value: "{value}", why: test, source: test }}' for key, value in self.wanted.items()]
        self.profile.write_text("\n".join(["schema: 1", "summary: toys", "tune:", "  sysctl:", *lines]) + "\n")

    @property
    def profile(self) -> Path:
        return self.directory / "toys.yaml"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def argv(self, *arguments: str, before: Sequence[str] = ()) -> list[str]:
        return [tool("ip"), "netns", "exec", self.name, *before, *_COMMAND, *arguments]

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "NODEAGENT_STATE_DIR": str(self.state),
            "NODEAGENT_PROFILE": str(self.profile),
            "COLUMNS": "80",
        }

    def run(self, *arguments: str, before: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
        """`before` is put before the command, such as strace and its options."""
        return subprocess.run(
            self.argv(*arguments, before=before),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, before: Sequence[str] = ()) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.argv(*arguments, before=before),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.run(*arguments, "--output", "json").stdout)
        return document

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [tool("ip"), "netns", "exec", self.name, "sh", "-c", script], capture_output=True, text=True, check=False
        )

    def values(self) -> dict[str, str]:
        """Every knob as it reads, byte for byte."""
        paths = [f"/proc/sys/{key.replace('.', '/')}" for key in self.wanted]
        return dict(zip(self.wanted, self.shell(f"cat {' '.join(paths)}").stdout.splitlines(), strict=True))

    def set(self, key: str, value: str) -> None:
        assert self.shell(f"echo {value} > /proc/sys/{key.replace('.', '/')}").returncode == 0


@contextmanager
def network_namespace(directory: Path) -> Iterator[Namespace]:
    name = f"nodeagent-test-{uuid4().hex[:10]}"
    subprocess.run([tool("ip"), "netns", "add", name], check=True)
    try:
        yield Namespace(name=name, directory=directory)
    finally:
        subprocess.run([tool("ip"), "netns", "delete", name], check=False)
        shutil.rmtree(directory, ignore_errors=True)
