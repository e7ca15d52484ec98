"""An SSH key in JSON."""

from cherrylab.api.endpoint import Json
from cherrylab.cloud.clock import timestamp
from cherrylab.cloud.ssh_keys import SshKey


def ssh_key_json(key: SshKey) -> Json:
    return {
        "id": key.id,
        "label": key.label,
        "key": key.key,
        "fingerprint": key.fingerprint,
        "created": timestamp(key.created_at),
        "updated": timestamp(key.updated_at),
        "href": f"/ssh-keys/{key.id}",
    }
