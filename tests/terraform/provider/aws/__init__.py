"""hashicorp/aws as far as our configurations need it: its schema, and nothing behind it.

With it `terraform validate` and tests with `mock_provider` run where the real plugin can't be had. `extract` made the
schema from the provider's published bindings.
"""

from pathlib import Path

from tests.terraform.provider.plugin import Provider
from tests.terraform.provider.schema import load

PROVIDER = Provider(schema=load(Path(__file__).with_name("schema.json")), configure=lambda _config: None)
