"""The shell's view of network changes, for the undo script: what `ip link` and sysfs show, and the way back.

`ip link` is read as its text, since a rescue shell has no JSON parser; an attribute that it leaves out is 0 or none.
"""

import shlex
from collections.abc import Iterator

from nodeagent.model.network_change import BindDriver, SetLink, SetVf, SetVfCount
from nodeagent.model.port import VfAttributes

NetworkChange = SetVfCount | SetVf | BindDriver | SetLink

FUNCTIONS = r"""
# busybox has an ip of its own, which knows nothing of VFs and comes before PATH.
find_ip() {
    IFS=:
    places=$PATH:/usr/sbin:/sbin
    for place in $places; do
        [ ! -x "$place/ip" ] || { printf %s "$place/ip"; return; }
    done
}
ip_program=$(find_ip)
ip() { "${ip_program:-false}" "$@"; }
# shows FUNCTION INDEX TEXT: does the line of the VF in `ip link` hold the text?
shows() {
    ip link show dev "$(ls "$root/sys/bus/pci/devices/$1/net")" 2>/dev/null | while read -r line; do
        case "$line," in
        "vf $2 "*"$3"*) echo yes ;;
        esac
    done | grep -q yes
}
# drives FUNCTION INDEX DRIVER OVERRIDE
drives() {
    link=$root/sys/bus/pci/devices/$1/virtfn$2
    driver=$(readlink "$link/driver" 2>/dev/null)
    override=$(cat "$link/driver_override" 2>/dev/null)
    [ "${driver##*/}" = "$3" ] && [ "${override#(null)}" = "$4" ]
}
# The interface of a virtio port hangs one step below its function.
mtu_files() {
    for file in "$root$1"/net/*/mtu "$root$1"/virtio*/net/*/mtu; do
        [ ! -e "$file" ] || printf '%s\n' "$file"
    done
}
# has_vectors FUNCTION INDEX NUMBER: is that the size of the VF's MSI-X table, found through its list of capabilities?
has_vectors() {
    wanted=$3
    set -- $(od -An -v -tu1 -N256 "$root/sys/bus/pci/devices/$1/virtfn$2/config" 2>/dev/null)
    [ $# = 256 ] || return 1
    eval "at=\$((\${53} & 252))"
    turns=0
    while [ "$at" -ge 64 ] && [ "$turns" -lt 48 ]; do
        eval "kind=\${$((at + 1))} next=\$((\${$((at + 2))} & 252)) low=\${$((at + 3))} high=\${$((at + 4))}"
        if [ "$kind" = 17 ]; then
            [ $(((high & 7) * 256 + low + 1)) = "$wanted" ]
            return
        fi
        at=$next
        turns=$((turns + 1))
    done
    return 1
}
has_mtu() { [ "$(cat "$(mtu_files "$1")" 2>/dev/null)" = "$2" ]; }
put_mtu() { echo "$2" >"$(mtu_files "$1")"; }
"""


def condition(change: NetworkChange) -> str:
    """A shell condition: is the state the one after this change?"""
    match change:
        case SetVfCount():
            directory = f"/sys/bus/pci/devices/{change.address}"
            knobs = [f"is plain {directory}/sriov_numvfs {change.after.vfs}"]
            if change.after.autoprobe is not None:
                knobs.append(f"is plain {directory}/sriov_drivers_autoprobe {int(change.after.autoprobe)}")
            return "{ " + " && ".join(knobs) + "; }"
        case SetVf():
            return "{ " + " && ".join(_shown(change.address, change.index, change.after)) + "; }"
        case BindDriver():
            driver, override = shlex.quote(change.after.driver), shlex.quote(change.after.override)
            return f"drives {change.address} {change.index} {driver} {override}"
        case SetLink():
            return f"has_mtu {change.directory} {change.after_mtu}"


def actions(back: NetworkChange) -> Iterator[str]:
    """The commands of the way back, all of which must succeed."""
    match back:
        case SetVfCount():
            directory = f"/sys/bus/pci/devices/{back.address}"
            if back.after.autoprobe is not None:
                yield f"put {directory}/sriov_drivers_autoprobe {int(back.after.autoprobe)}"
            if back.before.vfs and back.after.vfs and back.before.vfs != back.after.vfs:
                yield f"put {directory}/sriov_numvfs 0"
            yield f"put {directory}/sriov_numvfs {back.after.vfs}"  # the same number again is no change
        case SetLink():
            yield f"put_mtu {back.directory} {back.after_mtu}"
        case _:
            yield back.command()


def _shown(address: str, index: int, wanted: VfAttributes) -> Iterator[str]:
    """One condition for each attribute; what is 0 or plain is not shown by `ip link`."""
    silent = {"vlan": 0, "qos": 0, "max_tx_rate": 0, "min_tx_rate": 0, "proto": "802.1q"}
    for name, value in wanted.given().items():
        if name == "msix":
            yield f"has_vectors {address} {index} {value}"
            continue
        form = _FORMS[name]
        if silent.get(name) == value:
            yield f"! shows {address} {index} {shlex.quote(form.partition('@')[0])}"
        else:
            yield f"shows {address} {index} {shlex.quote(form.replace('@', _word(value)))}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


_FORMS = {
    "mac": " @",
    "vlan": ", vlan @,",
    "qos": ", qos @,",
    "proto": ", vlan protocol @",
    "max_tx_rate": "max_tx_rate @Mbps",
    "min_tx_rate": "min_tx_rate @Mbps",
    "spoofchk": "spoof checking @,",
    "trust": "trust @,",
    "link_state": "link-state @,",
}
