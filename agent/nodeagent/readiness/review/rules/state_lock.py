"""A state that two people can write at once, or that others can read.

Plan JSON doesn't tell the backend; `terraform init` leaves it in the working directory, which --directory names.
"""

from collections.abc import Iterator

from nodeagent.readiness.review.attributes import flag, text
from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.workspace import BACKEND_FILE, Backend

_LOCK_BY_THEMSELVES = frozenset({"remote", "cloud", "gcs", "azurerm", "consul", "kubernetes", "pg", "cos"})


def _find(situation: Situation) -> Iterator[Met]:
    workspace = situation.workspace
    if not workspace.initialised:
        yield Met(
            address="",
            message=f"no {BACKEND_FILE} beside the plan, so where the state is and whether it is locked isn't known",
            remedy="give the directory in which `terraform init` ran: --directory DIR",
            severity=None if situation.stage.strict else Severity.NOTE,
        )
    elif workspace.backend is None or workspace.backend.type == "local":
        yield Met(
            address="",
            message="the state is a file on this machine: nobody else sees it, and no lock keeps two applies apart",
            remedy="keep it in S3 with use_lockfile (module state-backend)",
            severity=None if situation.stage.strict else Severity.NOTE,
        )
    else:
        yield from _of_backend(workspace.backend)


def _of_backend(backend: Backend) -> Iterator[Met]:
    if not _locks(backend):
        yield Met(
            address="",
            message=f"backend {backend.type} has no lock: two applies at once can lose the state",
            remedy="s3: set use_lockfile = true; http: set lock_address",
        )
    if backend.type == "s3" and not flag(backend.config, "encrypt"):
        yield Met(
            address="",
            message="the state in S3 isn't said to be encrypted, and it holds user data",
            remedy="set encrypt = true",
            severity=Severity.WARNING,
        )


def _locks(backend: Backend) -> bool:
    match backend.type:
        case "s3":
            return flag(backend.config, "use_lockfile") or bool(text(backend.config, "dynamodb_table"))
        case "http":
            return bool(text(backend.config, "lock_address"))
        case kind:
            return kind in _LOCK_BY_THEMSELVES


STATE_LOCK = Rule(
    id="NR-POLICY-007",
    name="state-lock",
    summary="The state is shared, locked and encrypted",
    severity=Severity.ERROR,
    find=_find,
)
