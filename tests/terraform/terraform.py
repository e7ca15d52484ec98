"""Terraform as a test drives it: on a copy of a configuration, with the plugins of a mirror, and no network of its own.

terraform = Terraform(PRODUCTION, environment=cloud.environment)
terraform.init()
terraform.apply()
assert terraform.plan(detailed_exitcode=True).exit_code == 0
"""

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests import needs
from tests.terraform.provider.mirror import PLUGINS, Plugin, find_real, make_mirror
from tests.terraform.provider.resident import resident

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = ROOT / "provisioning" / "terraform"
SHIM = ROOT / ".cache" / "tools" / "terraform" / "bin" / "terraform"
OLDEST = (1, 11)
"""The oldest Terraform with a lock file in S3 and JUnit reports."""

_NOT_COPIED = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan", "errored.tfstate")
_TIME_LIMIT_S = 300
_DIFFERS = 2
_STARTING_PLUGINS_OFTEN = frozenset({"apply", "destroy", "import", "plan", "refresh", "test", "validate"})
_PLANNING = frozenset({"apply", "destroy", "plan"})
_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'


class TerraformError(Exception):
    """A command that was to succeed did not; the message is all that it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a command left: `stdout` and `stderr` without colours."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Everything it said, in one line each paragraph, since Terraform breaks lines at the width it likes."""
        said = re.sub(r"[╷│╵]", " ", f"{self.stdout}\n{self.stderr}")
        return re.sub(r"[ \n]+", " ", said)


def find_terraform() -> Path:
    """TF_BIN, else a Terraform on PATH that is new enough, else the one that is made of a Python package."""
    named = os.environ.get("TF_BIN")
    if named:
        return Path(named)
    on_path = shutil.which("terraform")
    if on_path and version(Path(on_path)) >= OLDEST:
        return Path(on_path)
    oldest = ".".join(map(str, OLDEST))
    return (
        SHIM
        if SHIM.exists()
        else needs.missing(f"Terraform from {oldest} on", remedy="scripts/install-terraform-shim, or set TF_BIN")
    )


@functools.cache
def version(program: Path) -> tuple[int, int]:
    """Major and minor version."""
    said = subprocess.run(
        [program, "version", "-json"], capture_output=True, check=True, timeout=_TIME_LIMIT_S, env=_quiet({})
    )
    major, minor, *_ = json.loads(said.stdout)["terraform_version"].split(".")
    return int(major), int(minor)


def _quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """No questions, no colours, no call home, and nothing of the person's own configuration."""
    return {
        "PATH": os.environ["PATH"],
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_CLI_ARGS": "-no-color",
        "TF_CLI_CONFIG_FILE": os.devnull,
    } | dict(environment)


class Terraform:
    """One working directory: a copy of `directory`, in a temporary place that goes away with this object.

    Below provisioning/terraform the whole tree is copied, since environments name modules by relative paths.
    `variables` stand over those of the configuration. Where the configuration keeps its state in a bucket it is kept in
    a file here, unless `local_state` is False. A method raises TerraformError when the command fails, unless it is
    called with `check=False`.

    A stand-in is started once a command. With `fresh_plugins`, and for `start`, Terraform starts and ends it by itself,
    some four times a command, as it does with real plugins.

    A command that plans waits for the second after the one in which the apply before it ended: `plantimestamp`, by
    which the modules tell what a plan buys, ticks in seconds, and an apply at the instant cloud can take less than one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        environment: Mapping[str, str],
        variables: Mapping[str, object] | None = None,
        local_state: bool = True,
        program: Path | None = None,
        time_limit_s: float = _TIME_LIMIT_S,
        fresh_plugins: bool = False,
    ) -> None:
        self.program = program or find_terraform()
        self._fresh_plugins = fresh_plugins
        self._time_limit_s = time_limit_s
        self._next_plan_at_s = 0
        self.workspace = Path(tempfile.mkdtemp(prefix="nodeagent-terraform-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.workspace, ignore_errors=True)
        self.directory = self._copy(directory)
        if variables:
            (self.directory / "rehearsal.auto.tfvars.json").write_text(json.dumps(variables))
        if local_state and _has_backend(self.directory):
            (self.directory / "rehearsal_override.tf").write_text(_LOCAL_STATE)
        self.environment = _quiet(self._own_settings() | dict(environment))

    def close(self) -> None:
        """Remove the working directory now."""
        self._remove()

    def init(self, *arguments: str, check: bool = True) -> Completed:
        """Choose plugins and fetch modules."""
        return self.run("init", *arguments, check=check)

    def validate(self, *arguments: str, check: bool = True) -> Completed:
        """Hold the configuration against the schemas."""
        return self.run("validate", *arguments, check=check)

    def plan(
        self, *arguments: str, out: Path | None = None, detailed_exitcode: bool = False, check: bool = True
    ) -> Completed:
        """Plan; with `detailed_exitcode` the exit code is 0 for no change and 2 for some."""
        chosen = [*arguments]
        chosen += ["-detailed-exitcode"] if detailed_exitcode else []
        chosen += [f"-out={out}"] if out is not None else []
        completed = self.run("plan", *chosen, check=False)
        if check and completed.exit_code not in ({0, _DIFFERS} if detailed_exitcode else {0}):
            raise TerraformError(completed.stdout + completed.stderr)
        return completed

    def show_json(self, plan: Path | None = None) -> dict[str, Any]:
        """A saved plan, or the state, as JSON."""
        shown = self.run("show", "-json", *([str(plan)] if plan is not None else []))
        document: dict[str, Any] = json.loads(shown.stdout)
        return document

    def apply(self, *arguments: str, check: bool = True) -> Completed:
        """Apply without asking; a saved plan is the last of the `arguments`."""
        return self.run("apply", "-auto-approve", *arguments, check=check)

    def destroy(self, *arguments: str, check: bool = True) -> Completed:
        """Remove everything without asking."""
        return self.run("destroy", "-auto-approve", *arguments, check=check)

    def output_json(self) -> dict[str, Any]:
        """The values of all outputs, sensitive ones too."""
        outputs = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in outputs.items()}

    def test(self, *arguments: str, check: bool = True) -> Completed:
        """Run the `*.tftest.hcl` files."""
        return self.run("test", *arguments, check=check)

    def run(self, *arguments: str, check: bool = True) -> Completed:
        """Run any command."""
        if arguments[0] in _PLANNING:
            time.sleep(max(0.0, self._next_plan_at_s - time.time()))
        if self._fresh_plugins or arguments[0] not in _STARTING_PLUGINS_OFTEN:
            completed = self._run(arguments)
        else:
            errors = self.workspace / "plugin-errors"
            with resident(self._plugins(), environment=self.environment, errors=errors) as found:
                completed = self._run(arguments, environment=found)
            completed = replace(completed, stderr=completed.stderr + errors.read_text())
        if arguments[0] == "apply":
            self._next_plan_at_s = int(time.time()) + 1
        if check and completed.exit_code != 0:
            raise TerraformError(completed.stdout + completed.stderr)
        return completed

    def _run(self, arguments: Sequence[str], *, environment: Mapping[str, str] = MappingProxyType({})) -> Completed:
        ran = subprocess.run(
            [self.program, *arguments],
            cwd=self.directory,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=self._time_limit_s,
        )
        return Completed(exit_code=ran.returncode, stdout=ran.stdout, stderr=ran.stderr)

    def _plugins(self) -> list[Plugin]:
        """Those that `init` chose."""
        lock = self.directory / ".terraform.lock.hcl"
        chosen = lock.read_text() if lock.exists() else ""
        return [plugin for plugin in PLUGINS if f'/{plugin.namespace}/{plugin.name}"' in chosen]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start any command and leave it running, for a test that disturbs it; use it as a context manager."""
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _copy(self, directory: Path) -> Path:
        inside = directory.is_relative_to(CONFIGURATIONS)
        copied = self.workspace / "configuration"
        shutil.copytree(CONFIGURATIONS if inside else directory, copied, ignore=_NOT_COPIED)
        # The hashes of a lock are those of the real plugins.
        if any(find_real(plugin) is None for plugin in PLUGINS):
            for lock in copied.rglob(".terraform.lock.hcl"):
                lock.unlink()
        return copied / directory.relative_to(CONFIGURATIONS) if inside else copied

    def _own_settings(self) -> dict[str, str]:
        mirror = self.workspace / "mirror"
        make_mirror(mirror)
        settings = self.workspace / "terraform.rc"
        settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
        for name in ("home", "tmp"):
            (self.workspace / name).mkdir()
        return {
            "HOME": str(self.workspace / "home"),
            "TMPDIR": str(self.workspace / "tmp"),
            "TF_CLI_CONFIG_FILE": str(settings),
        }


def _has_backend(directory: Path) -> bool:
    return any(re.search(r'^\s*backend\s+"', file.read_text(), re.MULTILINE) for file in directory.glob("*.tf"))
