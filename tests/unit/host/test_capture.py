"""A capture holds the same facts, no secret, and nothing that could leave its directory."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.host.archive import Archive, Entry, EntryKind, format_archive, parse_archive
from nodeagent.host.capture import capture, capture_archive, capture_text, load
from nodeagent.host.scrub import Scrubber
from nodeagent.model.errors import HostError, NodeagentError
from nodeagent.model.reading import ReadStatus
from tests.fixtures.captured import CAPTURED, HOSTS, captured_host
from tests.fixtures.generate_host import generate_host
from tests.fixtures.tree import Tree
from tests.fixtures.write_hosts import ARCHIVED, archive_text

HEADER = "nodeagent host capture 1\npage-bytes 4096\n"
SECRETS = {
    "vm": [
        "vm-node-1",
        "52:54:00:12:34:56",
        "S6CKNT0W700000",
        "36434b3054",
        "6f1c9a55-9b1a",
        "5b1f6bb4d0f1",
        "0b9ce3a1",
    ],
    "laptop": ["alice", "hunter2", "a4:c3:f0:11:22:33", "FNB5N42431", "4C530001"],
    "odd": ["alice", "PHLJ0001", "S7TWOPORTS", "3f2c8a5e-8f43"],
    "epyc-7302p-nps1": ["validator-07", "SYS-SERIAL-4711", "H0KE0001", "ASSET-0815", "S6CKNT0W7"],
}


@pytest.mark.parametrize("name", ARCHIVED)
def test_a_loaded_capture_has_the_scrubbed_facts(name: str, tmp_path: Path) -> None:
    host = ARCHIVED[name](tmp_path / "machine")
    capture(host, tmp_path / "capture")
    assert load(tmp_path / "capture", tmp_path / "copy").facts() == Scrubber().facts(host.facts())


@pytest.mark.parametrize("name", CAPTURED)
def test_capturing_a_loaded_capture_changes_nothing(name: str, tmp_path: Path) -> None:
    host = captured_host(name, tmp_path)
    again = format_archive(capture_archive(host, scrubber=Scrubber()))
    assert again == (HOSTS / f"{name}.capture").read_text()


@pytest.mark.parametrize("name", ARCHIVED)
def test_the_checked_in_captures_are_those_of_the_generator(name: str) -> None:
    assert archive_text(name) == (HOSTS / f"{name}.capture").read_text()


@pytest.mark.parametrize("name", CAPTURED)
def test_a_capture_of_any_host_gives_facts_with_few_problems(name: str, tmp_path: Path) -> None:
    facts = captured_host(name, tmp_path).facts()
    assert facts.cpus.online
    assert facts.block_devices
    if name != "odd":
        assert all("EACCES" in problem for problem in facts.problems)


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_left(name: str, tmp_path: Path) -> None:
    host = ARCHIVED[name](tmp_path / "machine")
    whole = _everything(tmp_path / "machine")
    text = format_archive(capture_archive(host, scrubber=Scrubber()))
    loaded = _everything(_unpacked(text, tmp_path))
    for secret in SECRETS[name]:
        assert secret in whole
        assert secret not in text
        assert secret not in loaded


def _unpacked(text: str, directory: Path) -> Path:
    (directory / "text").write_text(text)
    load(directory / "text", directory / "unpacked")
    return directory / "unpacked"


def _everything(directory: Path) -> str:
    """All names, targets and contents of a tree."""
    texts = []
    for path in directory.rglob("*"):
        texts.append(path.name)
        if path.is_symlink():
            texts.append(str(path.readlink()))
        elif path.is_file():
            texts.append(path.read_text(errors="replace"))
    return "\n".join(texts)


def test_one_secret_has_one_pseudonym_and_keeps_its_form(tmp_path: Path) -> None:
    host = ARCHIVED["odd"](tmp_path)
    scrubbed = Scrubber().facts(host.facts())
    both = [nic.mac for nic in scrubbed.nics]
    assert both[0] == both[1]
    assert re.fullmatch(r"02:00:00:00:00:[0-9a-f]{2}", both[0])
    serials = {drive.name: drive.serial for drive in scrubbed.block_devices if drive.serial}
    assert len(serials["nvme0n1"]) == len("PHLJ0001")
    assert serials["nvme0n1"] != serials["nvme1n1"]


def test_what_could_not_be_read_stays_unreadable_for_root_too(tmp_path: Path) -> None:
    host = captured_host("laptop", tmp_path)
    reading = host.read("/sys/firmware/dmi/tables/DMI")
    assert (reading.status, reading.problem) == (ReadStatus.UNREADABLE, "EACCES")
    assert host.read("/sys/class/net/wlp0s20f3/speed").problem == "EINVAL"


def test_what_a_capture_left_out_is_not_read_as_empty(tmp_path: Path) -> None:
    host = captured_host("cloud-vm", tmp_path)
    assert "uevent" in host.names("/sys/block/vda")
    assert host.read("/sys/block/vda/uevent").problem == "ENODATA"
    assert host.read("/dev/vda").problem == "EINVAL"
    assert host.stat("/dev/vda").kind == "device"


def test_the_knobs_of_tunables_are_in_a_capture(tmp_path: Path) -> None:
    host = captured_host("epyc-7302p-nps1", tmp_path)
    assert host.read("/proc/sys/vm/swappiness").value == "60"
    assert host.read("/proc/sys/vm/swappiness").writable
    assert host.read("/sys/kernel/mm/transparent_hugepage/enabled").value == "always [madvise] never"


def test_this_machine_can_be_captured(tmp_path: Path) -> None:
    capture(Host(), tmp_path / "capture")
    facts = load(tmp_path / "capture", tmp_path / "copy").facts()
    live = Host().facts()
    assert facts.cpus == live.cpus
    assert [node.cpus for node in facts.numa_nodes] == [node.cpus for node in live.numa_nodes]
    text = (tmp_path / "capture").read_text()
    for secret in (live.platform.machine_id, live.platform.boot_id):
        assert not secret or secret not in text


def test_a_large_machine_is_captured_whole(tmp_path: Path) -> None:
    host = generate_host(tmp_path / "machine", cpus=64, irqs=64, nvme=8, nodes=4, partitions=1)
    capture(host, tmp_path / "capture")
    assert load(tmp_path / "capture", tmp_path / "copy").facts() == Scrubber().facts(host.facts())


def test_a_capture_never_replaces_a_file(tmp_path: Path) -> None:
    host = ARCHIVED["odd"](tmp_path / "machine")
    taken, link = tmp_path / "taken", tmp_path / "link"
    taken.write_text("mine")
    link.symlink_to(tmp_path / "elsewhere")
    for file in (taken, link, tmp_path / "no" / "directory"):
        with pytest.raises(HostError):
            capture(host, file)
    assert taken.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("/a/../../etc\n    passwd 0644 = x\n", "not a path"),
        ("/\n    .. 0755 /\n", "not a path"),
        ("/a\n    b\\x2fc 0644 = x\n", "not a path"),
        ("/a\n    b\\x00 0644 = x\n", "not a path"),
        ("/a//b\n    c 0644 = x\n", "not a path"),
        ("/\n    a 0777 -> /etc\n/a\n    passwd 0644 = x\n", "below /a, which is a link"),
        ("/\n    a 0644 = file\n/a\n    b 0644 = x\n", "below /a, which is a file"),
        ("/a\n    b 0644 = 1\n    b 0644 = 2\n", "twice"),
        ("/\n    .nodeagent-tree.json 0644 = {}\n", "own index"),
        ("/a\n    b 0644 2 lines\n    |only one\n", "wanted a line of content"),
        ("/a\n    b 0644 999999 lines\n", "wanted what the entry is"),
        ("/a\n    b 0644 1 lines of base64\n    |***\n", "not base64"),
        ("/a\n    b 0777 -> \\x00\n", "not the target of a link"),
        ("/a\n    b 0777 -> " + "x/" * 2500 + "\n", "not the target of a link"),
        ("/a\n    b 9999 = x\n", "wanted a directory or an entry"),
        ("/a\n    b 0644 = \\q\n", "not an escape"),
        ("/a\n    b 0644 ! because\n", "wanted what the entry is"),
        ("relative\n", "wanted a directory or an entry"),
        ("\n\n", "wanted a directory or an entry"),
        ("/" + "x" * 300 + "\n    b 0644 = x\n", "not a path"),
    ],
)
def test_a_hostile_archive_is_refused_whole(body: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "capture").write_text(HEADER + body)
    with pytest.raises(HostError, match=problem):
        load(tmp_path / "capture", tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["capture"]


def test_what_the_file_system_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    deep = "".join(f"/{'d' * 200}" for _ in range(19))
    (tmp_path / "capture").write_text(f"{HEADER}/first\n    file 0644 = x\n{deep}\n    {'f' * 100} 0644 = x\n")
    directory = tmp_path / ("long" * 50)
    with pytest.raises(HostError, match="cannot unpack"):
        load(tmp_path / "capture", directory)
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe", b"nodeagent host capture 2\npage-bytes 4096\n", b"\n" * 9])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "capture").write_bytes(content)
    with pytest.raises(HostError, match="no host capture"):
        load(tmp_path / "capture", tmp_path / "copy")
    with pytest.raises(HostError, match="cannot read"):
        load(tmp_path / "none", tmp_path / "copy")


def test_a_capture_is_only_unpacked_into_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    for directory in (tmp_path / "full", tmp_path / "full/mine"):
        with pytest.raises(NodeagentError):
            load(HOSTS / "vm.capture", directory)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


names = st.text(min_size=1, max_size=20).filter(lambda name: name not in (".", "..") and not set("/\0") & set(name))
contents = st.one_of(
    st.text(max_size=60), st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
).map(lambda text: text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"))
entries = st.dictionaries(names, st.tuples(contents, st.integers(0, 0o7777)), max_size=8).map(
    lambda files: tuple(
        Entry(path=f"/sys/{name}", kind=EntryKind.FILE, mode=mode, content=content)
        for name, (content, mode) in sorted(files.items())
    )
)


@settings(max_examples=150, deadline=None)
@given(entries)
def test_any_content_under_any_name_is_read_back(files: tuple[Entry, ...]) -> None:
    archive = Archive(entries=files, page_bytes=65536)
    assert parse_archive(format_archive(archive), name="test") == archive


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.integers(0, 400), st.integers(0, 400))
def test_a_damaged_archive_is_an_archive_or_a_host_error(garbage: str, start: int, end: int) -> None:
    whole = (HOSTS / "laptop.capture").read_text()
    try:
        parse_archive(whole[:start] + garbage + whole[start + end :], name="test")
    except HostError:
        return


def test_a_capture_holds_what_files_tell_of_nvme_drives(tmp_path: Path) -> None:
    host = generate_host(tmp_path / "machine", cpus=4, nvme=1)
    controller = host.real("/sys/block/nvme0n1/device")
    Tree(root=tmp_path / "machine").link("/sys/class/nvme/nvme0", controller)
    values = {
        f"{controller}/power/pm_qos_latency_tolerance_us": "25000",
        f"{controller.rpartition('/nvme/')[0]}/power/control": "auto",
        f"{host.real('/sys/block/nvme0n1')}/mq/0/cpu_list": "0, 1",
    }
    for path, text in values.items():
        file = tmp_path / "machine" / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    copy = Host(root=_unpacked(format_archive(capture_archive(host, scrubber=Scrubber())), tmp_path))
    assert [copy.text(path) for path in values] == list(values.values())
    assert copy.text("/sys/class/nvme/nvme0/power/pm_qos_latency_tolerance_us") == "25000"


def test_units_are_captured_without_their_commands_and_environments(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path / "machine")
    tree.file("/run/systemd/system/.keep", "")
    secret = "Environment=TOKEN=hunter2\nExecStart=/bin/x --key hunter2"
    unit = f"[Service]\n{secret}\nLimitNOFILE=1000\n[Install]\nWantedBy=a.target"
    tree.file("/usr/lib/systemd/system/sol.service", unit)
    tree.file("/usr/lib/systemd/system/sol.service.d/10-x.conf", "[Service]\nEnvironment=B=hunter2\nLimitNOFILE=2000")
    tree.link("/etc/systemd/system/a.target.wants/sol.service", "/usr/lib/systemd/system/sol.service")
    tree.file("/sys/fs/cgroup/system.slice/sol.service/cgroup.events", "populated 1\nfrozen 0")
    tree.file("/sys/fs/cgroup/system.slice/sol.service/cgroup.procs", "4711")
    tree.file("/proc/4711/limits", "Max open files            1000                 1000                 files")
    machine = Host(root=tree.root)
    text = capture_text(machine)
    assert "hunter2" not in text
    file = tmp_path / "machine.capture"
    file.write_text(text)
    copy = load(file, tmp_path / "copy")
    assert copy.unit("sol.service") == machine.unit("sol.service")
    assert copy.unit("sol.service").active is True
    assert copy.read("/proc/4711/limits").text == machine.read("/proc/4711/limits").text
    assert copy.stat("/run/systemd/system").kind == "directory"
