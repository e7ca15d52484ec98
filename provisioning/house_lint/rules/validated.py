"""A variable that can't take just any value says so before anything is planned.

Held to be checked: a variable with a validation; one that is a yes or no; one that a precondition, a postcondition or a
check looks at, itself or by way of local values; and one that is only handed to a module, which checks it itself.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from house_lint.configuration import Configuration, Declaration, references
from house_lint.finding import Finding, at

_WITHOUT_DOMAIN = re.compile(r"\$\{(bool|(map|list|set)\(bool\))\}|bool")

_LOCAL = r"\blocal\.(\w+)"


def check(configuration: Configuration) -> Iterator[Finding]:
    """No counterpart in tflint."""
    conditions = list(_with_locals(configuration))
    for variable in configuration.of("variable"):
        pattern = rf"\b(var\.{variable.name})\b"
        if (
            "validation" in variable.body
            or _WITHOUT_DOMAIN.fullmatch(str(variable.body.get("type")))
            or references(conditions, pattern)
            or _only_handed_on(configuration, variable, pattern)
        ):
            continue
        yield at(variable, "validated", "takes any value; say by a validation which it may have")


def _with_locals(configuration: Configuration) -> Iterator[object]:
    """All conditions, and the local values that they are made of."""
    conditions = [condition for declaration in configuration.declarations for condition in _conditions(declaration)]
    yield from conditions
    local_values = {declaration.name: declaration.body for declaration in configuration.of("local")}
    seen: set[str] = set()
    wanted = references(conditions, _LOCAL)
    while wanted:
        seen |= wanted
        found = [local_values[name] for name in wanted if name in local_values]
        yield from found
        wanted = references(found, _LOCAL) - seen


def _conditions(declaration: Declaration) -> Iterator[Mapping[str, Any]]:
    holders = declaration.blocks("lifecycle") if declaration.kind in {"resource", "data"} else [declaration.body]
    for holder in holders:
        for kind in ("precondition", "postcondition", "assert"):
            yield from holder.get(kind, [])


def _only_handed_on(configuration: Configuration, variable: Declaration, pattern: str) -> bool:
    users = [other for other in configuration.declarations if other is not variable and references(other.body, pattern)]
    return bool(users) and all(user.kind == "module" for user in users)
