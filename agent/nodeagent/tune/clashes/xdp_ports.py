"""Which ports carry an XDP program of their driver, now or by the profile."""

from nodeagent.tune.clashes.situation import Situation

_NATIVE = ("native", "offload")


def xdp_on(situation: Situation, address: str) -> str:
    """Half a sentence on the XDP of the port at a PCI address; "" where there is none."""
    running = situation.host.port(address).xdp
    if running in _NATIVE:
        return f"an XDP program runs on it ({running})"
    placement = situation.profile.placement
    if placement is None or placement.nic is None or not placement.xdp.value:
        return ""
    meant = any(nic.pci_address == address and placement.nic.matches(nic) for nic in situation.facts.nics)
    return "the profile's placement keeps cores for XDP on it" if meant else ""
