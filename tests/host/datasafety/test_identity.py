"""The drive that was looked at, and no other: nodes exchanged, names reused, sizes changed, two of a kind."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.changes import observe, perform
from nodeagent.host.datasafety import NotSafeError, Reason, claim, exclusive, find_device, occupancy
from nodeagent.host.datasafety.family import device_number
from nodeagent.model.change import MakeFilesystem
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Setting
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemType, Make
from nodeagent.tune.tunables.filesystem import FILESYSTEM
from tests.host.datasafety.loops import MIB, Bench, device_at, run
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [pytest.mark.host, need_root, need_kernel("/dev/loop-control"), need_tool("losetup", "mkfs.ext4", "blkid")]


class HostWithOtherNode(Host):
    """This machine, but with another file at the place of one device node."""

    def path(self, path: str) -> Path:
        return self.__dict__["nodes"].get(path) or super().path(path)


def host_with(node: str, other: Path) -> Host:
    host = HostWithOtherNode()
    host.__dict__["nodes"] = {node: other}
    return host


def ids_of(host: Host, node: str) -> set[str]:
    """The reasons of the look and of the claim."""
    device = device_at(host, node)
    with pytest.raises(NotSafeError) as refused:
        claim(host, device).close()
    looked = {refusal.id for refusal in occupancy(host, device).refusals}
    assert set(refused.value.ids) <= looked
    return looked


def test_a_node_that_leads_to_another_drive_is_refused(bench: Bench) -> None:
    node, other = bench.attach(bench.image()), bench.attach(bench.image())
    assert Reason.WRONG_NODE.value in ids_of(host_with(node, Path(other)), node)


def test_a_symbolic_link_in_the_place_of_a_node_is_refused(bench: Bench) -> None:
    node = bench.attach(bench.image())
    link = bench.directory / "link"
    link.symlink_to(node)
    assert Reason.WRONG_NODE.value in ids_of(host_with(node, link), node)


def test_a_plain_file_in_the_place_of_a_node_is_refused(bench: Bench) -> None:
    node = bench.attach(bench.image())
    assert Reason.WRONG_NODE.value in ids_of(host_with(node, bench.image()), node)


def test_a_missing_node_is_refused(bench: Bench) -> None:
    node = bench.attach(bench.image())
    assert Reason.WRONG_NODE.value in ids_of(host_with(node, bench.directory / "nothing"), node)


def test_a_node_exchanged_all_the_time_gives_the_right_drive_or_none(bench: Bench) -> None:
    node, other = bench.attach(bench.image()), bench.attach(bench.image())
    place = bench.directory / "node"
    host = host_with(node, place)
    device = device_at(host, node)
    held = refused = 0
    with _exchanging(place, (node, other)):
        # On a busy machine the exchanges may hit every claim for a while; both ends must be seen in the end.
        deadline = time.monotonic() + 60
        while held + refused < 150 or (not (held and refused) and time.monotonic() < deadline):
            try:
                with claim(host, device) as taken:
                    assert device_number(os.fstat(taken.fd).st_rdev) == device.major_minor
                    assert device_number(os.fstat(taken.lock_fd).st_rdev) == device.major_minor
                    held += 1
            except NotSafeError as error:
                refused += 1
                ids = error.ids
                assert ids == (Reason.WRONG_NODE.value,)
    assert held
    assert refused


def test_a_drive_that_took_the_name_of_another_is_not_it(bench: Bench) -> None:
    first, second = bench.image(), bench.image()
    node = bench.attach(first)
    host = Host()
    planned = device_at(host, node)
    run("losetup", "--detach", node)
    run("losetup", node, str(second))
    bench.undo("losetup", "--detach", node)
    assert Reason.CHANGED.value in {refusal.id for refusal in occupancy(host, planned).refusals}
    with pytest.raises(NotSafeError) as refused:
        find_device(host, planned.identity)
    assert refused.value.ids == (Reason.NOT_FOUND.value,)
    with pytest.raises(NotSafeError) as refused:
        claim(host, planned)
    assert refused.value.ids == (Reason.CHANGED.value,)


def test_a_drive_under_a_new_name_is_found_again(bench: Bench) -> None:
    image = bench.image()
    node = bench.attach(image)
    host = Host()
    identity = device_at(host, node).identity
    run("losetup", "--detach", node)
    bench.attach(bench.image())
    moved = bench.attach(image)
    assert find_device(host, identity).name == moved.removeprefix("/dev/")


def test_a_drive_that_grew_is_not_the_one_that_was_planned(bench: Bench) -> None:
    image = bench.image()
    node = bench.attach(image)
    host = Host()
    change = making(host, node)
    os.truncate(image, 24 * MIB)
    run("losetup", "--set-capacity", node)
    assert observe(host, change).gone
    with pytest.raises(NotSafeError) as refused:
        perform(host, change)
    assert refused.value.ids == (Reason.NOT_FOUND.value,)


def test_a_drive_that_udev_or_another_tool_has_locked_is_refused_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = bench.attach(bench.image())
    host = Host()
    monkeypatch.setattr(exclusive, "LOCK_WAIT_SECONDS", 0.2)
    descriptor = os.open(node, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        with pytest.raises(NotSafeError) as refused:
            perform(host, making(host, node))
        assert refused.value.ids == (Reason.LOCKED.value,)
    finally:
        os.close(descriptor)
    assert occupancy(host, device_at(host, node)).free


def test_a_short_lock_is_waited_for(bench: Bench) -> None:
    node = bench.attach(bench.image())
    host = Host()
    descriptor = os.open(node, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    timer = threading.Timer(0.3, os.close, (descriptor,))
    timer.start()
    with claim(host, device_at(host, node)) as held:
        assert held.exclusive
    timer.join()


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        (DeviceSelector(backing_file="*/drive*.img", size_at_most_bytes=16 * MIB), Reason.NOT_UNIQUE),
        (DeviceSelector(backing_file="*/drive1.img", size_at_least_bytes=17 * MIB), Reason.NOT_FOUND),
        (DeviceSelector(serial="no-such-serial"), Reason.NOT_FOUND),
        (DeviceSelector(), Reason.NOT_FOUND),
    ],
)
def test_not_exactly_one_drive_is_a_finding_and_no_change(
    selector: DeviceSelector, reason: Reason, bench: Bench
) -> None:
    """Two of the same size, the wrong size, none: never "the only one left"."""
    for _ in range(2):
        bench.attach(bench.image())
    local = DeviceSelector(
        backing_file=f"{bench.directory}/{selector.backing_file[2:]}" if selector.backing_file else None,
        serial=selector.serial,
        size_at_least_bytes=selector.size_at_least_bytes,
        size_at_most_bytes=selector.size_at_most_bytes,
    )
    host = Host()
    entry = FilesystemEntry(
        mount_point=str(bench.directory / "mount-point"),
        device=local,
        type=Setting(value=FilesystemType.EXT4),
        label=Setting(value="c17"),
        make=Setting(value=Make.WHEN_EMPTY),
    )
    facts = host.facts(fresh=True)
    observed = FILESYSTEM.observe(host, (entry,), facts)
    assert FILESYSTEM.plan(observed, (entry,), facts) == ()
    assert reason.value in {finding.id for finding in FILESYSTEM.judge(observed, (entry,), facts).findings}


def making(host: Host, node: str) -> MakeFilesystem:
    identity = device_at(host, node).identity
    return MakeFilesystem(
        key="c17",
        tunable="filesystem",
        device=identity,
        fstype="ext4",
        label="c17",
        uuid="c17c17c1-7c17-4c17-8c17-c17c17c17c17",
    )


@contextmanager
def _exchanging(place: Path, nodes: tuple[str, str]) -> Iterator[None]:
    """Let `place` be now the one, now the other node, by rename."""
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            for node in nodes:
                new = place.with_name("new-node")
                os.mknod(new, 0o600 | 0o060000, Path(node).stat().st_rdev)
                new.rename(place)
                stop.wait(0.0005)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        while not place.exists():
            stop.wait(0.001)
        yield
    finally:
        stop.set()
        thread.join()
