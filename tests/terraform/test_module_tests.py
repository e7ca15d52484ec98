"""Every `*.tftest.hcl` below provisioning/terraform, with the provider mocked: requirements, gates, inputs, outputs."""

from pathlib import Path

import pytest

from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e

_TESTED = sorted({file.parents[1] for file in CONFIGURATIONS.rglob("tests/*.tftest.hcl")})


@pytest.mark.parametrize("directory", _TESTED, ids=lambda directory: str(directory.relative_to(CONFIGURATIONS)))
def test_terraform_test(directory: Path) -> None:
    terraform = Terraform(directory, environment={})
    terraform.init()
    terraform.test()
