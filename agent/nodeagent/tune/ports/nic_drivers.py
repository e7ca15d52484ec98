"""What is known of network drivers before they are asked: how they round, and what they change without a pause.

A list of what is known is no list of all. What isn't here is taken at its word, read back, and counted as link-flap.

Sources: the drivers' `set_ringparam`, `set_coalesce` and `ndo_set_features` below drivers/net/ethernet of Linux 6.1;
igb measured in a guest.
"""

from nodeagent.model.change import Risk

_RING_MULTIPLES = {
    **dict.fromkeys(("igb", "igbvf", "igc", "ixgbe", "ixgbevf", "e1000e"), 8),
    **dict.fromkeys(("i40e", "iavf", "ice"), 32),
}
"""Sizes are rounded up to a multiple (REQ_RX_DESCRIPTOR_MULTIPLE, I40E_REQ_..., ICE_REQ_DESC_MULTIPLE)."""

_RING_POWERS = frozenset({"mlx5_core", "mlx4_core", "mlx4_en"})
"""Sizes are rounded up to a power of two (mlx5e_ethtool_set_ringparam, mlx4_en_set_ringparam)."""

_COALESCES_LIVE = frozenset({"igb", "igc", "i40e", "iavf", "ice", "ena", "bnxt_en", "tg3", "virtio_net"})
"""set_coalesce writes registers. ixgbe resets where a value crosses the one for RSC, mlx5 reopens its queues."""

_STACK_FEATURES = frozenset({"rx-gro", "rx-gro-list", "rx-udp-gro-forwarding", "tx-generic-segmentation"})
"""Done by the kernel above the driver (NETIF_F_SOFT_FEATURES), so no card is told."""

_TRANSMIT_LIVE = frozenset({"igb", "igc", "ixgbe", "i40e", "ice", "virtio_net"})
"""ndo_set_features looks at no flag of transmission: those only tell the stack what to hand over."""

_RESET_BY = {"igb": frozenset({"rx-ntuple-filter", "rx-all"})}
"""The only flags for which igb_set_features resets the port."""

_HASHES_LIVE = frozenset({"igb", "igc", "ixgbe", "i40e", "ice"})


def ring_size(driver: str, wanted: int, most: int) -> int:
    """The size that a driver makes of the wanted one, as far as is known; `most` is its maximum."""
    if driver in _RING_POWERS:
        return min(1 << (wanted - 1).bit_length(), most)
    multiple = _RING_MULTIPLES.get(driver, 1)
    return min(-(-wanted // multiple) * multiple, most)


def coalescing_risk(driver: str) -> Risk:
    return Risk.LIVE if driver in _COALESCES_LIVE else Risk.LINK_FLAP


def hash_risk(driver: str) -> Risk:
    return Risk.LIVE if driver in _HASHES_LIVE else Risk.LINK_FLAP


def feature_risk(driver: str, name: str) -> Risk:
    """Link-flap unless it is known that nothing pauses."""
    if name in _STACK_FEATURES:
        return Risk.LIVE
    if driver in _RESET_BY:
        return Risk.LINK_FLAP if name in _RESET_BY[driver] else Risk.LIVE
    return Risk.LIVE if driver in _TRANSMIT_LIVE and name.startswith("tx-") and "vlan" not in name else Risk.LINK_FLAP
