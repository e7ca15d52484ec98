"""One way to write a thing: comments with #, no quotes around a lone expression, brackets for an index."""

import re
from collections.abc import Iterator

from house_lint.configuration import Configuration
from house_lint.finding import Finding

_FAULTS = (
    (re.compile(r"^\s*//"), "comments begin with #"),
    (re.compile(r'=\s*"\$\{[^{}"]*\}"\s*$'), "a lone expression stands without quotes and ${}"),
    (re.compile(r"^[^\"#]*\b[a-z_]+\.\d+\b"), "an index stands in brackets"),
    (re.compile(r"^[^#]*\bterraform\.workspace\b"), "environments are directories, not workspaces"),
)


def check(configuration: Configuration) -> Iterator[Finding]:
    """tflint: terraform_comment_syntax, _deprecated_interpolation, _deprecated_index, _workspace_remote."""
    for file in configuration.files:
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            for pattern, message in _FAULTS:
                if pattern.search(line):
                    yield Finding(file=file, line=number, rule="syntax", message=message)
