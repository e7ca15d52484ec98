"""The shell's view of an NVMe drive's features, for the undo script; needs nvme-cli.

Without it, or with another drive at the address, the feature counts as changed by somebody else and is reported; a
reset of the drive, which every boot does, gives its default back.
"""

import shlex
from collections.abc import Sequence

from nodeagent.model.change import Change
from nodeagent.model.drive_change import SetNvmeFeature

_FUNCTIONS = r"""
# nvme_at ADDRESS SERIAL: the node of the controller there, if it is the drive with this serial number
nvme_at() {
    for controller in "$root/sys/bus/pci/devices/$1/nvme/"nvme*; do
        strip "$(cat "$controller/serial" 2>/dev/null)"
        [ "$text" = "$2" ] && printf '/dev/%s\n' "${controller##*/}" && return 0
    done
    return 1
}
# feature_is ADDRESS SERIAL FEATURE VALUE: nvme-cli says "... Current value:0x00000000"
feature_is() {
    node=$(nvme_at "$1" "$2") && said=$(nvme get-feature "$node" --feature-id="$3" 2>/dev/null) || return 1
    said=${said##*alue:}
    said=${said%%[!0-9a-fA-Fx]*}
    [ "$(printf %d "0x${said#0x}" 2>/dev/null)" = "$4" ]
}
set_feature() { node=$(nvme_at "$1" "$2") && nvme set-feature "$node" --feature-id="$3" --value="$4" >/dev/null; }
"""


def drive_functions(steps: Sequence[Change]) -> str:
    """What the shell must know to undo these steps; "" where it needs nothing of this."""
    return _FUNCTIONS if any(isinstance(step, SetNvmeFeature) for step in steps) else ""


def drive_condition(change: SetNvmeFeature) -> str:
    """A shell condition: is the state the one after this change?"""
    return f"feature_is {_which(change)}"


def drive_action(back: SetNvmeFeature) -> str:
    """The shell command that makes this change."""
    return f"set_feature {_which(back)}"


def _which(change: SetNvmeFeature) -> str:
    return f"{shlex.quote(change.address)} {shlex.quote(change.serial)} {change.feature} {change.after}"
