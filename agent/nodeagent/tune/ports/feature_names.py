"""Names of a port's feature flags: the kernel's, and the words of ethtool, which may mean several of them.

Sources: ethtool(8) (-K), net/ethtool/common.c (netdev_features_strings), include/linux/netdev_features.h.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

ALIASES = {
    "rx": "rx-checksum",
    "rx-checksumming": "rx-checksum",
    "tx": "tx-checksum-*",
    "tx-checksumming": "tx-checksum-*",
    "sg": "tx-scatter-gather*",
    "scatter-gather": "tx-scatter-gather*",
    "tso": "tx-tcp*-segmentation",
    "tcp-segmentation-offload": "tx-tcp*-segmentation",
    "gso": "tx-generic-segmentation",
    "generic-segmentation-offload": "tx-generic-segmentation",
    "gro": "rx-gro",
    "generic-receive-offload": "rx-gro",
    "lro": "rx-lro",
    "large-receive-offload": "rx-lro",
    "rxvlan": "rx-vlan-hw-parse",
    "rx-vlan-offload": "rx-vlan-hw-parse",
    "txvlan": "tx-vlan-hw-insert",
    "tx-vlan-offload": "tx-vlan-hw-insert",
    "ntuple": "rx-ntuple-filter",
    "ntuple-filters": "rx-ntuple-filter",
    "rxhash": "rx-hashing",
    "receive-hashing": "rx-hashing",
}

NEVER_IMPLIED = frozenset({"tx-tcp-mangleid-segmentation"})
"""Off by default, because it gives packets of one segment the same IP identification; `tso: true` leaves it alone."""

_NEEDS = {
    "tx-tcp*-segmentation": ("tx-checksum-*", "tx-scatter-gather*"),
    "tx-generic-segmentation": ("tx-checksum-*", "tx-scatter-gather*"),
    "tx-scatter-gather*": ("tx-checksum-*",),
    "rx-lro": ("rx-checksum",),
    "rx-gro-hw": ("rx-checksum",),
}
"""What the kernel wants to be on before it lets a flag be on (netdev_fix_features)."""

SHOWN = {
    "rx-checksum": "rx-checksumming",
    "tx-generic-segmentation": "generic-segmentation-offload",
    "rx-gro": "generic-receive-offload",
    "rx-lro": "large-receive-offload",
    "rx-vlan-hw-parse": "rx-vlan-offload",
    "tx-vlan-hw-insert": "tx-vlan-offload",
    "rx-ntuple-filter": "ntuple-filters",
    "rx-hashing": "receive-hashing",
}
"""Flags that `ethtool -k` shows under another name than the kernel's."""


def shortest(name: str) -> str:
    """One word for all that mean the same flags: ethtool's shortest, else the kernel's own."""
    pattern = ALIASES.get(name, name)
    return min((word for word, theirs in ALIASES.items() if theirs == pattern), key=len, default=name)


def members(name: str, known: Iterable[str], *, on: bool) -> tuple[str, ...]:
    """The kernel's flags that a name means when it is switched `on` or off; empty where this kernel has none."""
    pattern = ALIASES.get(name, name)
    found = tuple(sorted(flag for flag in known if fnmatchcase(flag, pattern)))
    return tuple(flag for flag in found if not (on and len(found) > 1 and flag in NEVER_IMPLIED))


def overlap(first: str, second: str) -> bool:
    """Could two names mean the same flag?"""
    one, other = ALIASES.get(first, first), ALIASES.get(second, second)
    return one == other or fnmatchcase(one, other) or fnmatchcase(other, one)


def needs(name: str) -> tuple[str, ...]:
    """What has to be on for these flags, as patterns of the kernel's names; empty where nothing is known."""
    return tuple(dict.fromkeys(wanted for there, all_of in _NEEDS.items() if overlap(name, there) for wanted in all_of))


def needs_it(name: str, other: str) -> bool:
    """Does the first need the second one to be on?"""
    return any(overlap(other, wanted) for wanted in needs(name))


def rank(name: str) -> int:
    """0 for what needs nothing, more for what comes after others that it needs."""
    return max((1 + rank(provider) for provider in needs(name)), default=0)
