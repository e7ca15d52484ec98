"""What cloud-init finds in a guest: the server's name, keys and user data, on a disk of the kind NoCloud.

Its instance-id is new with every installation, so that user data runs again after a reinstall. The network is not for
cloud-init: a guest gets its addresses from the lab before anything else runs.
Source: cloud-init's documentation of the NoCloud data source.
"""

import json
import uuid
from pathlib import Path

from cherrylab.drivers.driver import Machine
from nodeagent.host.process import run
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

_NO_NETWORK = "version: 1\nconfig: disabled\n"
_NOTHING = b"#cloud-config\n"

# One kind of host key: an emulated CPU takes long for RSA. User data stands over it.
_OF_THE_VENDOR = "#cloud-config\nssh_genkeytypes: [ed25519]\n"


def seed_files(machine: Machine, *, instance_id: str) -> dict[str, bytes]:
    """The files of the disk by name."""
    about = {
        "instance-id": instance_id,
        "local-hostname": machine.hostname,
        "public-keys": list(machine.ssh_keys),
    }
    return {
        "meta-data": json.dumps(about).encode(),
        "user-data": machine.user_data or _NOTHING,
        "vendor-data": _OF_THE_VENDOR.encode(),
        "network-config": _NO_NETWORK.encode(),
    }


def write_seed(machine: Machine, target: Path) -> None:
    """Make the disk in a new file; HostError where that fails."""
    files = target.parent / "seed"
    files.mkdir()
    for name, content in seed_files(machine, instance_id=f"{machine.server_id}-{uuid.uuid4().hex}").items():
        (files / name).write_bytes(content)
    argv = ("xorrisofs", "-quiet", "-o", str(target), "-V", "cidata", "-J", "-r", str(files))
    completed = run(Command(argv=argv, timeout_seconds=30))
    if not completed.ok:
        raise HostError(f"making the seed {target}: {completed.stderr.decode(errors='replace').strip()}")
