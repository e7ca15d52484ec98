"""The installed program as a shell sees it: imports, signals, pipes, full disks, closed streams."""

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nodeagent.model.errors import ExitCode
from tests.unit.tune.toys import make_host

pytestmark = pytest.mark.e2e

PROGRAM = [sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())"]
AGENT = Path(__file__).parents[2] / "agent"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(AGENT)}


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_import_no_library(argument: str) -> None:
    script = f"import sys; from nodeagent.cli.main import main; main([{argument!r}]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert {name for name in modules if name.startswith("nodeagent")} <= {
        "nodeagent",
        "nodeagent.version",
        "nodeagent.cli",
        "nodeagent.cli.main",
        "nodeagent.cli.help",
    }
    assert not modules & {"click", "re", "enum", "typing", "dataclasses"}


def test_a_wrong_option_imports_click_and_nothing_heavy() -> None:
    script = "import sys; from nodeagent.cli.main import main; main(['--wrong']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    heavy = {"pydantic", "rich", "pyroute2", "matplotlib", "jinja2", "prometheus_client", "ruamel", "psutil", "sqlite3"}
    heavy |= {"httpx", "stamina", "nodeagent.cherry", "nodeagent.readiness"}
    assert not heavy & set(done.stdout.splitlines()[-1].split())


def test_a_verify_after_an_apply_imports_what_it_looks_at(tmp_path: Path) -> None:
    """No loader of profiles, no kind of change, no other tunable: a timer may run it every minute."""
    root = make_host(tmp_path / "root", {"/proc/sys/vm/swappiness": "60\n"})
    profile = tmp_path / "one.yaml"
    profile.write_text("schema: 1\nsummary: one\ntune: {sysctl: {vm.swappiness: 10}}\n")
    environment = {**ENVIRONMENT, "NODEAGENT_STATE_DIR": str(tmp_path / "state")}
    named = ["--root", str(tmp_path / "root"), "--profile", str(profile)]
    apply = [*PROGRAM, "tune", "apply", "--yes", *named]
    subprocess.run(apply, capture_output=True, env=environment, check=True)
    assert root.text("/proc/sys/vm/swappiness") == "10"
    script = f"import sys; from nodeagent.cli.main import main; main(['tune', 'verify', *{named}]); print(*sys.modules)"
    verify = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert "current=10 recommended=10" in verify.stdout
    modules = set(verify.stdout.splitlines()[-1].split())
    assert not modules & {"pydantic", "ruamel", "nodeagent.model.change", "nodeagent.model.facts", "sqlite3"}
    tunables = {name for name in modules if name.startswith("nodeagent.tune.tunables.")}
    assert tunables == {"nodeagent.tune.tunables.sysctl"}


def test_bash_completes_commands_and_options_from_the_script() -> None:
    program = f'nodeagent() {{ {shlex.join(PROGRAM)} "$@"; }}; export -f nodeagent'
    script = f"""
        {program}
        source <(nodeagent completion bash)
        COMP_WORDS="nodeagent ho" COMP_CWORD=1 _NODEAGENT_COMPLETE=bash_complete nodeagent
        COMP_WORDS="nodeagent --c" COMP_CWORD=1 _NODEAGENT_COMPLETE=bash_complete nodeagent
        COMP_WORDS="nodeagent completion " COMP_CWORD=2 _NODEAGENT_COMPLETE=bash_complete nodeagent
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert done.stdout.split() == ["plain,host", "plain,--color", "plain,bash", "plain,zsh", "plain,fish"]
    assert done.stderr == ""


def test_a_reader_that_leaves_early_gets_no_complaint() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join([*PROGRAM, '--help'])} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.strip() in {"141", "0"}


@pytest.mark.parametrize("buffering", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [["--version"], ["--color", "never", "--version"], ["completion", "bash"]])
def test_a_full_disk_behind_stdout_is_one_error(arguments: list[str], buffering: str) -> None:
    environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": buffering}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == ExitCode.ERROR
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_crash(closing: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join([*PROGRAM, '--color', 'never', '--version'])} {closing}"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_and_exits_with_130(number: signal.Signals, tmp_path: Path) -> None:
    _write_sleeper(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", SLEEPER],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(tmp_path / "started")
        child.send_signal(number)
        _, errors = child.communicate(timeout=10)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == ExitCode.INTERRUPTED
    assert (tmp_path / "cleaned").exists()
    assert "Traceback" not in errors


def test_nohup_is_respected(tmp_path: Path) -> None:
    _write_sleeper(tmp_path)
    child = subprocess.Popen(
        ["nohup", sys.executable, "-c", SLEEPER],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(tmp_path / "started")
        child.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.5)
    finally:
        child.terminate()
        assert child.wait(timeout=10) == ExitCode.INTERRUPTED


def test_a_terminal_gets_color_and_a_pipe_none() -> None:
    assert b"\x1b[" in _on_terminal({}, "import os, sys\n" + _STYLED)
    assert b"\x1b[" not in _on_terminal({"NO_COLOR": "1"}, "import os, sys\n" + _STYLED)
    assert b"\x1b[" not in _on_terminal({"TERM": "dumb"}, "import os, sys\n" + _STYLED)


SLEEPER = (
    "import sys; from nodeagent.cli.main import main; sys.path.insert(0, '.'); import sleeper; sys.exit(main(['demo']))"
)
_SLEEPER_MODULE = """
import pathlib, sys, time, types
import click

@click.command()
def command():
    try:
        pathlib.Path("started").touch()
        time.sleep(30)
    finally:
        pathlib.Path("cleaned").touch()

module = types.ModuleType("nodeagent.cli.demo")
module.command = command
sys.modules["nodeagent.cli.demo"] = module
"""
_STYLED = """
from nodeagent.cli.output import ColorChoice, Terminal, Tone
made = Terminal.of(stream=sys.stdout, choice=ColorChoice.AUTO, environment=os.environ)
print(made.style("text", Tone.GOOD))
"""


def _write_sleeper(directory: Path) -> None:
    (directory / "sleeper.py").write_text(_SLEEPER_MODULE)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.01)


def _on_terminal(extra: dict[str, str], script: str) -> bytes:
    leader, follower = pty.openpty()
    try:
        environment = {**ENVIRONMENT, "TERM": "xterm", **extra}
        if "NO_COLOR" not in extra:
            environment.pop("NO_COLOR", None)
        subprocess.run([sys.executable, "-c", script], stdout=follower, env=environment, check=True, timeout=30)
        return os.read(leader, 4096)
    finally:
        os.close(leader)
        os.close(follower)
