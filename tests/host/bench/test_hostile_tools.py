"""Campaign C9, the processes: programs that call themselves fio, and peers that speak iperf3's protocol badly.

Each gives a run without samples and with a reason, and at most five seconds after it was to end nobody of it is left.
What a peer may do is bounded by the client's own limits and, in the end, by ours: the outer time limit and the cancel.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.bench import iperf3
from nodeagent.bench.runner import WORKSPACE_LIMIT_BYTES, run_once
from nodeagent.host.process_family import list_processes
from nodeagent.model.measurement import Run
from tests import needs
from tests.host.bench.ground import BY_NAME, TOOLS, Ground, children_of_runs, fake_program
from tests.needs import need_tool
from tests.unit.bench.outputs import FIO, IPERF3, facts

pytestmark = pytest.mark.host

GONE_SECONDS = 5.0
PATIENCE_SECONDS = 1.0
_slowest: list[float] = []

# What the fake fio does once it is asked to measure; `output` is the file that the real one would write.
FAKE_FIO = {
    "says nothing and succeeds": "pass",
    "says nothing and fails": "sys.exit(1)",
    "writes an empty file": "open(output, 'w')",
    "writes garbage": "open(output, 'wb').write(os.urandom(100_000))",
    "writes half a result": "open(output, 'w').write(good[:len(good) // 2])",
    "writes a good result and fails": "open(output, 'w').write(good); sys.exit(1)",
    "writes a good result and complains": "open(output, 'w').write(good); sys.stderr.write('fio: hash mismatch')",
    "writes a good result and is killed": "open(output, 'w').write(good); os.kill(os.getpid(), signal.SIGKILL)",
    "writes a good result and crashes": "open(output, 'w').write(good); os.kill(os.getpid(), signal.SIGSEGV)",
    "writes a good result and hangs": "open(output, 'w').write(good); time.sleep(300)",
    "writes a gigabyte without a line end": (
        "with open(output, 'wb') as f:\n  f.write(b'{')\n  for _ in range(1024): f.write(bytes(1 << 20))"
    ),
    "writes without end": "f = open(output, 'wb')\nwhile True: f.write(b'x' * (1 << 20))",
    "prints a gigabyte": "for _ in range(1024): os.write(1, b'x' * (1 << 20))",
    "complains without end": "while True: os.write(2, b'x' * (1 << 20))",
    "puts a link where its output should be": "os.symlink('/proc/kmsg', output)",
    "puts a pipe where its output should be": "os.mkfifo(output)",
    "puts a directory where its output should be": "os.mkdir(output)",
    "puts an endless device where its output should be": "os.symlink('/dev/zero', output)",
    "ignores every signal it can": (
        "for n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass\n"
        "while True: time.sleep(300)"
    ),
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "leaves a daemon behind": (
        "if os.fork() == 0:\n  os.setsid()\n  if os.fork(): os._exit(0)\n  time.sleep(300)\nos.wait()"
    ),
    "forks without end": ("for _ in range(100):\n  if os.fork() == 0: time.sleep(300)\ntime.sleep(300)"),
    "removes its workspace": "import shutil; shutil.rmtree(os.getcwd())",
    "writes not Unicode": "open(output, 'wb').write(b'{\"jobs\": \"\\xff\\xfe\\xfd\"}')",
    "writes a log of lies": "open(output, 'w').write(good); open('fio_iops.log', 'w').write('1000, many, 0, 0, 0')",
}

# What the fake server does with the connection of the client. States are those of iperf_api.h.
PRELUDE = """
import json
def read(n):
    data = b''
    while len(data) < n:
        part = c.recv(n - len(data))
        if not part: sys.exit()
        data += part
    return data
def cookie(): return read(37)
def state(n): c.sendall(struct.pack('b', n))
def parameters():
    cookie(); state(9)
    return json.loads(read(struct.unpack('>I', read(4))[0]))
def streams():
    wanted = parameters().get('parallel', 1); state(10)
    made = [s.accept()[0] for _ in range(wanted)]
    state(1); state(2)
    return made
def until_end(made):
    import threading
    for m in made:
        threading.Thread(target=lambda m=m: [None for _ in iter(lambda: m.recv(1 << 16), b'')], daemon=True).start()
    while read(1) != struct.pack('b', 4): pass
    state(13)
    read(struct.unpack('>I', read(4))[0])
def results(number):
    streams = [{'id': i, 'bytes': number, 'retransmits': -1, 'jitter': -5, 'errors': 0, 'packets': 0,
                'start_time': 0, 'end_time': 1} for i in (1, 3, 4, 5)]
    r = json.dumps({'cpu_util_total': 1e308, 'cpu_util_user': -1, 'cpu_util_system': 1,
                    'sender_has_retransmits': -1, 'streams': streams}).encode()
    c.sendall(struct.pack('>I', len(r)) + r); state(14); time.sleep(1); state(16)
def reset():
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); c.close()
"""
PEERS = {
    "accepts and is idle": "time.sleep(300)",
    "resets at once": "reset()",
    "closes at once": "c.close()",
    "closes after the greeting": "cookie(); c.close()",
    "resets after the greeting": "cookie(); reset()",
    "sends garbage": "c.sendall(os.urandom(4096)); time.sleep(300)",
    "sends garbage without end": "while True: c.sendall(os.urandom(65536))",
    "sends zeros without end": "while True: c.sendall(bytes(65536))",
    "is busy": "cookie(); state(-1); time.sleep(300)",
    "refuses with an error": "cookie(); state(-2); c.sendall(struct.pack('>ii', 1000000, -1)); time.sleep(300)",
    "invents a state": "cookie(); state(99); time.sleep(300)",
    "skips to the end": "cookie(); state(16); time.sleep(300)",
    "skips to the results": "cookie(); state(13); c.sendall(struct.pack('>I', 0xffffffff)); time.sleep(300)",
    "asks for streams twice": "parameters(); state(10); state(10); time.sleep(300)",
    "never starts": "parameters(); state(10); time.sleep(300)",
    "says start and is idle": "streams(); time.sleep(300)",
    "never ends": "until_end(streams()); time.sleep(300)",
    "ends with a length of 4 GiB": "until_end(streams()); c.sendall(struct.pack('>I', 0xffffffff)); time.sleep(300)",
    "ends with a length of 2 GiB": "until_end(streams()); c.sendall(struct.pack('>I', 0x7fffffff)); time.sleep(300)",
    "ends with no length": "until_end(streams()); c.sendall(bytes(4)); time.sleep(300)",
    "ends with results that are no JSON": (
        "until_end(streams()); c.sendall(struct.pack('>I', 9) + b'{\"a\": nan'); state(14); time.sleep(300)"
    ),
    "ends with empty results": (
        "until_end(streams()); c.sendall(struct.pack('>I', 2) + b'{}'); state(14); time.sleep(1); state(16)"
    ),
    "ends with results of no stream": (
        "until_end(streams())\nr = json.dumps({'cpu_util_total': 1, 'cpu_util_user': 1, 'cpu_util_system': 1,"
        " 'sender_has_retransmits': -1, 'streams': []}).encode()\n"
        "c.sendall(struct.pack('>I', len(r)) + r); state(14); time.sleep(1); state(16)"
    ),
    "ends with more than it was sent": "until_end(streams()); results(2**40)",
    "ends with a sum that overflows": "until_end(streams()); results(2**62)",
    "ends with less than nothing": "until_end(streams()); results(-(2**40))",
    "ends with an endless number": "until_end(streams()); results(1e300)",
    "drips": "cookie()\nwhile True: state(9); time.sleep(0.2)",
}


@pytest.fixture(scope="module", autouse=True)
def _summary() -> Iterator[None]:
    yield
    if len(_slowest) >= len(FAKE_FIO) + len(PEERS):
        print(
            f"\nC9: {len(FAKE_FIO)} hostile programs and {len(PEERS)} hostile peers, 0 tracebacks, 0 false samples, "
            f"children gone at most {max(_slowest):.1f} s after the end"
        )


def measure(name: str, ground: Ground, *, patience_seconds: float = PATIENCE_SECONDS) -> Run:
    """One run that is cancelled when it has not ended after `patience_seconds`; whoever is left then fails the test."""
    cancel = threading.Event()
    timer = threading.Timer(patience_seconds, cancel.set)
    began = time.monotonic()
    timer.start()
    result = run_once(BY_NAME[name], ground.spec(name, tools=TOOLS), facts(), cancel=cancel)
    timer.cancel()
    late = time.monotonic() - began - patience_seconds
    _slowest.append(max(late, 0.0))
    assert late <= GONE_SECONDS
    assert not children_of_runs()
    assert not [entry for entry in list_processes() if str(ground.directory) in _command_line(entry.pid)]
    ground.check_nothing_left()
    return result


@pytest.mark.parametrize("kind", FAKE_FIO)
def test_a_program_that_is_not_what_it_says_gives_no_sample(
    kind: str, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (FIO / "randread-4k.json").read_text()
    ground.make_file(1 << 25)
    body = f"output = os.path.abspath('fio.json')\ngood = {good!r}\n{FAKE_FIO[kind]}"
    fake_program(ground.directory / "bin", "fio", body, monkeypatch)
    result = measure("randread-4k", ground, patience_seconds=3 if "giga" in kind else PATIENCE_SECONDS)
    assert result.samples == ()
    assert result.aborted
    assert "Traceback" not in result.aborted
    assert len(result.raw) <= WORKSPACE_LIMIT_BYTES


def test_the_same_program_gives_a_sample_when_it_is_honest(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would pass for a reason of their own."""
    ground.make_file(1 << 25)
    good = (FIO / "randread-4k.json").read_text()
    body = f"open('fio.json', 'w').write({good!r})"
    fake_program(ground.directory / "bin", "fio", body, monkeypatch)
    spec = ground.spec("randread-4k", tools=TOOLS, runtime_seconds=3)
    result = run_once(BY_NAME["randread-4k"], spec, facts())
    assert result.aborted == ""
    assert result.samples[0].value > 0


@need_tool("iperf3")
@pytest.mark.parametrize("kind", PEERS)
def test_a_peer_that_speaks_badly_gives_no_sample(kind: str, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(ground.directory / "bin", "iperf3", _peer(PEERS[kind]), monkeypatch)
    result = measure("tcp-forward", ground, patience_seconds=3)
    assert result.samples == (), result.raw[-1000:]
    assert result.aborted


@need_tool("iperf3")
def test_an_idle_peer_is_ended_by_the_time_limit_where_nobody_cancels(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iperf3, "_SLACK_SECONDS", 1.0)
    fake_program(ground.directory / "bin", "iperf3", _peer(PEERS["accepts and is idle"]), monkeypatch)
    began = time.monotonic()
    result = run_once(BY_NAME["tcp-forward"], ground.spec("tcp-forward", tools=TOOLS), facts())
    assert "did not end within 2 s and was killed" in result.aborted
    # Two interpreters start before the clock of the client does.
    assert time.monotonic() - began < 2 + GONE_SECONDS + 3


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("ends at once", "sys.exit(1)"),
        ("says nothing", "time.sleep(300)"),
        ("floods before it is ready", "while True: os.write(1, b'x' * 65536)"),
        ("is ready and gone", "print('Server listening on', port, flush=True); sys.exit()"),
    ],
)
def test_a_server_that_does_not_serve_gives_no_sample(
    kind: str, body: str, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nodeagent.bench import runner

    monkeypatch.setattr(runner, "_SERVER_READY_SECONDS", 1.0)
    program = f"port = [a for a in sys.argv if a.startswith('--port=')][0][7:]\nif '--server' in sys.argv:\n  {body}\n"
    fake_program(ground.directory / "bin", "iperf3", program + _client(), monkeypatch)
    result = measure("tcp-forward", ground, patience_seconds=2)
    assert result.samples == ()
    assert result.aborted, kind


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("prints nothing", "pass"),
        ("prints a gigabyte", "for _ in range(1024): os.write(1, b'x' * (1 << 20))"),
        ("prints a good result twice over", "print(good + other)"),
        ("prints half a result", "print(good[:len(good) // 2])"),
        ("prints a good result and fails", "print(good); sys.exit(1)"),
        ("prints a good result with an error", 'print(good.rstrip()[:-1] + \', "error": "interrupted"}\')'),
        ("ignores TERM", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n  time.sleep(300)"),
    ],
)
def test_a_client_that_is_not_what_it_says_gives_no_sample(
    kind: str, body: str, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (IPERF3 / "tcp-forward.json").read_text()
    other = (IPERF3 / "tcp-forward-1-streams.json").read_text()
    program = (
        "port = [a for a in sys.argv if a.startswith('--port=')][0][7:]\n"
        f"good = {good!r}\nother = {other!r}\n"
        "if '--server' in sys.argv:\n  print('Server listening on', port, flush=True)\n  time.sleep(300)\n"
        f"else:\n  {body}\n"
    )
    fake_program(ground.directory / "bin", "iperf3", program, monkeypatch)
    result = measure("tcp-forward", ground, patience_seconds=2)
    assert result.samples == (), kind
    assert result.aborted


def _peer(body: str) -> str:
    """As a server our own; as a client the real program."""
    return (
        "if '--server' in sys.argv:\n"
        "    port = int([a for a in sys.argv if a.startswith('--port=')][0][7:])\n"
        "    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        "    s.bind(('127.0.0.1', port)); s.listen(64)\n"
        "    print('Server listening on', port, flush=True)\n"
        "    c, _ = s.accept()\n"
        f"    exec({PRELUDE + body!r})\n"
        "    time.sleep(300)\n" + _client()
    )


def _client() -> str:
    real = needs.tool("iperf3")
    return f"os.execv({real!r}, sys.argv)"


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
