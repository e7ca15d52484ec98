"""The shell's view of the firewall, for the undo script: is a table in the kernel, and how it comes back.

A table of ours is known by its seal. That somebody changed it since isn't seen from here, as a shell can't compute a
seal anew; `nodeagent tune rollback` sees it. Any other table is compared as text.
"""

import shlex

from nodeagent.model.firewall_change import FAMILY, TABLE, SetFirewallTable

_NFT = "PATH=$PATH:/usr/sbin:/sbin nft"
_LIST = f"{_NFT} -s list table {FAMILY} {TABLE} 2>/dev/null"


def firewall_condition(change: SetFirewallTable) -> str:
    """A shell condition: is the table the one after this change? Without nft nothing is, and nothing is undone."""
    if change.after is None:
        return f"{{ {_NFT} list tables >/dev/null 2>&1 && ! {_LIST} >/dev/null; }}"
    if change.after.state.startswith("nodeagent "):
        return f"{_LIST} | grep -qF {shlex.quote(change.after.state)}"
    return f'[ "$({_LIST})" = {shlex.quote(change.after.text.rstrip())} ]'


def firewall_action(back: SetFirewallTable) -> str:
    return f"printf %s {shlex.quote(back.script)} | {_NFT} -f -"
