"""Virtual functions on a port that carries native XDP.

Drivers share their queues between the two, and refuse whichever comes second (ixgbe answers EINVAL to a program while
it has VFs); making VFs also resets the port, which takes the program's sockets along.

Sources: ixgbe_main.c (ixgbe_xdp_setup), igb_main.c, Documentation/PCI/pci-iov-howto.rst.
"""

from collections.abc import Iterator

from nodeagent.model.network_change import SetVfCount
from nodeagent.tune.clashes.situation import Clash, Met, Situation
from nodeagent.tune.clashes.xdp_ports import xdp_on


def _find(situation: Situation) -> Iterator[Met]:
    for item in situation.items:
        if not isinstance(item, SetVfCount) or item.after.vfs <= item.before.vfs:
            continue
        if who := xdp_on(situation, item.address):
            yield Met(
                keys=(item.key,),
                reason=f"{item.address} is to get {item.after.vfs} VFs, and {who}: many drivers have queues for one of "
                "them only, and making VFs resets the port under the program",
                remedy="make VFs on another port, or give the XDP port none",
            )


SRIOV_XDP = Clash(id="NA-CONFLICT-002", find=_find)
