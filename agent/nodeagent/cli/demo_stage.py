"""The demo's side that knows the terminal: telling the story in 80 columns, running commands, reading one page."""

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TextIO

from nodeagent.cli.output import Terminal, Tone
from nodeagent.demo.script import Tools, show
from nodeagent.host import process
from nodeagent.host.state_directory import ensure_state_directory, state_directory
from nodeagent.model.command import Command
from nodeagent.model.errors import ExitCode, HostError

_WIDTH = 78
_MAIN = "import sys; from nodeagent.cli.main import main; sys.exit(main())"
_READ = "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=10).read())"
_COMMAND_SECONDS = 120.0
_SCRAPE_SECONDS = 30.0


def perform(terminal: Terminal, *, results: Path, state_dir: Path | None) -> ExitCode:
    """Show the demo on this terminal."""
    base = ensure_state_directory(state_directory(state_dir)) / "demo"
    tools = Tools(
        console=StoryConsole(terminal, sys.stdout),
        run=CommandRunner(terminal),
        scrape=scrape,
        remember=os.environ.update,
        results=Path.cwd() / results,
        is_root=os.geteuid() == 0,
    )
    return show(base, tools)


class StoryConsole:
    """Headings, words and commands, told apart without colour too."""

    def __init__(self, terminal: Terminal, out: TextIO) -> None:
        self._terminal = terminal
        self._out = out
        self._number = 0

    def heading(self, text: str) -> None:
        self._number += 1
        self._write("\n" + self._terminal.style(f"== {self._number}. {text}", Tone.STRONG))

    def say(self, text: str) -> None:
        self._write(text)

    def server(self, command: str) -> None:
        self._write(self._terminal.style(f"on a server: {command}", Tone.FAINT))

    def command(self, text: str) -> None:
        self._write(self._terminal.style(wrapped(text), Tone.GOOD))

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def wrapped(command: str) -> str:
    r"""A command line with `$ ` before it, broken before its options with `\` where it is too long."""
    parts: list[str] = []
    for word in shlex.split(command):
        # An option keeps its value on its line.
        if parts and not word.startswith("--") and parts[-1].startswith("--") and " " not in parts[-1]:
            parts[-1] += " " + shlex.quote(word)
        else:
            parts.append(shlex.quote(word))
    lines = ["$"]
    for part in parts:
        if len(lines[-1]) + 1 + len(part) + 2 > _WIDTH and lines[-1].strip() != "$":
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += " " + part
    return "\n".join(lines)


class CommandRunner:
    """Runs nodeagent in a process of its own, so that each step is what a person would get who typed it."""

    def __init__(self, terminal: Terminal) -> None:
        self._color = "always" if terminal.color else "never"

    def __call__(self, arguments: tuple[str, ...], *, namespace: str | None = None) -> int:
        if namespace is None:
            return self._here(arguments)
        command = nodeagent("--color", self._color, *arguments, namespace=namespace)
        completed = process.run(command, on_output=_pass_on)
        if completed.exit_code != ExitCode.OK:
            sys.stderr.write(completed.stderr.decode(errors="replace"))
        return completed.exit_code

    def _here(self, arguments: tuple[str, ...]) -> int:
        """In this process: what is measured shows its progress on this terminal."""
        from nodeagent.cli.root import run

        code = run(["--color", self._color, *arguments])
        if code == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt  # it was told there and is meant for all of us
        return code


def nodeagent(*arguments: str, namespace: str | None, seconds: float = _COMMAND_SECONDS) -> Command:
    """This very program as a command, wherever it is installed."""
    return Command(
        argv=(sys.executable, "-c", _MAIN, *arguments),
        timeout_seconds=seconds,
        environment=(("PYTHONPATH", os.pathsep.join(path for path in sys.path if path)), *_settings()),
        network_namespace=namespace,
    )


def _settings() -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in os.environ.items() if name.startswith("NODEAGENT_"))


def scrape(arguments: tuple[str, ...], namespace: str | None) -> str:
    """Start `nodeagent serve`, read its page once it is filled, end it."""
    deadline = time.monotonic() + _SCRAPE_SECONDS
    with process.start(nodeagent("serve", *arguments, namespace=namespace)) as server:
        while time.monotonic() < deadline and server.completed is None:
            address = _address(server.stderr.decode(errors="replace"))
            page = _page(address, namespace) if address else ""
            if "nodeagent_build_info" in page:
                return page
            time.sleep(0.1)
        said = server.stderr.decode(errors="replace").strip()
    raise HostError(f"nodeagent serve gave no page within {_SCRAPE_SECONDS:g} s; it said: {said or 'nothing'}")


def _address(log: str) -> str:
    return next((word for word in log.split() if word.startswith("http://")), "")


def _page(address: str, namespace: str | None) -> str:
    """The page, or "" while it isn't there; from within the namespace, whose loopback is another one."""
    command = Command(
        argv=(sys.executable, "-c", _READ, address), timeout_seconds=_SCRAPE_SECONDS, network_namespace=namespace
    )
    completed = process.run(command)
    return completed.stdout.decode() if completed.ok else ""


def _pass_on(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
