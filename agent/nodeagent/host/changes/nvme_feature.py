"""Set a feature of an NVMe controller: the one at the planned PCI function, if it still has the planned serial number.

Names like nvme0 are given in the order drives answer, and a slot may hold another drive by now; both are looked up each
time. The drive's own answer to Get Features is what counts, before and after.
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.host.nvme import controller_at
from nodeagent.host.nvme_admin import NvmeAdmin
from nodeagent.model.drive_change import SetNvmeFeature, feature_state
from nodeagent.model.errors import HostError

if TYPE_CHECKING:
    from nodeagent.host.host import Host


def observe(host: "Host", change: SetNvmeFeature) -> Observation:
    """HostError where the drive is there and does not answer."""
    name = _controller(host, change)
    if not name:
        return Observation(state="", gone=True)
    try:
        with NvmeAdmin.open(host.path(f"/dev/{name}")) as admin:
            value = admin.feature(change.feature)
    except OSError as error:
        raise _error(f"read feature {change.feature} of", name, error) from error
    return Observation(
        state=feature_state(change.feature, value), raw=str(value), place=host.real(f"/sys/class/nvme/{name}")
    )


def perform(host: "Host", change: SetNvmeFeature) -> None:
    """HostError where the drive is gone, or refuses the value."""
    name = _controller(host, change)
    if not name:
        raise HostError(
            f"no NVMe drive with serial number {change.serial} is at {change.address} now", remedy="nodeagent tune plan"
        )
    try:
        with NvmeAdmin.open(host.path(f"/dev/{name}")) as admin:
            admin.set_feature(change.feature, change.after)
    except OSError as error:
        raise _error(f"set feature {change.feature} to {change.after} of", name, error) from error


def _controller(host: "Host", change: SetNvmeFeature) -> str:
    name = controller_at(host, change.address)
    if not host.is_live or not name:
        return ""
    return name if host.text(f"/sys/class/nvme/{name}/serial") == change.serial else ""


def _error(doing: str, name: str, error: OSError) -> HostError:
    return HostError(
        f"cannot {doing} {name}: {error.strerror or error}",
        remedy=f"as root, see what it says: nvme get-feature /dev/{name} --feature-id=2; dmesg | grep {name}",
    )
