"""Changes of a drive's own settings, which live in its controller until it is reset.

Source: NVM Express Base Specification 2.0, 5.27 (Set Features); nvme-set-feature(1).
"""

from dataclasses import dataclass

from nodeagent.model.change import Lifetime, SetState


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNvmeFeature(SetState):
    """Set one feature of an NVMe controller, which is found by its PCI function and must have this serial number.

    The value is not saved: the drive forgets it when it is reset, which every boot does.
    """

    kind = "set-nvme-feature"
    lifetime = Lifetime.BOOT

    address: str
    serial: str
    feature: int
    before: int
    after: int

    def before_state(self) -> str:
        return feature_state(self.feature, self.before)

    def after_state(self) -> str:
        return feature_state(self.feature, self.after)

    def command(self) -> str:
        node = f'"/dev/$(ls /sys/bus/pci/devices/{self.address}/nvme)"'
        return f"nvme set-feature {node} --feature-id={self.feature} --value={self.after}"


def feature_state(feature: int, value: int) -> str:
    """The canonical state of a feature."""
    return f"feature {feature} = {value}"
