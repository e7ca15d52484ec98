"""The rehearsal cloud for reviews of what Terraform really plans."""

from tests.terraform.conftest import cloud, cloud_options  # noqa: F401
