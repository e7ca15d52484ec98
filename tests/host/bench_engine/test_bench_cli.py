"""`nodeagent bench` as a person types it, with real fio and iperf3 on files and namespaces of its own."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodeagent.history import History
from tests import needs
from tests.needs import need_root, need_tool

pytestmark = [pytest.mark.host, need_tool("fio", "iperf3")]

AGENT = Path(__file__).parents[3] / "agent"
SHORT = ("--runs", "1", "--cap", "1", "--runtime", "0.5s", "--option", "ramp=0s", "--option", "size=16MiB")
FIVE = ("--runs", "5", "--cap", "5", "--runtime", "0.5s", "--option", "ramp=0s", "--option", "size=16MiB")
TARGETS = """\
schema: 1
summary: for a test
stage: local
targets:
  - metric: storage.randread4k.iops
    role: scratch
    bound: '{bound}'
    unit: iops
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A state directory and a place of its own."""

    state: Path
    place: Path

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
        return {**inherited, "PYTHONPATH": os.fspath(AGENT), "NODEAGENT_STATE_DIR": os.fspath(self.state)}

    def argv(self, *arguments: str) -> list[str]:
        code = "import sys; from nodeagent.cli.main import main; sys.exit(main())"
        return [sys.executable, "-c", code, "bench", *arguments]

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments),
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*arguments), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def on_scratch(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return self.run("run", "randread-4k", "--directory", f"scratch={self.place}", *arguments, **changes)

    def history(self) -> History:
        return History.open(self.state / "history.db", read_only=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    place = tmp_path / "scratch"
    place.mkdir()
    return Bench(state=tmp_path / "state", place=place)


def targets_file(bench: Bench, bound: str) -> str:
    path = bench.state.parent / "targets.yaml"
    path.write_text(TARGETS.format(bound=bound))
    return os.fspath(path)


def running_tools(bench: Bench) -> list[str]:
    """Command lines of fio and iperf3 that belong to this test."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            surroundings = (entry / "environ").read_bytes()
        except OSError:
            continue
        if line.startswith(("fio ", "iperf3 ")) and os.fsencode(bench.state) in surroundings + line.encode():
            found.append(line)
    return found


def test_one_benchmark_in_one_directory_needs_no_profile(bench: Bench) -> None:
    done = bench.on_scratch(*SHORT)
    assert (done.returncode, done.stderr.count("\n")) == (0, 2)
    assert "no target" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Targets: 1 without a target (suite ")
    assert list(bench.place.iterdir()) == []
    with bench.history() as history:
        (stored,) = history.runs(with_raw=True)
    assert json.loads(stored.run.raw[stored.run.raw.index("{") :])["fio version"].startswith("fio-")
    assert stored.run.samples[0].value > 0


def test_a_target_met_a_target_missed_and_an_open_one_have_exit_codes_of_their_own(bench: Bench) -> None:
    met = bench.on_scratch(*FIVE, "--target", targets_file(bench, ">= 1"))
    assert (met.returncode, "1 met" in met.stdout) == (0, True), met
    missed = bench.on_scratch(*FIVE, "--target", targets_file(bench, ">= 900000000"))
    assert (missed.returncode, "1 missed" in missed.stdout) == (3, True), missed
    assert "next: " in missed.stdout
    still_open = bench.on_scratch(*SHORT, "--target", targets_file(bench, ">= 1"))
    assert (still_open.returncode, "1 inconclusive" in still_open.stdout) == (6, True), still_open
    assert "at least 5" in still_open.stdout


def test_json_lines_tell_every_event_and_nothing_else(bench: Bench) -> None:
    done = bench.on_scratch(*SHORT, "--output", "json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "bench.suite-started"
    assert kinds[-2:] == ["bench.benchmark-finished", "bench.suite-finished"]
    assert done.stderr == ""
    (judgement, _) = events[-2]["judgements"]
    assert judgement["outcome"] == "no-target"
    assert judgement["interval"]["confidence"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_leaves_nothing_behind_and_keeps_what_was_measured(
    bench: Bench, number: signal.Signals
) -> None:
    with bench.start(
        "run", "randread-4k", "--directory", f"scratch={bench.place}", "--runtime", "1s", "--output", "json",
        "--option", "ramp=0s", "--option", "size=16MiB",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["kind"] == "bench.run-progress" and event["run"] == 2 and event["elapsed_seconds"] > 0.2:
                break
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert json.loads(rest.splitlines()[-1])["interrupted"] is True
    assert list(bench.place.iterdir()) == []
    assert running_tools(bench) == []
    with bench.history() as history:
        assert len(history.runs()) == 1


@pytest.mark.parametrize("instant", [0.6, 0.9, 1.2, 1.6, 2.1, 2.9, 3.8, 4.6])
def test_a_signal_at_any_instant_and_another_one_leave_nothing_behind(bench: Bench, instant: float) -> None:
    with bench.start(
        "run", "randread-4k", "tcp-forward", "--directory", f"scratch={bench.place}", "--peer", "local=loopback",
        "--runs", "2", "--cap", "2", "--runtime", "1s", "--option", "ramp=0s", "--option", "size=32MiB",
    ) as process:  # fmt: skip
        time.sleep(instant)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    # The second one may come when Python has put back the default already.
    assert process.returncode in {130, -signal.SIGTERM, 0}
    assert "Traceback" not in said
    assert list(bench.place.iterdir()) == []
    assert running_tools(bench) == []


def test_what_a_killed_agent_left_is_cleared_away_by_the_next_start(bench: Bench) -> None:
    with bench.start(
        "run", "randread-4k", "--directory", f"scratch={bench.place}", "--runtime", "30s", "--output", "json",
        "--option", "size=16MiB",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["kind"] == "bench.run-progress":
                break
        process.kill()
    assert list(bench.place.iterdir()) != []
    done = bench.on_scratch(*SHORT)
    assert done.returncode == 0
    assert "of a killed benchmark" in done.stderr
    assert list(bench.place.iterdir()) == []
    assert running_tools(bench) == []


def test_only_one_suite_measures_at_a_time(bench: Bench) -> None:
    with bench.start(
        "run", "randread-4k", "--directory", f"scratch={bench.place}", "--runtime", "30s", "--output", "json",
        "--option", "size=16MiB",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        second = bench.on_scratch(*SHORT)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert second.returncode == 75
    assert f"process {process.pid}" in second.stderr


def test_a_missing_tool_is_an_outcome_with_the_command_that_gets_it(bench: Bench, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    hidden = needs.find_tool("unshare")
    if hidden is None or os.geteuid() != 0:
        needs.missing("root and unshare", remedy="run the tests as root")
    fio = needs.tool("fio")
    script = f'mount --bind /dev/null {fio} && exec "$@"'
    done = subprocess.run(
        [hidden, "--mount", "sh", "-c", script, "sh", *bench.argv(
            "run", "randread-4k", "--directory", f"scratch={bench.place}", *SHORT
        )],
        env=bench.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done
    assert "not-measured" in done.stdout
    assert "next: apt-get install fio" in done.stdout


def test_a_refused_place_is_an_outcome_and_the_other_place_is_measured(bench: Bench) -> None:
    done = bench.run("run", "randread-4k", "--directory", "bad=/proc", "--directory", f"scratch={bench.place}", *SHORT)
    assert done.returncode == 4
    assert "NA-AREA-001" in done.stdout
    assert "1 not measured, 1 without a target" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("randraed-4k", "--directory", "scratch=."),
        ("randread-4k",),
        ("udp", "--directory", "scratch=."),
        ("randread-4k", "--directory", "scratch"),
        ("randread-4k", "--directory", "scratch=.", "--runtime", "5"),
        ("randread-4k", "--directory", "scratch=.", "--runs", "0"),
        ("randread-4k", "--directory", "scratch=.", "--runs", "9", "--cap", "5"),
        ("randread-4k", "--directory", "scratch=.", "--option", "size=lots"),
        ("randread-4k", "--directory", "scratch=.", "--output", "yaml"),
        ("udp", "--peer", "local=host.example"),
        ("udp", "--peer", "local=netns:a;reboot,b@10.0.0.1"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage_and_changes_nothing(bench: Bench, arguments: tuple[str, ...]) -> None:
    done = bench.run("run", *arguments)
    assert done.returncode == 64, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not bench.state.exists()


def test_an_option_that_no_benchmark_has_is_wrong_usage_before_anything_is_measured(bench: Bench) -> None:
    done = bench.on_scratch("--option", "colour=green")
    assert (done.returncode, done.stdout) == (64, "")
    assert "colour" in done.stderr
    assert list(bench.place.iterdir()) == []


def test_a_file_of_targets_that_is_none_is_an_error_with_its_place(bench: Bench) -> None:
    path = bench.state.parent / "targets.yaml"
    path.write_text("targets: [{metric: storage.randread4k.iosp}]\n")
    done = bench.on_scratch("--target", os.fspath(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "targets.yaml:1" in done.stderr
    assert not bench.state.exists()


def test_a_damaged_history_is_told_before_time_is_spent_and_is_kept(bench: Bench) -> None:
    bench.state.mkdir(mode=0o700)
    damaged = bench.state / "history.db"
    damaged.write_bytes(b"no database, but some bytes of somebody" * 10)
    done = bench.on_scratch(*SHORT)
    assert (done.returncode, done.stdout) == (1, "")
    assert "next: keep it aside" in done.stderr
    assert damaged.read_bytes().startswith(b"no database")


@pytest.fixture
def small_state(bench: Bench) -> Iterator[Bench]:
    """A state directory on 640 KiB."""
    needs.root()
    bench.state.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=640k,mode=0700", "tmpfs", bench.state], check=True)
    try:
        yield bench
    finally:
        subprocess.run(["umount", bench.state], check=True)


@need_root
def test_a_full_disk_below_the_state_is_told_and_ends_in_a_word(small_state: Bench) -> None:
    assert small_state.on_scratch(*SHORT).returncode == 0
    free = os.statvfs(small_state.state)
    filler = small_state.state / "filler"
    filler.write_bytes(b"x" * max(0, free.f_bavail * free.f_bsize - 150 * 1024))
    target = targets_file(small_state, ">= 1")
    told = next(done for _ in range(9) if (done := small_state.on_scratch(*SHORT, "--target", target)).returncode != 6)
    assert told.returncode == 1, told
    assert "the disk is full" in told.stderr or "No space left" in told.stderr
    assert "next: " in told.stderr
    assert "Traceback" not in told.stderr
    filler.unlink()
    assert small_state.on_scratch(*SHORT).returncode == 0


def test_history_lists_suites_runs_raw_output_and_everything(bench: Bench) -> None:
    assert bench.on_scratch(*SHORT).returncode == 0
    suites = bench.run("history")
    suite = suites.stdout.splitlines()[1].split()[0]
    assert "1 no-target" in suites.stdout
    runs = bench.run("history", "randread-4k", "--suite", suite[:4])
    assert "storage.randread4k.iops" in runs.stdout
    assert json.loads(bench.run("history", "randread-4k", "--raw").stdout)["fio version"].startswith("fio-")
    rows = [json.loads(line) for line in bench.run("history", "--export").stdout.splitlines()]
    assert {row["table"] for row in rows} == {"fingerprint", "judgement", "judgement_run", "run", "sample", "suite"}
    document = json.loads(bench.run("history", "--output", "json").stdout)
    assert document["suites"][0]["judgements"][0]["judgement"]["metric"]["name"] == "storage.randread4k.iops"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("history",), 1),
        (("history", "nonsense"), 64),
        (("history", "--limit", "0"), 64),
        (("compare", "a", "b"), 1),
        (("compare", "a"), 64),
    ],
)
def test_without_a_history_the_next_command_is_named(bench: Bench, arguments: tuple[str, ...], code: int) -> None:
    done = bench.run(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    if code == 1:
        assert "next: nodeagent bench run" in done.stderr
    assert not bench.state.exists()


def test_two_suites_are_compared_with_what_else_differs(bench: Bench) -> None:
    for depth in ("1", "16"):
        assert bench.on_scratch(*FIVE, "--option", f"iodepth={depth}").returncode == 0
    suites = [line.split()[0] for line in bench.run("history").stdout.splitlines()[1:]]
    done = bench.run("compare", suites[1], suites[0])
    assert done.returncode == 0
    assert re.search(r"storage\.randread4k\.iops at scratch: (better|worse|no change detected)", done.stdout)
    assert "  option.iodepth: 1 -> 16" in done.stdout
    document = json.loads(bench.run("compare", suites[1], suites[0], "--output", "json").stdout)
    assert len(document["comparisons"][0]["before"]) == 5
    assert bench.run("compare", suites[0], "zzzz").returncode == 64


def on_terminal(bench: Bench, *arguments: str, **changes: str) -> str:
    """What a terminal of 80 columns gets, control sequences and all."""
    master, slave = pty.openpty()
    environment = {**bench.environment, "TERM": "xterm", "COLUMNS": "80", **changes}
    process = subprocess.Popen(bench.argv(*arguments), env=environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    received = b""
    try:
        while chunk := os.read(master, 65536):
            received += chunk
    except OSError:
        pass  # EIO is how a pseudo terminal says that the other end was closed
    process.wait(timeout=60)
    os.close(master)
    return received.decode()


def test_on_a_terminal_the_run_under_way_is_shown_and_leaves_no_trace(bench: Bench) -> None:
    shown = on_terminal(
        bench, "run", "randread-4k", "--directory", f"scratch={bench.place}", "--runs", "2", "--cap", "2",
        "--runtime", "1.5s", "--option", "ramp=0s", "--option", "size=16MiB",
    )  # fmt: skip
    assert "run 1 of 2" in shown
    assert re.search(r"run [12] of 2, (last )?[\d.]+ [kM]? ?IOPS", shown)
    assert "\x1b[?25h" in shown, "the cursor is shown again"
    left = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in shown.split("\x1b[2K")[-1].splitlines()]
    assert not any("run 1 of" in line for line in left)
    assert max(len(line) for line in left if os.fspath(bench.place) not in line) <= 80


def test_no_color_and_a_dumb_terminal_get_no_colours(bench: Bench) -> None:
    arguments = ("run", "randread-4k", "--directory", f"scratch={bench.place}", *SHORT)
    coloured = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")
    assert coloured.search(on_terminal(bench, *arguments))
    assert not coloured.search(on_terminal(bench, *arguments, NO_COLOR="1"))
    assert "\x1b" not in on_terminal(bench, *arguments, TERM="dumb")


def test_a_reader_that_goes_away_ends_it_quietly(bench: Bench) -> None:
    with bench.start("run", "randread-4k", "--directory", f"scratch={bench.place}", *SHORT, "-o", "json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 141
    assert "Traceback" not in said
    assert list(bench.place.iterdir()) == []


def test_list_tells_metrics_and_whether_they_can_be_measured_here(bench: Bench) -> None:
    text = bench.run("list").stdout
    assert "randread-4k: random reads" in text
    assert "storage.randread4k.iops (iops, higher is better)" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    listed = json.loads(bench.run("list", "-o", "json").stdout)["benchmarks"]
    assert all(one["supported"] and one["metrics"] for one in listed)


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Two namespaces joined by a pair of virtual interfaces, 10.77.0.1 and 10.77.0.2."""
    needs.root()
    ip = needs.tool("ip")
    tag = f"{os.getpid()}{time.monotonic_ns() % 10000}"
    left, right = f"na-l{tag}", f"na-r{tag}"
    made = []
    try:
        for name in (left, right):
            subprocess.run([ip, "netns", "add", name], check=True)
            made.append(name)
        subprocess.run(
            [ip, "-n", left, "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", right], check=True
        )
        for name, address in ((left, "10.77.0.1/24"), (right, "10.77.0.2/24")):
            subprocess.run([ip, "-n", name, "addr", "add", address, "dev", "v0"], check=True)
            subprocess.run([ip, "-n", name, "link", "set", "v0", "up"], check=True)
        yield left, right
    finally:
        for name in made:
            subprocess.run([ip, "netns", "del", name], check=True)


@need_root
def test_the_network_is_measured_between_two_namespaces(bench: Bench, namespaces: tuple[str, str]) -> None:
    left, right = namespaces
    done = bench.run(
        "run", "tcp-forward", "--peer", f"pair=netns:{left},{right}@10.77.0.2", "--runs", "1", "--cap", "1",
        "--runtime", "1s", "--option", "ramp=0s",
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "Gbit/s" in done.stdout or "Mbit/s" in done.stdout
    with bench.history() as history:
        (stored,) = history.runs()
    assert f"ip netns exec {left}" in stored.run.command
    assert running_tools(bench) == []
