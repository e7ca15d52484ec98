"""A provider or module whose version isn't pinned: the next init may bring another one."""

import re
from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import Module

_BUILT_IN = "terraform.io/builtin/"
_PINNED = re.compile(r"^\s*(=\s*)?v?\d+\.\d+\.\d+[\w.+-]*\s*$|^\s*~>\s*\d+\.\d+\.\d+\s*$")
_REGISTRY = re.compile(r"^([\w.-]+/)?[\w-]+/[\w-]+/[\w-]+(//.*)?$")


def _find(situation: Situation) -> Iterator[Met]:
    told = set()
    for provider in situation.plan.configuration.provider_config.values():
        name, constraint = provider.full_name, provider.version_constraint
        locked = situation.workspace.locked_providers.get(name)
        if not name or name in told or name.startswith(_BUILT_IN) or locked or _PINNED.match(constraint):
            continue
        told.add(name)
        yield Met(
            address=name,
            message=f"version {constraint!r}" if constraint else "no version is asked for",
            remedy="write the version in required_providers, and commit .terraform.lock.hcl",
        )
    yield from _modules(situation.plan.configuration.root_module, "")


def _modules(module: Module, prefix: str) -> Iterator[Met]:
    for name, call in module.module_calls.items():
        address = f"{prefix}module.{name}"
        if not _is_pinned(call.source, call.version_constraint):
            yield Met(
                address=address,
                message=f"its source {call.source!r} names no version",
                remedy="add ?ref=TAG to a git address, or `version` to a module of a registry",
            )
        yield from _modules(call.module, f"{address}.")


def _is_pinned(source: str, constraint: str) -> bool:
    if source.startswith((".", "/")) or not source:
        return True
    if _REGISTRY.match(source) and "::" not in source and not source.startswith(("github.com", "bitbucket.org")):
        return _PINNED.match(constraint) is not None
    return re.search(r"[?&](ref|tag|rev|versionId|checksum)=[^&]+", source) is not None


UNPINNED_PROVIDER = Rule(
    id="NR-POLICY-005",
    name="unpinned-provider",
    summary="Every provider and module has a pinned version",
    severity=Severity.ERROR,
    find=_find,
)
