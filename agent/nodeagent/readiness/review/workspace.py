"""The directory in which the plan was made: the state backend and the provider locks, which plan JSON leaves out.

`terraform init` records the backend in `.terraform/terraform.tfstate` and the chosen providers in
`.terraform.lock.hcl`; both are read here as text, so that the rules stay pure.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

BACKEND_FILE = ".terraform/terraform.tfstate"
LOCK_FILE = ".terraform.lock.hcl"

_LOCKED_PROVIDER = re.compile(r'^provider "([^"]+)" \{$(.*?)^\}$', re.MULTILINE | re.DOTALL)
_VERSION = re.compile(r'^\s*version\s*=\s*"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where the state is kept, with the settings that `init` was given."""

    type: str
    config: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """`initialised` is false where there is no `.terraform`, so nothing is known. No `backend` is a local state."""

    initialised: bool = False
    backend: Backend | None = None
    locked_providers: Mapping[str, str] = field(default_factory=dict)


def parse_workspace(*, backend: str | None, lock: str | None, initialised: bool) -> Workspace:
    """From the texts of the two files, None where one doesn't exist. What can't be read counts as not there."""
    return Workspace(
        initialised=initialised, backend=_backend(backend) if backend else None, locked_providers=_locked(lock or "")
    )


def _backend(text: str) -> Backend | None:
    try:
        found = json.loads(text).get("backend")
    except (ValueError, AttributeError, RecursionError):
        return Backend(type="unreadable")
    if not isinstance(found, dict):
        return None
    config = found.get("config")
    return Backend(type=str(found.get("type", "")), config=config if isinstance(config, dict) else {})


def _locked(text: str) -> dict[str, str]:
    blocks = ((name, _VERSION.search(body)) for name, body in _LOCKED_PROVIDER.findall(text))
    return {name: version.group(1) for name, version in blocks if version}
