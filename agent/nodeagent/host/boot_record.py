"""What became of the settings at this boot, for whoever asks: a document, a mark of failure, a word at login.

All of it stands below /run, which a boot empties, so that an old failure can't be taken for a new one. Metrics, `tune
boot --status` and a person at the door (pam_motd(8) shows the files of /run/motd.d) read the same record.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nodeagent.host.changes import replacement
from nodeagent.host.changes.refusal import host_error

if TYPE_CHECKING:
    from nodeagent.host.host import Host

RECORD = "/run/nodeagent/boot.json"
FAILED = "/run/nodeagent/boot-failed"
MOTD = "/run/motd.d/50-nodeagent-boot"


def write_boot_record(host: "Host", record: Mapping[str, Any], *, failure: str) -> None:
    """Keep the record; `failure` is what a person reads, "" where all is well. HostError where it can't be kept."""
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    _put(host, RECORD, text)
    for path in (FAILED, MOTD):
        if failure:
            _put(host, path, f"{failure}\n")
        else:
            _remove(host, path)


def read_boot_record(host: "Host") -> dict[str, Any] | None:
    """The record of this boot; None where nothing was applied at it, or by a version that wrote something else."""
    try:
        record = json.loads(host.read(RECORD).text)
    except ValueError:
        return None
    whole = isinstance(record, dict) and {"outcome", "exit_code", "at", "problem"} <= record.keys()
    return record if whole else None


def _put(host: "Host", path: str, text: str) -> None:
    location = host.path(path)
    try:
        if not location.parent.is_dir():
            location.parent.mkdir(parents=True)
            location.parent.chmod(0o755)  # whatever the umask of a unit says
    except OSError as error:
        raise host_error("make the directory of", path, error) from error
    replacement.replace(host, path, text.encode(), mode=0o644, durable=False)


def _remove(host: "Host", path: str) -> None:
    try:
        host.path(path).unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise host_error("remove", path, error) from error
