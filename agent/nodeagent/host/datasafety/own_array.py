"""Is this array one that was made here? Only then is it taken for a drive; every other stacked device is refused.

The proof needs no record of ours. The members are identified as drives are, each one's superblock is read, and all must
say the same: level 0, metadata 1.2, as many members as there are, each in a place of its own, and the UUID that follows
from the members' identities (model/array_change.py). An array of others has another UUID, whatever it is called; so has
one of ours whose member was exchanged. It must run, too: one with a failed member answers reads of half its chunks.
"""

from typing import TYPE_CHECKING

from nodeagent.host.datasafety.identity import current_devices, has_identity
from nodeagent.host.datasafety.refusal import Reason, refuse
from nodeagent.host.raid import ARRAY_NAME, ArrayShown, RaidSuperblock, read_superblock, show_array
from nodeagent.model.array_change import array_state, array_uuid
from nodeagent.model.change import DeviceIdentity
from nodeagent.model.occupancy import Refusal

if TYPE_CHECKING:
    from nodeagent.host.host import Host

RUNNING = ("clean", "active", "active-idle", "write-pending")
_REMEDY = "see what it is: mdadm --detail /dev/{name}; its drives are named one by one, by serial or wwn"


def is_array_name(name: str) -> bool:
    return ARRAY_NAME.fullmatch(name) is not None


def array_refusals(host: "Host", name: str) -> list[Refusal]:
    """Why the array `name` is not one of ours that runs; empty where that is proved."""
    shown = show_array(host, name)
    problem = _shown_problem(shown) or _members_problem(host, shown)
    if not problem:
        return []
    return [refuse(Reason.WRONG_KIND, f"{name} is no array that was made here: {problem}", remedy=_remedy(name))]


def running_state(host: "Host", name: str) -> str:
    """The state of an array that `array_refusals` has proved, in the words of MakeArray; OSError where unreadable."""
    found = read_superblock(host, show_array(host, name).members[0])
    if found is None:
        raise OSError(f"a member of {name} carries no superblock")
    return array_state(uuid=found.uuid, members=found.devices, chunk_bytes=found.chunk_bytes)


def _shown_problem(shown: ArrayShown) -> str:
    if (shown.level, shown.metadata) != ("raid0", "1.2"):
        return f"sysfs says level {shown.level or 'unknown'}, metadata {shown.metadata or 'unknown'}"
    if shown.state not in RUNNING:
        return f"it does not run (array_state {shown.state or 'unknown'})"
    if shown.devices != str(len(shown.members)) or len(shown.members) < 2:
        return f"{len(shown.members)} of its {shown.devices or 'unknown'} members are there"
    return ""


def _members_problem(host: "Host", shown: ArrayShown) -> str:
    identities = {device.name: device.identity for device in current_devices(host)}
    if missing := [name for name in shown.members if not has_identity(identities.get(name, DeviceIdentity()))]:
        return f"{', '.join(missing)} can't be told from other drives"
    carried: list[RaidSuperblock] = []
    for name in shown.members:
        try:
            found = read_superblock(host, name)
        except OSError as error:
            return f"{name} can't be read ({error.strerror or error})"
        if found is None:
            return f"{name} carries no superblock of version 1.2"
        carried.append(found)
    return _disagreement(carried, [identities[name] for name in shown.members])


def _disagreement(carried: list[RaidSuperblock], members: list[DeviceIdentity]) -> str:
    first = carried[0]
    alike = {(found.uuid, found.level, found.devices, found.chunk_bytes) for found in carried}
    if len(alike) != 1 or first.level != 0 or first.devices != len(members):
        return "its members' superblocks do not say the same"
    roles = sorted(-1 if found.role is None else found.role for found in carried)
    if roles != list(range(len(members))):
        return "its members are not in a place of their own each"
    wanted = array_uuid(members, chunk_bytes=first.chunk_bytes)
    return "" if first.uuid == wanted else f"its UUID is {first.uuid}, ours of these drives would be {wanted}"


def _remedy(name: str) -> str:
    return _REMEDY.format(name=name)
