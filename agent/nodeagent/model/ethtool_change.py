"""Changes of what a network card's driver keeps: queues, rings, coalescing, feature flags, fields of the flow hash.

The object of each is the PCI function of the port; the name of its interface is looked up when the change is made. Both
states name the same fields: those that the profile names, and those that the card would move with them.

A change of one key always names the same fields, whatever of them it moves: what an earlier one recorded is what a
rollback over several applies goes back to.

Sources: ethtool(8), include/uapi/linux/ethtool.h.
"""

from dataclasses import dataclass

from nodeagent.model.change import Lifetime, SetState
from nodeagent.model.network_change import interface_words
from nodeagent.model.port_settings import Channels, Coalescing, Rings

_PCI = "/sys/bus/pci/devices"


def _interface(address: str) -> str:
    return interface_words(f"{_PCI}/{address}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChannels(SetState):
    """Set how many queues a port has. Interrupts come and go with them, and the table of flows is spread anew."""

    kind = "set-channels"
    lifetime = Lifetime.BOOT

    address: str
    before: Channels
    after: Channels

    def command(self) -> str:
        words = " ".join(f"{name} {value}" for name, value in self.after.given().items())
        return f"ethtool -L {_interface(self.address)} {words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRings(SetState):
    """Set how many frames the queues of a port hold."""

    kind = "set-rings"
    lifetime = Lifetime.BOOT

    address: str
    before: Rings
    after: Rings

    def command(self) -> str:
        words = " ".join(f"{name} {value}" for name, value in self.after.given().items())
        return f"ethtool -G {_interface(self.address)} {words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCoalescing(SetState):
    """Set one of the values that say when a port interrupts; what the card does with the others is its own matter."""

    kind = "set-coalescing"
    lifetime = Lifetime.BOOT

    address: str
    before: Coalescing
    after: Coalescing

    def command(self) -> str:
        words = " ".join(f"{name.replace('_', '-')} {_word(value)}" for name, value in self.after.given().items())
        return f"ethtool -C {_interface(self.address)} {words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureState:
    """A feature flag in one of its states; see model/port_settings.py for the two halves."""

    name: str
    active: bool
    requested: bool

    def __str__(self) -> str:
        wish = "" if self.active == self.requested else f"(requested-{_word(self.requested)})"
        return f"{self.name}={_word(self.active)}{wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFeatures(SetState):
    """Switch feature flags of a port, all at once.

    Only the wishes for these flags are written. A flag that the kernel holds off because one of these is off keeps its
    own wish, and comes back with it.
    """

    kind = "set-features"
    lifetime = Lifetime.BOOT

    address: str
    before: tuple[FeatureState, ...]
    after: tuple[FeatureState, ...]

    def before_state(self) -> str:
        return features_state(self.before)

    def after_state(self) -> str:
        return features_state(self.after)

    def command(self) -> str:
        words = " ".join(f"{feature.name} {_word(feature.requested)}" for feature in self.after)
        return f"ethtool -K {_interface(self.address)} {words}"


def features_state(features: tuple[FeatureState, ...]) -> str:
    """The canonical state of several flags, whatever their order."""
    return " ".join(sorted(map(str, features)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFlowHash(SetState):
    """Set which fields of a packet choose its receive queue. `flow` is udp4 or udp6, fields are ethtool's letters."""

    kind = "set-flow-hash"
    lifetime = Lifetime.BOOT

    address: str
    flow: str
    before: str
    after: str

    def command(self) -> str:
        return f"ethtool -N {_interface(self.address)} rx-flow-hash {self.flow} {self.after}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
