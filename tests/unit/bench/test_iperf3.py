"""From a benchmark to the command lines of iperf3's two ends, and back from its JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nodeagent.bench.benchmark import Job
from nodeagent.bench.iperf3 import parse_version
from nodeagent.bench.iperf3_progress import current_bytes_per_second
from nodeagent.bench.iperf3_result import parse_tcp, parse_udp
from nodeagent.model.command import Command
from nodeagent.model.errors import BenchmarkError, UsageError
from tests.unit.bench.outputs import BY_NAME, IPERF3, TOOLS, ended, facts, recorded, spec


def prepared(name: str, **changes: object) -> Job:
    benchmark = BY_NAME[name]
    return benchmark.prepare(spec(benchmark, **changes), facts())  # type: ignore[arg-type]


def server(job: Job) -> Command:
    assert job.server is not None
    return job.server


def test_the_server_takes_one_test_at_the_given_address_and_gives_up_by_itself() -> None:
    job = prepared("tcp-forward")
    assert server(job).argv == (
        *("iperf3", "--server", "--one-off", "--bind=127.0.0.1", "--port=29123"),
        *("--interval=1", "--forceflush", "--idle-timeout=30"),
    )
    assert job.server_ready == "Server listening on 29123"


def test_forward_and_reverse_differ_in_who_sends() -> None:
    forward, reverse = prepared("tcp-forward").main.argv, prepared("tcp-reverse").main.argv
    assert set(reverse) - set(forward) == {"--reverse", "--rcv-timeout=10000"}
    assert {"--json", "--parallel=4", "--time=3", "--client=127.0.0.1", "--port=29123"} <= set(forward)


def test_udp_goes_at_a_fixed_rate_in_datagrams_that_fit_the_mtu() -> None:
    argv = prepared("udp").main.argv
    assert {"--udp", "--bitrate=1000000000", "--length=1400", "--parallel=1"} <= set(argv)
    assert "--bitrate=5000000" in prepared("udp", options={"rate": "5000000"}).main.argv


def test_the_start_is_left_out_only_where_iperf3_can_do_it_right() -> None:
    old = prepared("tcp-forward")
    assert not [argument for argument in old.main.argv if argument.startswith("--omit")]
    assert (old.ramp_seconds, old.runtime_seconds) == (0, 3)
    assert old.notes == ("iperf3 before 3.14 cannot leave out the start: it is part of the figure",)
    new = prepared("tcp-forward", tools=replace(TOOLS, iperf3="iperf 3.19.1"))
    assert "--omit=1" in new.main.argv
    assert new.ramp_seconds == 1
    assert new.notes == ()
    assert prepared("tcp-forward", ramp_seconds=0).notes == ()


def test_what_this_iperf3_does_not_know_is_not_asked_of_it() -> None:
    plain = replace(TOOLS, iperf3_features=())
    job = prepared("tcp-reverse", tools=plain)
    arguments = job.main.argv + server(job).argv
    assert not [argument for argument in arguments if argument.startswith(("--rcv-timeout", "--idle-timeout"))]
    able = replace(TOOLS, iperf3_features=("server-max-duration",))
    assert "--server-max-duration=23" in server(prepared("tcp-forward", tools=able)).argv


def test_each_end_runs_in_its_namespace() -> None:
    job = prepared("tcp-forward", client_namespace="here", server_namespace="there")
    assert (job.main.network_namespace, server(job).network_namespace) == ("here", "there")


def test_iperf3_measures_whole_seconds() -> None:
    assert "--time=2" in prepared("tcp-forward", runtime_seconds=1.2).main.argv
    assert "--time=1" in prepared("tcp-forward", runtime_seconds=0.2).main.argv


@pytest.mark.parametrize("address", ["peer.example.org", "--help", "-1", "1.2.3", "10.0.0.1;reboot", "10.0.0.1 -R"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="wanted an IPv4 or IPv6 address"):
        prepared("tcp-forward", address=address)


@pytest.mark.parametrize("address", ["::1", "fe80::1%eth0", "192.0.2.7"])
def test_both_address_families_are_taken(address: str) -> None:
    assert f"--client={address}" in prepared("tcp-forward", address=address).main.argv


@pytest.mark.parametrize(
    ("text", "version"), [("iperf 3.12", (3, 12)), ("iperf 3.1.3", (3, 1)), ("iperf 3.21+", (3, 21))]
)
def test_versions_are_compared_by_number_and_not_by_text(text: str, version: tuple[int, int]) -> None:
    if version < (3, 7):
        with pytest.raises(BenchmarkError, match=r"wanted 3\.7 or newer"):
            parse_version(text)
    else:
        assert parse_version(text) == version


def test_what_counts_is_what_arrived() -> None:
    for name in ("tcp-forward", "tcp-reverse"):
        run = recorded(name)
        end = json.loads(run.text)["end"]
        rate, again = run.benchmark.parse(run.raw(), run.spec)
        assert rate.value == end["sum_received"]["bits_per_second"] / 8
        assert again.value == end["sum_sent"]["retransmits"]
        assert len(rate.series) == 3
        assert sum(rate.series) / 3 == pytest.approx(rate.value, rel=0.1)


def test_loss_is_a_ratio_and_jitter_is_in_seconds() -> None:
    run = recorded("udp")
    total = json.loads(run.text)["end"]["sum"]
    loss, jitter = run.benchmark.parse(run.raw(), run.spec)
    assert loss.value == total["lost_packets"] / total["packets"]
    assert jitter.value == total["jitter_ms"] / 1000


def test_of_what_never_arrived_there_is_no_jitter() -> None:
    run = recorded("udp")
    whole = json.loads(run.text)
    for part in (whole["end"]["sum"], whole["end"]["sum_received"], whole["end"]["streams"][0]["udp"]):
        part |= {"lost_packets": part["packets"], "lost_percent": 100, "jitter_ms": 0}
    whole["end"]["sum_received"] |= {"bytes": 0, "bits_per_second": 0}
    (loss,) = run.benchmark.parse(run.raw(json.dumps(whole)), run.spec)
    assert loss.value == 1


def test_many_streams_are_read_like_few() -> None:
    text = (IPERF3 / "tcp-forward-32-streams.json").read_text()
    assert parse_tcp(text).streams == 32
    assert parse_tcp((IPERF3 / "tcp-forward-1-streams.json").read_text()).streams == 1
    huge = json.loads(text)
    huge["intervals"] *= 300
    assert len(json.dumps(huge)) > 4_000_000
    assert parse_tcp(json.dumps(huge)).bytes_per_second == parse_tcp(text).bytes_per_second


def test_the_reason_of_a_failure_is_iperf3s_own_word() -> None:
    run = recorded("tcp-forward")
    refused = (IPERF3 / "connection-refused.json").read_text()
    with pytest.raises(BenchmarkError, match="iperf3: unable to connect to server: Connection refused"):
        run.benchmark.parse(run.raw(refused), run.spec)
    broken = run.text.rstrip().removesuffix("}") + ', "error": "control socket has closed unexpectedly"}'
    with pytest.raises(BenchmarkError, match="control socket has closed"):
        run.benchmark.parse(run.raw(broken), run.spec)


def test_a_client_that_was_killed_gives_no_sample() -> None:
    run = recorded("tcp-forward")
    for how in ({"timed_out": True}, {"interrupted": True}, {"exit_code": 1}, {"signal": 11}, {"truncated": True}):
        with pytest.raises(BenchmarkError):
            run.benchmark.parse(replace(run.raw(), completed=ended(**how)), run.spec)


def test_the_same_result_twice_is_one_and_two_results_are_none() -> None:
    text = (IPERF3 / "tcp-forward.json").read_text()
    assert parse_tcp(text + text).bytes_per_second == parse_tcp(text).bytes_per_second
    assert parse_tcp(text + "\niperf3: interrupt - the client has terminated\n").streams == 4
    with pytest.raises(BenchmarkError, match="got 2 different results"):
        parse_tcp(text + (IPERF3 / "tcp-forward-1-streams.json").read_text())


def test_the_result_of_another_test_is_no_sample() -> None:
    forward, reverse, udp = recorded("tcp-forward"), recorded("tcp-reverse"), recorded("udp")
    with pytest.raises(BenchmarkError, match="reverse: got True, wanted False"):
        forward.benchmark.parse(forward.raw(reverse.text), forward.spec)
    with pytest.raises(BenchmarkError, match="protocol: got 'UDP', wanted TCP"):
        forward.benchmark.parse(forward.raw(udp.text), forward.spec)
    with pytest.raises(BenchmarkError, match="protocol: got 'TCP', wanted UDP"):
        udp.benchmark.parse(udp.raw(forward.text), udp.spec)
    with pytest.raises(BenchmarkError, match="got 4 streams, wanted 2"):
        forward.benchmark.parse(forward.raw(), replace(forward.spec, options={"streams": "2"}))
    with pytest.raises(BenchmarkError, match="s of measurement, wanted 30 s"):
        forward.benchmark.parse(forward.raw(), replace(forward.spec, runtime_seconds=30))


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("sum_received", "bits_per_second", 1e9),
        ("sum_received", "bits_per_second", "-nan"),
        ("sum_received", "bits_per_second", None),
        ("sum_received", "bytes", 1),
        ("sum_received", "bytes", 0),
        ("sum_received", "bytes", 10**40),
        ("sum_received", "seconds", 0),
        ("sum_received", "seconds", -3),
        ("sum_received", "seconds", 30),
        ("sum_sent", "bytes", 0),
        ("sum_sent", "retransmits", 10**6),
    ],
)
def test_a_sum_that_is_not_one_is_refused(place: str, key: str, value: object) -> None:
    whole: Any = json.loads((IPERF3 / "tcp-forward.json").read_text())
    whole["end"][place][key] = value
    with pytest.raises(BenchmarkError, match="iperf3: its output is"):
        parse_tcp(json.dumps(whole))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lost_packets", 10**6),
        ("packets", 0),
        ("packets", 5),
        ("lost_percent", 99),
        ("lost_percent", 101),
        ("jitter_ms", 0),
        ("jitter_ms", -1),
        ("jitter_ms", "0.1"),
        ("bytes", 0),
    ],
)
def test_a_loss_that_its_packets_do_not_show_is_refused(key: str, value: object) -> None:
    whole: Any = json.loads((IPERF3 / "udp.json").read_text())
    whole["end"]["sum"][key] = value
    with pytest.raises(BenchmarkError, match="iperf3: its output is"):
        parse_udp(json.dumps(whole))


def test_the_current_rate_is_that_of_all_streams_in_the_newest_whole_second() -> None:
    text = (IPERF3 / "tcp-forward.server.txt").read_text()
    shown = current_bytes_per_second(text)
    assert shown == pytest.approx(parse_tcp((IPERF3 / "tcp-forward.json").read_text()).series[-1], rel=0.05)
    lines = text.splitlines(keepends=True)
    seen = [current_bytes_per_second("".join(lines[:count])) for count in range(len(lines))]
    assert seen[5] is None
    assert len({value for value in seen if value is not None}) == 3
    assert current_bytes_per_second(text[-1600:]) is not None


def test_one_stream_and_datagrams_have_a_current_rate_too() -> None:
    for name in ("tcp-forward-1-streams", "tcp-reverse", "udp"):
        assert current_bytes_per_second((IPERF3 / f"{name}.server.txt").read_text()) is not None
    assert current_bytes_per_second("Server listening on 5201") is None
