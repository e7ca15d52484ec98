"""Which test files exercise which module: its own `*.tftest.hcl`, and the pytest files that name it or its callers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from house_lint.configuration import Configuration

_RUN = re.compile(r'^run\s+"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The tests of one configuration: how many `run` blocks each Terraform test has, and the Python tests."""

    configuration: Path
    terraform_tests: dict[str, int]
    python_tests: tuple[str, ...]
    called_by: tuple[str, ...]

    @property
    def is_tested(self) -> bool:
        """Whether anything runs it: by itself, or as the inner part of an example."""
        is_inside = "examples" in self.configuration.parts and bool(self.called_by)
        return bool(self.terraform_tests or self.python_tests) or is_inside


def coverage(configurations: Iterable[Configuration], tests: Path) -> tuple[Coverage, ...]:
    """Look for the tests of every configuration; `tests` is the directory of the Python ones."""
    everything = tuple(configurations)
    python_tests = {file.name: file.read_text() for file in sorted(tests.rglob("test_*.py"))}
    return tuple(
        Coverage(
            configuration=configuration.directory,
            terraform_tests=_terraform_tests(configuration.directory),
            python_tests=tuple(name for name, text in python_tests.items() if _names(text, configuration.directory)),
            called_by=_callers(configuration, everything),
        )
        for configuration in everything
    )


def _terraform_tests(directory: Path) -> dict[str, int]:
    files = sorted([*directory.glob("*.tftest.hcl"), *directory.glob("tests/*.tftest.hcl")])
    return {file.name: len(_RUN.findall(file.read_text())) for file in files}


def _names(text: str, directory: Path) -> bool:
    """As `modules/node`, or as the parts of a Path."""
    kind, name = directory.parts[-2:]
    return f"{kind}/{name}" in text or f'"{kind}" / "{name}"' in text


def _callers(configuration: Configuration, everything: tuple[Configuration, ...]) -> tuple[str, ...]:
    return tuple(
        "/".join(other.directory.parts[-2:])
        for other in everything
        for module in other.of("module")
        if (other.directory / str(module.body["source"])).resolve() == configuration.directory.resolve()
    )
