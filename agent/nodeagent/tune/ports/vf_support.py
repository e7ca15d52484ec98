"""What is known of drivers before they are asked: who drives their VFs, and what they will refuse.

A list of refusals is no list of all: what isn't here is tried, and the driver's answer is told with its errno.
Sources: the drivers' `ndo_set_vf_*` and `sriov_set_msix_vec_count` in drivers/net/ethernet; igb measured on Linux 6.1.
"""

from nodeagent.model.port import VfAttributes

VF_DRIVERS = {
    "igb": "igbvf",
    "ixgbe": "ixgbevf",
    "i40e": "iavf",
    "ice": "iavf",
    "fm10k": "fm10k",
    "mlx4_core": "mlx4_core",
    "mlx5_core": "mlx5_core",
    "bnx2x": "bnx2x",
    "bnxt_en": "bnxt_en",
    "cxgb4": "cxgb4vf",
    "qede": "qede",
    "sfc": "sfc",
}
"""The driver of a port to the driver that the kernel gives its VFs to."""

WITHOUT_INTERFACE = ("vfio-pci", "uio_pci_generic", "igb_uio")
"""Drivers that hand a VF to a guest or a program; the host sees no interface then."""

OWN_VECTORS = {"ice": 1}
"""Vectors that the driver of a port adds for itself to the number that is written (ice_sriov_set_msix_vec_count)."""

_NO_LINK_STATE = ("igb",)
_NO_MINIMUM_RATE = ("igb", "ixgbe", "i40e")
_ONLY_PLAIN_VLAN = ("igb", "ixgbe", "i40e")


def refusal(driver: str, wanted: VfAttributes) -> str:
    """Why this driver would refuse these attributes, "" where nothing is known against them."""
    if wanted.link_state not in (None, "auto") and driver in _NO_LINK_STATE:
        return f"{driver} can't set the link state of a VF"
    if wanted.min_tx_rate and driver in _NO_MINIMUM_RATE:
        return f"{driver} guarantees no rate to a VF (min_tx_rate)"
    if wanted.proto == "802.1ad" and driver in _ONLY_PLAIN_VLAN:
        return f"{driver} tags the frames of a VF with 802.1q only"
    return ""


def rate_needs_link(driver: str) -> bool:
    """Igb knows the speed, which bounds the rate, only while there is a link."""
    return driver == "igb"
