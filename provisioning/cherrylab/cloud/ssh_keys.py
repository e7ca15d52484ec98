"""SSH keys: public keys of the account, named by label; a label may stand twice."""

import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cherrylab.cloud.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

_TYPES = ("ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-", "sk-")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """`fingerprint` is MD5 with colons, as the API has it; times are seconds since 1970."""

    id: int
    label: str
    key: str
    fingerprint: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKeyRequest:
    """What a client may say of a key; None is unsaid."""

    label: str | None = None
    key: str | None = None


def find(cloud: "Cloud", identity: int) -> SshKey:
    key = cloud.store.ssh_keys.get(identity)
    if key is None:
        raise NotFoundError("SSH key was not found.")
    return key


def every(cloud: "Cloud") -> tuple[SshKey, ...]:
    return cloud.store.ssh_keys.all()


def create(cloud: "Cloud", request: SshKeyRequest) -> SshKey:
    if not request.label:
        raise InvalidError("label: This value should not be blank.")
    text = (request.key or "").strip()
    now = cloud.clock.now()
    return cloud.store.ssh_keys.put(
        SshKey(
            id=cloud.store.ssh_keys.next_id(),
            label=request.label,
            key=text,
            fingerprint=_fingerprint(text),
            created_at=now,
            updated_at=now,
        )
    )


def update(cloud: "Cloud", identity: int, request: SshKeyRequest) -> SshKey:
    key = find(cloud, identity)
    text = key.key if request.key is None else request.key.strip()
    return cloud.store.ssh_keys.put(
        replace(
            key,
            label=request.label or key.label,
            key=text,
            fingerprint=_fingerprint(text),
            updated_at=cloud.clock.now(),
        )
    )


def delete(cloud: "Cloud", identity: int) -> None:
    cloud.store.ssh_keys.remove(find(cloud, identity).id)


def _fingerprint(key: str) -> str:
    """InvalidError unless this is one line of a public key as OpenSSH writes it."""
    parts = key.split()
    if len(parts) < 2 or not parts[0].startswith(_TYPES) or "\n" in key:
        raise InvalidError("key: Given SSH key is not valid.")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except binascii.Error as error:
        raise InvalidError("key: Given SSH key is not valid.") from error
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))
