"""The shell's view of interrupts, for the undo script: a vector is looked up by its name, as its number moves."""

import shlex
from collections.abc import Iterator

from nodeagent.model.irq_change import SetIrqAffinity

FUNCTIONS = r"""
# affinity_file FUNCTION ACTION TURN: where the CPUs of a vector stand, from $root
affinity_file() {
    turn=0
    for number in $(ls "$root/sys/bus/pci/devices/$1/msi_irqs" 2>/dev/null | sort -n); do
        [ "$(cat "$root/sys/kernel/irq/$number/actions" 2>/dev/null)" = "$2" ] || continue
        [ "$turn" = "$3" ] && { printf %s "/proc/irq/$number/smp_affinity_list"; return; }
        turn=$((turn + 1))
    done
    line=$(cat "$root/sys/bus/pci/devices/$1/irq" 2>/dev/null)
    [ "$turn" = 0 ] && [ "$(cat "$root/sys/kernel/irq/$line/actions" 2>/dev/null)" = "$2" ] &&
        printf %s "/proc/irq/$line/smp_affinity_list"
}
may_fire_on() {
    file=$(affinity_file "$1" "$2" "$3")
    [ -n "$file" ] && is plain "$file" "$4"
}
put_affinity() {
    file=$(affinity_file "$1" "$2" "$3")
    [ -n "$file" ] && put "$file" "$4"
}
"""


def condition(change: SetIrqAffinity) -> str:
    """A shell condition: is the state the one after this change?"""
    return f"may_fire_on {_arguments(change)}"


def actions(back: SetIrqAffinity) -> Iterator[str]:
    """The commands of the way back, all of which must succeed."""
    yield f"put_affinity {_arguments(back)}"


def _arguments(change: SetIrqAffinity) -> str:
    vector = change.vector
    return f"{shlex.quote(change.address)} {shlex.quote(vector.action)} {vector.turn} {shlex.quote(str(change.after))}"
