"""What is named like a secret is marked sensitive, so that no plan and no log shows it."""

import re
from collections.abc import Iterator

from house_lint.configuration import Configuration
from house_lint.finding import Finding, at

_SECRET = re.compile(r"(^|_)(password|passwd|secret|token|private_key|api_key)s?(_|$)")


def check(configuration: Configuration) -> Iterator[Finding]:
    """No counterpart in tflint."""
    for declaration in configuration.of("variable", "output"):
        if _SECRET.search(declaration.name) and declaration.body.get("sensitive") is not True:
            yield at(declaration, "secrets", "is named like a secret, and is not marked sensitive")
