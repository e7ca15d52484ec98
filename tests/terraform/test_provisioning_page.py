"""docs/provisioning.md, followed word for word as somebody new would, on a cloud of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terraform.terraform import CONFIGURATIONS, ROOT, Terraform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

PAGE = ROOT / "docs" / "provisioning.md"


def test_every_command_of_the_rehearsal(tmp_path: Path) -> None:
    terraform = Terraform(CONFIGURATIONS / "environments" / "vm", environment={})
    checkout = tmp_path / "checkout"
    (checkout / "provisioning").mkdir(parents=True)
    (checkout / "provisioning" / "terraform").symlink_to(terraform.workspace / "configuration")
    environment = terraform.environment | {
        "PATH": os.pathsep.join([str(_commands(tmp_path, terraform.program)), terraform.environment["PATH"]]),
        "CHERRYLAB_DIRECTORY": str(tmp_path / "cloud"),
    }
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    try:
        ran = subprocess.run(
            ["bash", "-euvo", "pipefail", "-c", script],
            cwd=checkout,
            env=environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=380,
        )
    finally:
        subprocess.run(["cherrylab", "down", "--forget"], env=environment, check=False, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("Apply complete!") == 2
    assert "No changes. Your infrastructure matches the configuration." in ran.stdout
    assert "Destroy complete!" in ran.stdout


def _commands(directory: Path, terraform: Path) -> Path:
    """`nodeagent`, `cherrylab` and `terraform`, as a checkout with .venv/bin on PATH has them."""
    commands = directory / "bin"
    commands.mkdir()
    (commands / "terraform").symlink_to(terraform)
    for name, module in (("nodeagent", "nodeagent.cli.main"), ("cherrylab", "cherrylab.cli")):
        program = commands / name
        program.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
        program.chmod(0o755)
    return commands
