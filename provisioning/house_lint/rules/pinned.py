"""What comes from elsewhere is named by version: Terraform, providers, modules."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from house_lint.configuration import META, Configuration, Declaration
from house_lint.finding import Finding, at

_LOCAL = re.compile(r"\.\.?/")
_EXACT = re.compile(r"=?\s*\d+\.\d+\.\d+")
_BUILT_IN = frozenset({"terraform"})


def check(configuration: Configuration) -> Iterator[Finding]:
    """tflint: terraform_module_pinned_source, terraform_required_version, terraform_required_providers."""
    yield from (finding for module in configuration.of("module") for finding in _module(module))
    blocks = tuple(configuration.of("terraform"))
    if not any("required_version" in block.body for block in blocks):
        message = "no terraform block says required_version"
        yield Finding(file=configuration.directory, line=1, rule="pinned", message=message)
    providers = dict(pair for block in blocks for pair in _providers(block))
    for name, (block, provider) in providers.items():
        if not isinstance(provider, Mapping) or "source" not in provider:
            yield at(block, "pinned", f"does not say where provider {name} comes from")
        elif not _bounded(str(provider.get("version", ""))):
            yield at(block, "pinned", f"does not bound the version of provider {name} from above")
    for declaration in configuration.of("resource", "data"):
        name = declaration.labels[0].partition("_")[0]
        if name not in providers.keys() | _BUILT_IN:
            yield at(declaration, "pinned", f"needs provider {name}, which required_providers does not name")


def _module(module: Declaration) -> Iterator[Finding]:
    source = str(module.body.get("source", ""))
    if _LOCAL.match(source) or "?ref=" in source:
        return
    if not _EXACT.fullmatch(str(module.body.get("version", ""))):
        yield at(module, "pinned", f"takes whatever version of {source} there is")


def _providers(block: Declaration) -> Iterator[tuple[str, tuple[Declaration, Any]]]:
    for required in block.blocks("required_providers"):
        yield from ((name, (block, provider)) for name, provider in required.items() if name not in META)


def _bounded(version: str) -> bool:
    return "~>" in version or "<" in version or bool(_EXACT.fullmatch(version.strip()))
