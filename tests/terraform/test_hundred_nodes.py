"""Many nodes within four requests a second: how long a plan and an apply take, said beforehand and measured.

The ordinary run has a cluster of 5; NODEAGENT_NODES=100 has the hundred (about five minutes).
"""

import os
import time

import pytest

from cherrylab.api.limit import REQUESTS_PER_SECOND
from cherrylab.service import Options
from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

NODES = int(os.environ.get("NODEAGENT_NODES", "5"))
ONE_REQUEST_SECONDS = 1.0 / REQUESTS_PER_SECOND

# As docs/provisioning.md has them: reads of the catalogue, of the project and of the key, and of each node.
TO_READ_THE_CATALOGUE = 2
TO_PREPARE, TO_LOOK_AT_THE_PREPARED = 3, 2
TO_BUY_A_NODE, TO_LOOK_AT_A_NODE = 6, 3


@pytest.fixture
def cloud_options() -> Options:
    """The limit of the real API, and answers that take as long as its distance makes them."""
    return Options(requests_per_second=REQUESTS_PER_SECOND, latency_seconds=ONE_REQUEST_SECONDS)


def test_within_the_limit(cloud: RunningCloud) -> None:
    terraform = Terraform(
        CONFIGURATIONS / "environments" / "production",
        environment=cloud.environment,
        variables=deployment(control_plane_count=NODES, month_budget=99999, drift_checks=False, protected=False),
    )
    terraform.init()
    saved = terraform.directory / "saved.tfplan"
    _timed(cloud, terraform, "plan", f"-out={saved}", predicted=TO_READ_THE_CATALOGUE)
    _timed(cloud, terraform, "apply", str(saved), predicted=TO_PREPARE + NODES * TO_BUY_A_NODE)
    looks = TO_READ_THE_CATALOGUE + TO_LOOK_AT_THE_PREPARED + NODES * TO_LOOK_AT_A_NODE
    _timed(cloud, terraform, "plan", "-detailed-exitcode", predicted=looks)
    assert len(cloud.store.servers.all()) == NODES


def _timed(cloud: RunningCloud, terraform: Terraform, *command: str, predicted: int) -> None:
    """Run a command; as many requests as predicted, none refused, and not much slower than the limit allows."""
    before, began = len(cloud.requests), time.monotonic()
    with terraform.start(command[0], "-parallelism=1", *command[1:]) as running:
        said, _ = running.communicate()
    seconds = time.monotonic() - began
    assert running.returncode == 0, said
    requests = cloud.requests[before:]
    shortest = predicted * ONE_REQUEST_SECONDS
    print(f"{command[0]} of {NODES} nodes: {len(requests)} requests, predicted {shortest:.0f} s, took {seconds:.0f} s")
    assert len(requests) == predicted
    assert [entry for entry in requests if entry.status == 429] == []
    assert seconds < 2 * shortest + 15
