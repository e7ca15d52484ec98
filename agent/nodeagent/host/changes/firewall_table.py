"""Put our nftables table into the kernel, in one transaction, after nft(8) checked the whole of it without doing it.

Sources: nft(8).
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.host.firewall import nft
from nodeagent.model.command import Completed
from nodeagent.model.errors import HostError
from nodeagent.model.firewall_change import FAMILY, TABLE, SetFirewallTable

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_LIST = f"nft list table {FAMILY} {TABLE}"


def observe(host: "Host", change: SetFirewallTable) -> Observation:
    """HostError where the table can't be read."""
    reading = host.firewall_table(FAMILY, TABLE)
    if reading.problem:
        raise HostError(f"the firewall can't be read: {reading.problem}", remedy=_LIST)
    return Observation(state=reading.state, raw=reading.table.text if reading.table else "")


def perform(host: "Host", change: SetFirewallTable) -> None:
    """HostError, with nothing changed, where nft or the kernel refuses any part of the table."""
    if not host.is_live:
        raise HostError(f"{host.root} is a tree of files: no kernel there filters packets")
    checked = nft("-c", "-f", "-", script=change.script)
    if not checked.ok:
        raise _refused("would not take", checked)
    loaded = nft("-f", "-", script=change.script)
    if not loaded.ok:
        raise _refused("did not take", loaded)


def _refused(how: str, completed: Completed) -> HostError:
    said = completed.stderr.decode("utf-8", "replace").strip()[-400:] or f"exit code {completed.exit_code}"
    return HostError(
        f"the kernel {how} the table {FAMILY} {TABLE}: {said}",
        remedy=f"as root; `{_LIST}` shows what is there, `modprobe nf_tables` loads what is missing",
    )
