"""The last confirmed profile, kept whole in the state directory, so that a boot needs no profile file.

Files of profiles change, and a machine that comes up at night must do what somebody has seen to be right. Each apply
notes its profile before the first change; the note becomes the boot's profile once the apply has ended well and, where
it waited for a confirmation, was confirmed. What a rollback takes back is taken out of it.

    boot/profile.json                what the next boot applies
    boot/pending-<transaction>.json  what it may become
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from nodeagent.host.state_directory import ensure_state_directory, remove_own_file, write_own_file
from nodeagent.model.change import Risk
from nodeagent.model.errors import HostError, NodeagentError
from nodeagent.model.profile import Profile
from nodeagent.profiles.hints import child
from nodeagent.profiles.plain import from_plain, to_plain
from nodeagent.tune.ledger import Transaction
from nodeagent.tune.session import Session
from nodeagent.tune.tunable import AnyTunable
from nodeagent.version import VERSION

DIRECTORY_NAME = "boot"
BOOT_VERSION = 1
APPLIED = "applied"
"""The last word of an apply that ended well (ApplyOutcome)."""

_FILE = "profile.json"
_PENDING = "pending-"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootProfile:
    """What a boot applies: the profile, and what was allowed when it was confirmed."""

    profile: Profile
    transaction: str
    allow: frozenset[Risk]
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What an apply sets up: a profile, or `only` some tunables of it, and what was allowed."""

    profile: Profile
    only: tuple[str, ...] = ()
    allow: Collection[Risk] = ()
    overrides: Collection[str] = ()


def note(session: Session, transaction: str, candidate: Candidate) -> None:
    """Keep what an apply is about to set up, until it is known how it ends; HostError where that can't be kept."""
    directory = session.state_directory / DIRECTORY_NAME
    _write(_pending(directory, transaction), _merged(directory, candidate, transaction))


def keep(session: Session, candidate: Candidate) -> None:
    """Keep a profile that the machine fulfils already: there was nothing to apply and is nothing to confirm."""
    directory = session.state_directory / DIRECTORY_NAME
    known = _known(directory, needed=bool(candidate.only))
    text = _merged(directory, candidate, known["transaction"] if known else "")
    if known is None or json.loads(text) != known:
        _write(directory / _FILE, text)


def settle(session: Session) -> None:
    """Let what was confirmed be the boot's profile, and forget what was undone; HostError where that can't be kept."""
    directory = session.state_directory / DIRECTORY_NAME
    for path in sorted(_notes(directory), key=lambda path: _age(session, path)):
        transaction = session.ledger.transactions.get(_name(path))
        if transaction is not None and _stands(transaction):
            _replace(path, directory / _FILE)
        elif transaction is None or not _may_still_stand(transaction):
            _remove(path)


def read(state_directory: Path, tunables: Sequence[AnyTunable]) -> BootProfile | None:
    """The last confirmed profile, None where there is none; NodeagentError where the file is damaged or of another
    version.
    """
    path = state_directory / DIRECTORY_NAME / _FILE
    if not path.exists():
        return None
    document = _read(path)
    types = {tunable.name: tunable.Settings for tunable in tunables}
    try:
        plain = json.loads(document["profile"])
        tune = {name: from_plain(types[name], item) for name, item in plain.pop("tune").items()}
        typed = {key: from_plain(child(Profile, key), item) for key, item in plain.items()}
        return BootProfile(
            profile=Profile(**typed, tune=tune),
            transaction=document["transaction"],
            allow=frozenset(Risk(name) for name in document["allow"]),
            overrides=tuple(document["overrides"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def forget(state_directory: Path, tunables: Collection[str] | None) -> None:
    """Take these tunables out of it, all for None: they were rolled back, and must not come back with a boot.

    HostError where that can't be done.
    """
    path = state_directory / DIRECTORY_NAME / _FILE
    if not path.exists():
        return
    document = _read(path) if tunables is not None else None
    plain = json.loads(document["profile"]) if document else {"tune": {}}
    plain["tune"] = {name: item for name, item in plain["tune"].items() if name not in (tunables or ())}
    if document is None or not plain["tune"]:
        _remove(path)
        return
    kept = {key: document[key] for key in ("transaction", "allow", "overrides")}
    _write(path, _document(plain, **kept))


def _merged(directory: Path, candidate: Candidate, transaction: str) -> str:
    """The document of a candidate. With `only` the rest stays as it was confirmed, and so does what was allowed: the
    steps for which it was are in force, so that nobody has to allow them again.
    """
    known = _known(directory, needed=bool(candidate.only))
    plain = to_plain(candidate.profile)
    if candidate.only:
        before = json.loads(known["profile"])["tune"] if known else {}
        plain["tune"] = {**before, **{name: plain["tune"][name] for name in candidate.only}}
    allow = {risk.value for risk in candidate.allow}.union(known["allow"] if known else ())
    overrides = set(candidate.overrides).union(known["overrides"] if known else ())
    return _document(plain, transaction=transaction, allow=sorted(allow), overrides=sorted(overrides))


def _known(directory: Path, *, needed: bool) -> dict[str, Any] | None:
    """What is kept so far; one that is damaged counts as none unless a part of it is `needed`."""
    if not (directory / _FILE).exists():
        return None
    try:
        return _read(directory / _FILE)
    except NodeagentError:
        if needed:
            raise
        return None


def _stands(transaction: Transaction) -> bool:
    return transaction.ended == APPLIED and (transaction.armed is None or transaction.confirmed)


def _may_still_stand(transaction: Transaction) -> bool:
    """It runs, or waits for its confirmation."""
    return transaction.ended is None or (transaction.ended == APPLIED and transaction.unconfirmed)


def _age(session: Session, path: Path) -> int:
    transaction = session.ledger.transactions.get(_name(path))
    return transaction.seq if transaction else 0


def _pending(directory: Path, transaction: str) -> Path:
    return directory / f"{_PENDING}{transaction}.json"


def _notes(directory: Path) -> list[Path]:
    try:
        return list(directory.glob(f"{_PENDING}*.json"))
    except OSError as error:
        raise HostError(
            f"cannot look for the profile of the next boot in {directory}: {error.strerror}",
            remedy=f"ls -la {directory}",
        ) from error


def _name(path: Path) -> str:
    return path.stem.removeprefix(_PENDING)


def _document(plain: Mapping[str, Any], *, transaction: str, allow: Sequence[str], overrides: Sequence[str]) -> str:
    profile = json.dumps(plain, sort_keys=True)
    document = {
        "boot_version": BOOT_VERSION,
        "nodeagent_version": VERSION,
        "transaction": transaction,
        "allow": list(allow),
        "overrides": list(overrides),
        "digest": sha256(profile.encode()).hexdigest(),
        "profile": profile,
    }
    return json.dumps(document, indent=2) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
        if document["boot_version"] != BOOT_VERSION:
            raise ValueError(f"version {document['boot_version']!r}, this nodeagent reads {BOOT_VERSION}")
        if document["digest"] != sha256(document["profile"].encode()).hexdigest():
            raise ValueError("its digest does not fit its content")
    except OSError as error:
        raise _damaged(path, str(error.strerror)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    typed: dict[str, Any] = document
    return typed


def _write(path: Path, text: str) -> None:
    try:
        ensure_state_directory(path.parent)
        write_own_file(path, text.encode())
    except OSError as error:
        raise HostError(
            f"cannot keep the profile for the next boot in {path}: {error.strerror}",
            remedy=f"make it writable again: df -h {path.parent}",
        ) from error


def _remove(path: Path) -> None:
    try:
        remove_own_file(path)
    except OSError as error:
        raise HostError(
            f"cannot remove {path}, so the next boot would apply it: {error.strerror}",
            remedy=f"ls -ld {path.parent}; df -h {path.parent}",
        ) from error


def _replace(source: Path, target: Path) -> None:
    """Durable by the content: the note was synced when it was written, and a lost name is settled again."""
    try:
        source.replace(target)
    except OSError as error:
        raise HostError(f"cannot keep {target}: {error.strerror}", remedy=f"ls -ld {target.parent}") from error


def _damaged(path: Path, reason: str) -> NodeagentError:
    return NodeagentError(
        f"{path} is not what this nodeagent wrote: {reason[:300]}",
        remedy="apply the profile once more, which writes it anew: nodeagent tune apply --profile NAME",
    )
