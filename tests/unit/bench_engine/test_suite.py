"""From names, places and options to a suite, and what it refuses to mean."""

from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.effort import QUICK, Effort
from nodeagent.bench.places import NetworkPath, Site, parse_peer, resolve
from nodeagent.bench.suite import batches, estimate, find, find_target, make_suite, spread
from nodeagent.host.host import Host
from nodeagent.model.errors import UsageError
from nodeagent.model.facts import BlockDevice, Mounted, PcieLink
from nodeagent.model.measurement import Place
from nodeagent.model.profile import BenchmarkSetting, PlaceSetting
from tests.unit.bench_engine.stand_ins import FACTS, RATE, item, rate_target, site

LEDGER = Site(
    setting=PlaceSetting(role="ledger", directory="/mnt/ledger"),
    place=Place(role="ledger"),
    directory=Path("/mnt/ledger"),
)
SITES = {"ledger": LEDGER, "peer": site("peer")}


def setting(benchmark: str = "randread-4k", place: str = "ledger", **options: str) -> BenchmarkSetting:
    return BenchmarkSetting(benchmark=benchmark, place=place, options=options)


def test_options_of_the_engine_are_typed_and_the_others_handed_on() -> None:
    (made,) = make_suite(
        [setting(runtime="30s", ramp="250ms", size="1GiB", iodepth="32")],
        sites=SITES,
        benchmarks=BENCHMARKS,
        effort=Effort(),
    )
    assert (made.runtime_seconds, made.ramp_seconds, made.size_bytes) == (30.0, 0.25, 2**30)
    assert made.options == {"iodepth": "32"}


def test_the_effort_stands_over_the_times_of_the_profile() -> None:
    (made,) = make_suite([setting(runtime="30s", ramp="5s")], sites=SITES, benchmarks=BENCHMARKS, effort=QUICK)
    assert (made.runtime_seconds, made.ramp_seconds) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (setting("randraed-4k"), r"no benchmark 'randraed-4k'; did you mean randread-4k\?"),
        (setting("zzz"), "no benchmark 'zzz'; known are udp, tcp-forward"),
        (setting(place="accounts"), "no place 'accounts'; known: ledger, peer"),
        (setting("udp", "ledger"), "udp measures network, but ledger is a place for storage"),
        (setting(runtime="5"), "randread-4k at ledger: not a duration: '5'"),
        (setting(size="lots"), "randread-4k at ledger: not a size: 'lots'"),
        (setting(ramp="-1s"), "not a duration"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_starts(wrong: BenchmarkSetting, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_suite([wrong], sites=SITES, benchmarks=BENCHMARKS, effort=Effort())


def test_names_alone_are_spread_over_the_places_of_their_kind() -> None:
    found = spread(["udp", "randread-4k"], sites=SITES, benchmarks=BENCHMARKS)
    assert {(one.benchmark, one.place) for one in found} == {("randread-4k", "ledger"), ("udp", "peer")}


def test_no_name_means_every_benchmark_that_the_places_allow() -> None:
    found = spread([], sites={"ledger": LEDGER}, benchmarks=BENCHMARKS)
    assert [one.benchmark for one in found] == [one.name for one in BENCHMARKS if one.kind == "storage"]


@pytest.mark.parametrize(
    ("names", "remedy"), [(["udp"], "--peer"), ([], "--directory ROLE=DIR, --peer ROLE=PEER or --profile NAME")]
)
def test_a_benchmark_without_a_place_says_which_option_gives_one(names: list[str], remedy: str) -> None:
    with pytest.raises(UsageError, match="nowhere to") as caught:
        spread(names, sites={}, benchmarks=BENCHMARKS)
    assert remedy in str(caught.value.remedy)


def test_a_name_is_found_or_the_nearest_is_named() -> None:
    assert find("udp", BENCHMARKS).name == "udp"
    with pytest.raises(UsageError, match="did you mean seq-read"):
        find("seqread", BENCHMARKS)


def test_items_at_one_place_share_a_test_file_as_large_as_the_largest_needs() -> None:
    items = make_suite(
        [setting(size="1GiB"), setting("udp", "peer"), setting("seq-read", size="2GiB")],
        sites=SITES,
        benchmarks=BENCHMARKS,
        effort=Effort(),
    )
    made = batches(items)
    assert [(batch.site.place.role, len(batch.items), batch.size_bytes) for batch in made] == [
        ("ledger", 2, 2**31),
        ("peer", 1, 0),
    ]


def test_the_estimate_spans_from_the_fewest_runs_to_the_cap_and_counts_the_fill_once() -> None:
    items = make_suite(
        [setting(runtime="5s", ramp="1s", size="400MB"), setting("seq-read", runtime="5s", ramp="1s", size="400MB")],
        sites=SITES,
        benchmarks=BENCHMARKS,
        effort=Effort(),
    )
    span = estimate(items, Effort())
    assert span.at_least_seconds == pytest.approx(1.0 + 5 * 2 * 6.6)
    assert span.at_most_seconds == pytest.approx(1.0 + 9 * 2 * 6.6)


def test_nine_quick_benchmarks_fit_into_ninety_seconds() -> None:
    items = [item(at=site(f"place{i}")) for i in range(9)]
    assert estimate(items, QUICK).at_most_seconds <= 90


def test_a_place_that_cannot_be_used_takes_no_time() -> None:
    assert estimate([item(at=site(problem="not mounted"))], Effort()).at_most_seconds == 0


def test_a_target_belongs_to_its_metric_and_its_role() -> None:
    targets = [rate_target(5.0, role="ledger"), rate_target(6.0, role="peer")]
    assert find_target(targets, RATE, "peer") is targets[1]
    assert find_target(targets, RATE, "accounts") is None


@pytest.mark.parametrize(
    ("effort", "message"),
    [
        (Effort(minimum_runs=0, cap_runs=5), "0 runs with a cap of 5"),
        (Effort(minimum_runs=6, cap_runs=5), "6 runs with a cap of 5"),
        (Effort(minimum_runs=5, cap_runs=101), "cap <= 100"),
        (Effort(runtime_seconds=0.1), "a runtime of 0.1 s"),
        (Effort(runtime_seconds=1e9), "0.5 s to 1 d"),
    ],
)
def test_an_effort_out_of_bounds_is_a_usage_error(effort: Effort, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        effort.checked()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("loopback", NetworkPath(server_address="127.0.0.1")),
        ("127.0.0.2", NetworkPath(server_address="127.0.0.2")),
        ("10.0.0.9", NetworkPath(server_address="10.0.0.9", remote=True)),
        (
            "netns:left,right@fd00::2",
            NetworkPath(server_address="fd00::2", client_namespace="left", server_namespace="right"),
        ),
    ],
)
def test_a_peer_says_from_where_to_where(text: str, path: NetworkPath) -> None:
    assert parse_peer(text) == path


@pytest.mark.parametrize("text", ["", "host.example", "netns:a@10.0.0.1", "netns:a,b@x", "netns:a,../b@10.0.0.1", "-J"])
def test_a_peer_of_another_form_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is no IP address"):
        parse_peer(text)


def test_another_host_is_a_place_that_cannot_be_measured_yet_and_says_why() -> None:
    found = resolve(PlaceSetting(role="peer", peer="10.0.0.9"), host=Host(), facts=FACTS)
    assert "10.0.0.9 is another host" in found.problem
    assert found.remedy
    assert not found.refused


@pytest.mark.parametrize("directory", [None, "", "relative/dir"])
def test_a_directory_that_is_not_absolute_is_a_usage_error(directory: str | None) -> None:
    with pytest.raises(UsageError, match="wanted an absolute directory"):
        resolve(PlaceSetting(role="ledger", directory=directory), host=Host(), facts=FACTS)


def test_a_directory_that_is_not_there_is_refused_with_its_reason(tmp_path: Path) -> None:
    found = resolve(PlaceSetting(role="ledger", directory=str(tmp_path / "none")), host=Host(), facts=FACTS)
    assert found.refused
    assert "NA-AREA" in found.problem


def test_a_directory_is_traced_to_its_drive(tmp_path: Path) -> None:
    plain = resolve(PlaceSetting(role="ledger", directory=str(tmp_path)), host=Host(), facts=FACTS)
    assert plain.device is None
    mount = str(plain.mount_point)
    drive = BlockDevice(
        name="nvme7n1",
        major_minor="259:7",
        serial="S7",
        model="KIOXIA",
        numa_node=1,
        pcie=PcieLink(address="0000:01:00.0", speed_gts=32.0, width=4),
        mounts=(Mounted(target=mount, fstype="ext4", options=frozenset()),),
    )
    volume = BlockDevice(name="dm-0", major_minor="253:0", mounts=drive.mounts)
    found = resolve(
        PlaceSetting(role="ledger", directory=str(tmp_path)),
        host=Host(),
        facts=replace(FACTS, block_devices=(volume, drive)),
    )
    assert found.device is drive
    assert (found.place.identity, found.numa_node) == ("S7", 1)
    assert found.place.detail.startswith(f"{tmp_path}, ")
    assert found.place.detail.endswith(" on nvme7n1 KIOXIA")


def test_a_filesystem_on_several_drives_has_no_one_drive(tmp_path: Path) -> None:
    mount = str(resolve(PlaceSetting(role="s", directory=str(tmp_path)), host=Host(), facts=FACTS).mount_point)
    mounts = (Mounted(target=mount, fstype="btrfs", options=frozenset()),)
    drives = tuple(
        BlockDevice(name=name, major_minor=number, serial=name, mounts=mounts)
        for name, number in (("sda", "8:0"), ("sdb", "8:16"))
    )
    found = resolve(
        PlaceSetting(role="s", directory=str(tmp_path)), host=Host(), facts=replace(FACTS, block_devices=drives)
    )
    assert found.device is None
    assert found.place.identity not in {"", "sda", "sdb"}
