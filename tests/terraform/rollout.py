"""A small rollout that faults strike: what the cloud bills, what the state knows, and the sweep between the two."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

DEPLOYMENT_ID = "sol-1234"
_NO_ORPHANS, _ORPHANS = 0, 2
_NODEAGENT = (sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The production environment on one cloud."""

    cloud: RunningCloud
    terraform: Terraform

    @classmethod
    def begin(cls, cloud: RunningCloud, **variables: object) -> "Rollout":
        """Initialised, nothing applied; plugins poll a server that is being made after a second and not after ten."""
        terraform = Terraform(
            CONFIGURATIONS / "environments" / "production",
            environment=cloud.environment | {"NODEAGENT_TEST_FIRST_POLL_S": "0.2"},
            variables=deployment(protected=False, **variables),
        )
        terraform.init()
        return cls(cloud=cloud, terraform=terraform)

    def billed(self) -> dict[int, str]:
        """Hostname of every server that costs money, by number: the cloud's own books."""
        servers = self.cloud.store.servers.all()
        return {server.id: server.hostname for server in servers if server.deleted_at is None}

    def known(self) -> dict[int, str]:
        """Address of every server in the state, by number."""
        found = {}
        modules = [self.terraform.show_json().get("values", {}).get("root_module", {})]
        while modules:
            module = modules.pop()
            modules += module.get("child_modules", [])
            for resource in module.get("resources", []):
                if resource["mode"] == "managed" and resource["type"] == "cherryservers_server":
                    found[int(resource["values"]["id"])] = resource["address"]
        return found

    def sweep(self, *arguments: str) -> tuple[int, ...]:
        """The numbers that `nodeagent cherry orphans` reports, which tells them by its exit code too."""
        inventory = self.terraform.workspace / "known.json"
        inventory.write_text(json.dumps(self.terraform.show_json()))
        ran = subprocess.run(
            [
                *_NODEAGENT,
                "cherry",
                "orphans",
                "--inventory",
                inventory,
                "--deployment",
                DEPLOYMENT_ID,
                "-o",
                "json",
                *arguments,
            ],
            env=self.terraform.environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert ran.returncode in {_NO_ORPHANS, _ORPHANS}, ran.stderr
        document: dict[str, Any] = json.loads(ran.stdout)
        left = tuple(int(number) for number in document["left"])
        assert (ran.returncode == _ORPHANS) == bool(left)
        return left

    def check_books(self) -> tuple[int, ...]:
        """Every billed server is known or reported, and nothing else is reported; returns the orphans."""
        billed, known = set(self.billed()), set(self.known())
        orphans = self.sweep()
        assert set(orphans) == billed - known
        return orphans

    def delete(self, orphans: tuple[int, ...]) -> None:
        """What a person does who takes the numbers from the sweep."""
        if orphans:
            assert self.sweep(*[argument for number in orphans for argument in ("--delete", str(number))]) == ()

    def converge(self) -> None:
        """Apply on a cloud that is well again: nothing left to do, one server of each name, no orphan."""
        self.terraform.apply()
        assert self.terraform.plan(detailed_exitcode=True).exit_code == 0
        assert [name for name, count in Counter(self.billed().values()).items() if count > 1] == []
        assert set(self.billed()) == set(self.known())
        assert self.sweep() == ()
