"""Reading fio's JSON: every known defect of it, and figures that disagree with their own evidence."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from nodeagent.bench.fio_progress import current_rates
from nodeagent.bench.fio_result import iops_series, parse_fio, prefilled_bytes
from nodeagent.model.errors import BenchmarkError
from tests.unit.bench.outputs import FIO, ended, recorded


def document(name: str = "randread-4k") -> Any:
    return json.loads((FIO / f"{name}.json").read_text())


def test_a_real_result_is_read_in_base_units() -> None:
    job = document()["jobs"][0]
    result = parse_fio((FIO / "randread-4k.json").read_text())
    assert result.version == "fio-3.33"
    assert result.iops == job["read"]["iops"]
    assert result.read.bytes_per_second == job["read"]["bw_bytes"]
    assert result.read.runtime_seconds == job["read"]["runtime"] / 1000
    assert result.read.latency is not None
    assert result.read.latency.percentiles[99.0] == job["read"]["lat_ns"]["percentile"]["99.000000"] / 1e9
    assert result.write.iops == 0
    assert result.write.latency is None
    cpu = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000
    assert result.cpu_seconds == pytest.approx(cpu)


def test_both_directions_count_in_a_mix() -> None:
    job = document("mixed-70")["jobs"][0]
    run = recorded("mixed-70")
    values = {sample.metric: sample.value for sample in run.benchmark.parse(run.raw(), run.spec)}
    assert values["storage.mixed70.iops"] == job["read"]["iops"] + job["write"]["iops"]
    assert values["storage.mixed70.read_iops"] == job["read"]["iops"]
    assert 0.6 < values["storage.mixed70.read_iops"] / values["storage.mixed70.iops"] < 0.8


def test_latency_is_told_in_seconds_by_percentile() -> None:
    run = recorded("qd1-read-4k")
    percentiles = document("qd1-read-4k")["jobs"][0]["read"]["lat_ns"]["percentile"]
    values = {sample.metric: sample.value for sample in run.benchmark.parse(run.raw(), run.spec)}
    assert values["storage.qd1_read4k.latency_p99"] == percentiles["99.000000"] / 1e9
    assert values["storage.qd1_read4k.latency_p50"] == percentiles["50.000000"] / 1e9
    assert values["storage.qd1_read4k.latency_p999"] == percentiles["99.900000"] / 1e9


def test_notes_before_the_json_are_passed_over() -> None:
    text = (FIO / "note-before-json.json").read_text()
    assert text.startswith("note: both iodepth")
    assert parse_fio(text).iops > 0


def test_of_several_documents_the_last_holds_the_totals() -> None:
    text = (FIO / "status-interval.json").read_text()
    with pytest.raises(json.JSONDecodeError, match="Extra data"):
        json.loads(text)
    totals = [int(total) for total in re.findall(r'"total_ios" : (\d+)', text)]
    assert len(totals) >= 6
    assert parse_fio(text).read.total_ios == max(totals)


def test_what_stands_after_the_json_is_passed_over() -> None:
    text = (FIO / "randread-4k.json").read_text()
    assert parse_fio(text + "\nfio: terminating on signal 15\n").iops == parse_fio(text).iops


def test_missing_parts_that_are_not_needed_are_not_missed() -> None:
    whole = document()
    for key in ("disk_util", "global options", "time", "timestamp"):
        whole.pop(key, None)
    for key in ("job options", "latency_us", "latency_depth", "ctx"):
        whole["jobs"][0].pop(key)
    whole["jobs"][0].pop("trim", None)
    assert parse_fio(json.dumps(whole)).iops > 0


def test_statistics_that_are_no_numbers_do_not_spoil_those_that_are() -> None:
    text = (FIO / "randread-4k.json").read_text()
    for word in ("-nan", "nan", "inf", "-inf", "NaN", "Infinity", "-Infinity"):
        spoiled = re.sub(r'"iops_stddev" : [\d.]+', f'"iops_stddev" : {word}', text)
        assert spoiled != text
        assert parse_fio(spoiled).iops == parse_fio(text).iops
        wrong = re.sub(r'"iops" : [\d.]+', f'"iops" : {word}', text, count=1)
        with pytest.raises(BenchmarkError, match=r"jobs\[0\].read.iops: got nothing, wanted a number"):
            parse_fio(wrong)


def test_without_requests_there_are_no_percentiles_and_no_measurement() -> None:
    whole = document()
    read = whole["jobs"][0]["read"]
    for key in ("io_bytes", "io_kbytes", "bw_bytes", "bw", "iops", "runtime", "total_ios"):
        read[key] = 0
    read["lat_ns"] = {"min": 0, "max": 0, "mean": 0.0, "stddev": 0.0, "N": 0}
    run = recorded("randread-4k")
    assert parse_fio(json.dumps(whole)).read.latency is None
    with pytest.raises(BenchmarkError, match=r"read: got 0 bytes moved, wanted a measurement"):
        run.benchmark.parse(run.raw(json.dumps(whole)), run.spec)


@pytest.mark.parametrize("name", ["readonly-refused", "creation-refused", "hipri-unsupported", "two-groups"])
def test_real_outputs_without_a_measurement_give_none(name: str) -> None:
    run = recorded("randread-4k")
    with pytest.raises(BenchmarkError):
        run.benchmark.parse(run.raw((FIO / f"{name}.json").read_text()), run.spec)


def test_an_error_of_the_job_is_told_with_its_number() -> None:
    with pytest.raises(BenchmarkError, match="ended with error 95"):
        parse_fio((FIO / "hipri-unsupported.json").read_text())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("iops", 1e6),
        ("iops", -1),
        ("iops", 1e999),
        ("iops", "72000"),
        ("iops", True),
        ("iops", None),
        ("bw_bytes", 1),
        ("bw", 1),
        ("io_kbytes", 1),
        ("io_bytes", 4096),
        ("io_bytes", 1.5),
        ("total_ios", 1),
        ("runtime", 1),
        ("runtime", 0),
        ("runtime", 10**40),
        ("lat_ns", []),
    ],
)
def test_a_figure_that_disagrees_with_the_rest_is_refused_by_name(key: str, value: object) -> None:
    whole = document()
    whole["jobs"][0]["read"][key] = value
    with pytest.raises(BenchmarkError, match="fio: its output is"):
        parse_fio(json.dumps(whole))


def test_a_percentile_that_its_histogram_does_not_show_is_refused() -> None:
    whole = document("qd1-read-4k")
    percentile = whole["jobs"][0]["read"]["lat_ns"]["percentile"]
    percentile["99.000000"] = percentile["50.000000"]
    with pytest.raises(BenchmarkError, match=r"99.000000: got \d+, wanted \d+, as the histogram says"):
        parse_fio(json.dumps(whole))


def test_a_histogram_that_does_not_hold_all_requests_is_refused() -> None:
    whole = document("qd1-read-4k")
    bins = whole["jobs"][0]["read"]["lat_ns"]["bins"]
    del bins[next(iter(bins))]
    with pytest.raises(BenchmarkError, match="requests in all, as N says"):
        parse_fio(json.dumps(whole))


def test_a_percentile_that_is_not_there_is_not_made_up() -> None:
    whole = document("qd1-read-4k")
    del whole["jobs"][0]["read"]["lat_ns"]["percentile"]["99.000000"]
    run = recorded("qd1-read-4k")
    with pytest.raises(BenchmarkError, match="wanted 99 too"):
        run.benchmark.parse(run.raw(json.dumps(whole)), run.spec)


def test_a_run_that_was_cut_short_is_no_sample() -> None:
    run = recorded("randread-4k")
    for seconds in (4, 30):
        with pytest.raises(BenchmarkError, match=f"s of measurement, wanted {seconds} s"):
            run.benchmark.parse(run.raw(), replace(run.spec, runtime_seconds=seconds))


def test_the_result_of_another_job_is_no_sample() -> None:
    read, write = recorded("randread-4k"), recorded("randwrite-4k")
    with pytest.raises(BenchmarkError, match="nothing was done"):
        read.benchmark.parse(read.raw(write.text), read.spec)
    mixed = recorded("mixed-70")
    with pytest.raises(BenchmarkError, match="bytes of write, wanted none in randread-4k"):
        read.benchmark.parse(read.raw(mixed.text), read.spec)
    sequential = recorded("seq-read")
    with pytest.raises(BenchmarkError, match="requests of 4096 bytes, but"):
        read.benchmark.parse(read.raw(sequential.text), read.spec)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"exit_code": 1}, "ended with code 1, wanted 0"),
        ({"stderr": b"fio: file hash not empty"}, "ended with code 0 but complained: fio: file hash"),
        ({"signal": 9, "exit_code": 137}, "killed by signal 9"),
        ({"timed_out": True}, "did not end within 60 s"),
        ({"truncated": True}, "printed more than"),
        ({"interrupted": True}, "cancelled after 4.0 s"),
    ],
)
def test_a_whole_result_of_a_program_that_ended_badly_is_no_sample(how: dict[str, Any], match: str) -> None:
    run = recorded("randread-4k")
    raw = replace(run.raw(), completed=ended(**how))
    with pytest.raises(BenchmarkError, match=re.escape(match)):
        run.benchmark.parse(raw, run.spec)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "fio-3.33",
        "null",
        "[]",
        "{}",
        '{"jobs": []}',
        '{"jobs": [1]}',
        '{"jobs": [{}]}',
        '{"jobs": {}}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"jobs": ' + "9" * 5_000 + "}",
        "\ufeff{",
        "\0" * 1000,
        "{" * 1000,
    ],
)
def test_what_is_no_result_is_one_error(text: str) -> None:
    with pytest.raises(BenchmarkError):
        parse_fio(text)


def test_a_key_with_two_values_is_refused_and_with_one_value_twice_is_not() -> None:
    text = (FIO / "randread-4k.json").read_text()
    assert parse_fio(text.replace('"groupid" : 0,', '"groupid" : 0, "groupid" : 0,')).iops > 0
    with pytest.raises(BenchmarkError, match="'groupid' stands twice"):
        parse_fio(text.replace('"groupid" : 0,', '"groupid" : 0, "groupid" : 1,'))


def test_seconds_of_all_threads_are_summed_and_an_incomplete_one_is_left_out() -> None:
    assert iops_series("1000, 10, 0, 0, 0\n2001, 20, 0, 0, 0\n999, 1, 0, 0, 0\n1999, 2, 0, 0, 0\n") == (11, 22)
    assert iops_series("1000, 10, 0, 0, 0\n2000, 20, 0, 0, 0\n1000, 1, 0, 0, 0\n") == (11,)
    assert iops_series("") == ()


@pytest.mark.parametrize("line", ["1000, 10, 0", "x", "-1, 1, 0, 0, 0", "1000, 1e5, 0, 0, 0", "1000,,0,0,0"])
def test_a_line_of_the_log_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(BenchmarkError, match="line 2 of its IOPS log"):
        iops_series(f"1000, 10, 0, 0, 0\n{line}\n")


def test_the_series_of_a_real_run_is_near_its_figure() -> None:
    for name in ("randread-4k", "mixed-70", "seq-read"):
        run = recorded(name)
        sample = run.benchmark.parse(run.raw(), run.spec)[0]
        assert 1 <= len(sample.series) <= 4
        assert sum(sample.series) / len(sample.series) == pytest.approx(sample.value, rel=0.3)


def test_a_prefill_says_how_much_it_wrote() -> None:
    assert prefilled_bytes((FIO / "prefill.json").read_text()) == 64 << 20


def test_the_newest_rates_stand_in_what_was_printed_so_far() -> None:
    text = (FIO / "mixed-70.eta.txt").read_text()
    rates = current_rates(text)
    assert rates is not None
    assert rates.iops == pytest.approx(parse_fio((FIO / "mixed-70.json").read_text()).iops, rel=0.3)
    assert rates.bytes_per_second == pytest.approx(rates.iops * 4096, rel=0.05)
    assert current_rates(text[:20]) is None
    shown = current_rates("[r(1)][50.0%][r=1024KiB/s][r=256 IOPS][eta 00m:01s]\r[r(1)][99%][r=2MiB/s][r=1.5k IOPS]")
    assert shown is not None
    assert (shown.iops, shown.bytes_per_second) == (1500, 2 << 20)
