"""Apply one filesystem entry in a process of its own, so that a test can kill it: IMAGE MOUNT_POINT TYPE STATE."""

import sys
from pathlib import Path

from nodeagent.host import Host
from nodeagent.model.change import Risk
from nodeagent.model.profile import Profile
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Setting
from nodeagent.tune.apply import apply
from nodeagent.tune.apply_result import ApplyResult, Order
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemType, Make
from nodeagent.tune.plan import make_plan
from nodeagent.tune.session import open_session
from nodeagent.tune.tunables.filesystem import FILESYSTEM


def entry_for(image: Path, mount_point: Path, fstype: FilesystemType) -> FilesystemEntry:
    return FilesystemEntry(
        mount_point=str(mount_point),
        device=DeviceSelector(backing_file=str(image)),
        type=Setting(value=fstype),
        label=Setting(value="ledger"),
        options=Setting(value=("noatime",)),
        owner=Setting(value="nobody"),
        mode=Setting(value="0750"),
        make=Setting(value=Make.WHEN_EMPTY),
    )


def profile_of(*entries: FilesystemEntry) -> Profile:
    return Profile(name="test", summary="", digest="test", files=(), tune={"filesystem": entries})


def apply_profile(host: Host, profile: Profile, state: Path) -> ApplyResult:
    plan = make_plan(host, profile, host.facts(fresh=True), [FILESYSTEM])
    order = Order(
        plan=plan,
        profile=profile,
        tunables=[FILESYSTEM],
        read_facts=lambda: host.facts(fresh=True),
        allow=[Risk.DESTRUCTIVE],
    )
    with open_session(host, state, command="test") as session:
        return apply(session, order)


if __name__ == "__main__":
    image, mount_point, fstype, state = sys.argv[1:]
    entry = entry_for(Path(image), Path(mount_point), FilesystemType(fstype))
    print(apply_profile(Host(), profile_of(entry), Path(state)).outcome)
