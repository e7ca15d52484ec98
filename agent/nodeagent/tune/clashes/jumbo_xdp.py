"""Frames beyond a page on a port that carries native XDP.

Many drivers refuse the one while the other is there: an MTU that is set under a running program answers EINVAL, which
is harmless; one that is set before the validator starts keeps its program out, and the validator falls back or
doesn't start. That is what the profile's `placement` tells: ports for which it keeps cores for XDP are meant to carry
it.

Sources: bnxt_xdp.c (BNXT_MAX_PAGE_MODE_MTU), ixgbe_main.c (ixgbe_xdp_setup), ice_main.c (ice_xdp_setup_prog).
"""

from collections.abc import Iterator

from nodeagent.model.network_change import SetLink
from nodeagent.tune.clashes.situation import Clash, Met, Situation
from nodeagent.tune.clashes.xdp_ports import xdp_on

XDP_LIMIT_BYTES = 3050
"""The smallest of the limits that drivers put on frames while a native program without fragments runs."""


def _find(situation: Situation) -> Iterator[Met]:
    for item in situation.items:
        if not isinstance(item, SetLink) or item.index is not None or item.after_mtu <= XDP_LIMIT_BYTES:
            continue
        if who := xdp_on(situation, item.address):
            yield Met(
                keys=(item.key,),
                reason=f"{item.address} is to send frames of {item.after_mtu} bytes, and {who}: most drivers take "
                f"native XDP only up to {XDP_LIMIT_BYTES} bytes",
                remedy="keep jumbo frames to ports without XDP",
            )


JUMBO_XDP = Clash(id="NA-CONFLICT-001", find=_find)
