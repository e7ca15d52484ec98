"""The local stage, for nothing: `make stage-local` plans environments/local at the rehearsal cloud, and reviews it.

    python -m tests.terraform.local_stage [OPTIONS OF nodeagent stage review]

The variables are those of environments/local/terraform.tfvars, or of the tests where that file isn't there. What is
planned is left in .cache/stage-local/plan.json; nothing is applied, and the cloud is gone afterwards.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nodeagent.cli.main import main as nodeagent
from nodeagent.model.errors import ExitCode
from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, ROOT, Terraform, TerraformError

LOCAL = CONFIGURATIONS / "environments" / "local"
PLAN = ROOT / ".cache" / "stage-local" / "plan.json"


def main(options: Sequence[str], *, plan: Path = PLAN) -> int:
    """The exit code of the review, or 1 where Terraform found something first."""
    own = (LOCAL / "terraform.tfvars").exists()
    with tempfile.TemporaryDirectory(prefix="nodeagent-stage-local-") as home, RunningCloud(Path(home)) as cloud:
        terraform = Terraform(LOCAL, environment=cloud.environment, variables=None if own else deployment())
        try:
            _write_plan(terraform, plan)
        except TerraformError as error:
            sys.stderr.write(f"{error}\n")
            return ExitCode.ERROR
        finally:
            terraform.close()
    return nodeagent(["stage", "review", str(plan), "--stage", "local", *options])


def _write_plan(terraform: Terraform, plan: Path) -> None:
    saved = terraform.workspace / "saved.tfplan"
    terraform.init()
    terraform.validate()
    terraform.plan(out=saved)
    plan.parent.mkdir(parents=True, exist_ok=True)
    plan.write_text(json.dumps(terraform.show_json(saved)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
