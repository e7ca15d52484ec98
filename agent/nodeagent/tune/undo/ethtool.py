"""The shell's view of what a driver keeps, for the undo script: the text of `ethtool`, and the way back by it.

A rescue shell has no JSON parser, and the `ethtool` of Debian 12 has JSON for few of these; so its text is read line by
line. Exit code 80 of older ones means that nothing had to be changed.

Sources: ethtool(8); the output of ethtool 6.1 with igb and virtio_net.
"""

import shlex
from collections.abc import Iterator, Sequence

from nodeagent.model.change import Change
from nodeagent.model.ethtool_change import (
    FeatureState,
    SetChannels,
    SetCoalescing,
    SetFeatures,
    SetFlowHash,
    SetRings,
)
from nodeagent.tune.ports.feature_names import SHOWN

EthtoolChange = SetChannels | SetRings | SetCoalescing | SetFeatures | SetFlowHash

FUNCTIONS = r"""
find_ethtool() {
    IFS=:
    places=$PATH:/usr/sbin:/sbin
    for place in $places; do
        [ ! -x "$place/ethtool" ] || { printf %s "$place/ethtool"; return; }
    done
}
ethtool_program=$(find_ethtool)
# interface_at FUNCTION: its name now; that of a virtio port hangs one step lower
interface_at() {
    for place in "$root/sys/bus/pci/devices/$1"/net/* "$root/sys/bus/pci/devices/$1"/virtio*/net/*; do
        [ ! -e "$place" ] || { printf %s "${place##*/}"; return; }
    done
}
# ask_port FLAG FUNCTION WORD...: what ethtool prints
ask_port() {
    flag=$1
    port=$(interface_at "$2")
    shift 2
    [ -n "$port" ] && "${ethtool_program:-false}" "$flag" "$port" "$@" 2>/dev/null
}
# set_port FLAG FUNCTION WORD...
set_port() {
    flag=$1
    port=$(interface_at "$2")
    shift 2
    [ -n "$port" ] || return 1
    "${ethtool_program:-false}" "$flag" "$port" "$@" >/dev/null || [ "$?" = 80 ]
}
# now_has FLAG FUNCTION LABEL VALUE: the present number, below the maxima; n/a counts as 0
now_has() {
    ask_port "$1" "$2" | {
        present=no
        while IFS= read -r line; do
            case $line in
            "Current hardware settings:"*) present=yes ;;
            "$3:"*)
                words "${line#*:}"
                [ "$text" != n/a ] || text=0
                [ "$present" = no ] || [ "$text" != "$4" ] || echo yes
                ;;
            esac
        done
    } | grep -q yes
}
# waits_for FUNCTION LABEL VALUE: a line of ethtool -c; n/a counts as 0
waits_for() {
    ask_port -c "$1" | while IFS= read -r line; do
        words "$line"
        case $text in
        "$2: $3") echo yes ;;
        "$2: n/a") [ "$3" != 0 ] || echo yes ;;
        esac
    done | grep -q yes
}
# adapts FUNCTION DIRECTION on|off
adapts() {
    ask_port -c "$1" | while IFS= read -r line; do
        words "$line"
        case "$text " in
        "Adaptive RX: $3 "*) [ "$2" != RX ] || echo yes ;;
        esac
        case "$text " in
        "Adaptive RX: "*"TX: $3 "*) [ "$2" != TX ] || echo yes ;;
        "Adaptive RX: "*"TX: n/a "*) [ "$2$3" != TXoff ] || echo yes ;;
        esac
        case "$text " in
        "Adaptive RX: n/a "*) [ "$2$3" != RXoff ] || echo yes ;;
        esac
    done | grep -q yes
}
# flag_is FUNCTION NAME STATE: a line of ethtool -k
flag_is() {
    ask_port -k "$1" | while IFS= read -r line; do
        words "$line"
        [ "$text" != "$2: $3" ] || echo yes
    done | grep -q yes
}
# hashes FUNCTION FLOW LETTERS
hashes() {
    letters=$(ask_port -n "$1" rx-flow-hash "$2" | while IFS= read -r line; do
        case $line in
        "L2DA"*) printf m ;;
        "VLAN tag"*) printf v ;;
        "L3 proto"*) printf t ;;
        "IP SA"*) printf s ;;
        "IP DA"*) printf d ;;
        "L4 bytes 0 & 1"*) printf f ;;
        "L4 bytes 2 & 3"*) printf n ;;
        esac
    done)
    [ "$letters" = "$3" ]
}
"""

_CHANNELS = {"combined": "Combined", "rx": "RX", "tx": "TX"}
_RINGS = {"rx": "RX", "tx": "TX"}


def ethtool_functions(steps: Sequence[Change]) -> str:
    """What a script with these steps has to define for them; nothing where none of them is one of these."""
    return FUNCTIONS if any(isinstance(change, EthtoolChange) for change in steps) else ""


def condition(change: EthtoolChange) -> str:
    """A shell condition: is the state the one after this change?"""
    address = shlex.quote(change.address)
    match change:
        case SetChannels():
            labels = [(_CHANNELS[name], value) for name, value in change.after.given().items() if name in _CHANNELS]
            return _all(f"now_has -l {address} {label} {value}" for label, value in labels)
        case SetRings():
            return _all(f"now_has -g {address} {_RINGS[name]} {v}" for name, v in change.after.given().items())
        case SetCoalescing():
            return _all(_waits(address, name, value) for name, value in change.after.given().items())
        case SetFeatures():
            return _all(f"flag_is {address} {_shown(flag)} {shlex.quote(_state(flag))}" for flag in change.after)
        case SetFlowHash():
            return f"hashes {address} {shlex.quote(change.flow)} {shlex.quote(change.after)}"


def actions(back: EthtoolChange) -> Iterator[str]:
    """The commands of the way back, all of which must succeed."""
    address = shlex.quote(back.address)
    match back:
        case SetChannels():
            yield f"set_port -L {address} " + _words(back.after.given())
        case SetRings():
            yield f"set_port -G {address} " + _words(back.after.given())
        case SetCoalescing():
            yield f"set_port -C {address} " + _words(back.after.given())
        case SetFeatures():
            yield f"set_port -K {address} " + _words({flag.name: flag.requested for flag in back.after})
        case SetFlowHash():
            flow, letters = shlex.quote(back.flow), shlex.quote(back.after)
            yield f"set_port -N {address} rx-flow-hash {flow} {letters}"


def _all(conditions: Iterator[str]) -> str:
    return "{ " + " && ".join([*conditions] or ["true"]) + "; }"


def _waits(address: str, name: str, value: object) -> str:
    if name.startswith("adaptive"):
        return f"adapts {address} {name[-2:].upper()} {_word(value)}"
    return f"waits_for {address} {name.replace('_', '-')} {value}"


def _shown(flag: FeatureState) -> str:
    return shlex.quote(SHOWN.get(flag.name, flag.name))


def _state(flag: FeatureState) -> str:
    wish = "" if flag.active == flag.requested else f" [requested {_word(flag.requested)}]"
    return f"{_word(flag.active)}{wish}"


def _words(values: dict[str, object]) -> str:
    return " ".join(f"{shlex.quote(name.replace('_', '-'))} {_word(value)}" for name, value in values.items())


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
