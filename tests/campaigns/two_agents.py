"""C15: two agents at once, and agents that die with the lock in their hands.

Of two that start together exactly one acts; the other ends with 75 and names the holder. An apply and a rollback that
race end as one after the other, or as one of them. After SIGKILL at any instant the next one works at once: the kernel
drops the lock, so there is nothing stale and nothing to force. A part of the starts are real command lines.
"""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nodeagent.model.errors import BusyError, ExitCode, NodeagentError
from nodeagent.tune import lock
from nodeagent.tune.rollback import rollback
from nodeagent.tune.session import open_session
from tests.campaigns.grounds import Ground
from tests.campaigns.injection import Ending, plain
from tests.campaigns.runs import applying, rolling_back

RACE_SHARE, KILL_SHARE, COMMAND_SHARE = 5, 5, 20
"""One race, one killed holder and one double start of command lines for so many points."""

_COMMAND = (sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())")
_PATIENCE_SECONDS = 20.0
_AT_ONCE_SECONDS = 2.0
_BOTH_CODES = {int(ExitCode.OK), int(ExitCode.BUSY)}


@dataclass(slots=True, kw_only=True)
class Tally:
    """`busy` are those told so during a race; `found_locked` are holders that were killed while they had the lock."""

    starts: int = 0
    commands: int = 0
    races: int = 0
    busy: int = 0
    kills: int = 0
    killed_at_work: int = 0
    slowest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def sweep(ground: Ground, *, limit: int, seed: int, tally: Tally) -> None:
    """`limit` points: double starts, races and killed holders."""
    agents = _Agents(ground, random.Random(seed), tally)
    races, kills, commands = limit // RACE_SHARE, limit // KILL_SHARE, limit // COMMAND_SHARE
    for _ in range(limit - races - kills - commands):
        agents.start_two()
    for _ in range(commands):
        agents.start_command()
    for _ in range(races):
        agents.race()
    for _ in range(kills):
        agents.kill_holder()


class _Agents:
    def __init__(self, ground: Ground, chance: random.Random, tally: Tally) -> None:
        self.ground = ground
        self.chance = chance
        self.tally = tally
        self.state = ground.directory / "state"
        for _ in range(2):  # The first time is no usual time.
            began = time.monotonic()
            assert plain(applying(ground, self.state)).exit_code == 0
            self.usual_seconds = time.monotonic() - began
            self.tuned = ground.snapshot()
            assert plain(rolling_back(ground, self.state)).exit_code == 0

    def start_two(self) -> None:
        """Both at the same instant; who gets the lock keeps it until the other has ended."""
        self.tally.starts += 1
        gates = [os.pipe(), os.pipe()]
        go, ready = os.pipe()
        children = [_Child(self._contender(gates, number, go, ready)) for number in (0, 1)]
        os.close(go)
        os.close(ready)
        for _, end in gates:
            os.close(end)
        endings = [child.wait() for child in children]
        for end, _ in gates:
            os.close(end)
        codes = sorted(ending.exit_code or 0 for ending in endings)
        self._expect(codes == [0, ExitCode.BUSY], f"two started at once ended with {codes}: {endings}")
        if codes == [0, ExitCode.BUSY]:
            winner = next(n for n, ending in enumerate(endings) if ending.exit_code == 0)
            self._check_named(endings[1 - winner].said, children[winner].pid)
        self._check_free()

    def _contender(self, gates: list[tuple[int, int]], number: int, go: int, ready: int) -> Callable[[], int]:
        """Ends of pipes say who lives: a read end is at its end once the other one is gone."""

        def run() -> int:
            other = gates[1 - number]
            os.close(other[1])
            # The write end of `ready` closes in both when both are here: nobody starts before.
            os.close(ready)
            os.read(go, 1)
            try:
                with open_session(self.ground.host, self.state, command="campaign") as session:
                    rollback(session)
                    alone = select.select([other[0]], [], [], _PATIENCE_SECONDS)[0]
                    return 0 if alone else 98
            except BusyError as error:
                os.write(2, error.message.encode())
                return int(error.exit_code)

        return run

    def start_command(self) -> None:
        """A real command line while another process holds the lock."""
        self.tally.commands += 1
        reading, writing = os.pipe()
        held, tell = os.pipe()

        def hold() -> int:
            os.close(writing)
            with lock.hold(self.state, command="campaign hold", boot_id="b", wall_seconds=time.time()):
                os.write(tell, b"x")
                select.select([reading], [], [], _PATIENCE_SECONDS)
            return 0

        child = _Child(hold)
        try:
            os.read(held, 1)
            arguments = self.chance.choice((["tune", "rollback"], ["tune", "apply", "--yes"]))
            done = self._command(arguments)
            self._expect(done.returncode == ExitCode.BUSY, f"{arguments}: {done.returncode}, {done.stderr}")
            self._check_named(done.stderr, child.pid)
            self._expect("Traceback" not in done.stderr, done.stderr)
        finally:
            os.close(writing)
            child.wait()
            for descriptor in (reading, held, tell):
                os.close(descriptor)
        free = self._command(["tune", "rollback"])
        self._expect(free.returncode == 0, f"after the holder had ended: {free.returncode}, {free.stderr}")

    def _command(self, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "NODEAGENT_STATE_DIR": str(self.state),
            "NODEAGENT_PROFILE": str(self.ground.directory / "campaign.yaml"),
        }
        return subprocess.run(
            [*_COMMAND, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def race(self) -> None:
        """An apply and a rollback, the one a random part of its usual time after the other."""
        self.tally.races += 1
        if self.chance.random() < 0.5:
            plain(applying(self.ground, self.state))
        runs = [applying(self.ground, self.state), rolling_back(self.ground, self.state)]
        self.chance.shuffle(runs)
        first = _Child(runs[0])
        time.sleep(self.chance.uniform(0, self.usual_seconds))
        second = _Child(runs[1])
        for ending in (first.wait(), second.wait()):
            self._expect(ending.exit_code in _BOTH_CODES, f"a race ended with {ending.exit_code}: {ending.said}")
            self.tally.busy += ending.exit_code == ExitCode.BUSY
        now = self.ground.snapshot()
        self._expect(now in (self.tuned, self.ground.original), f"a race left half of something: {now}")
        self._back_to_start()

    def kill_holder(self) -> None:
        """SIGKILL at a random instant; whoever comes next works at once."""
        self.tally.kills += 1
        child = _Child(applying(self.ground, self.state))
        time.sleep(self.chance.uniform(0, self.usual_seconds))
        self.tally.killed_at_work += self._is_locked()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        began = time.monotonic()
        done = plain(applying(self.ground, self.state))
        took = time.monotonic() - began
        self.tally.slowest_seconds = max(self.tally.slowest_seconds, took)
        self._expect(done.exit_code == 0, f"after a killed holder: {done.exit_code}, {done.said}")
        self._expect(self.ground.snapshot() == self.tuned, "after a killed holder another end")
        # A machine under other load is slow without a lock to wait for.
        self._expect(took < _AT_ONCE_SECONDS + 10 * self.usual_seconds, f"the next one took {took:.1f} s")
        self._back_to_start()

    def _is_locked(self) -> bool:
        try:
            with lock.hold(self.state, command="look", boot_id="b", wall_seconds=time.time()):
                return False
        except BusyError:
            return True

    def _check_named(self, said: str, holder: int) -> None:
        self._expect(f"process {holder} " in " ".join(said.split()), f"the holder {holder} was not named: {said}")

    def _check_free(self) -> None:
        try:
            with open_session(self.ground.host, self.state, command="campaign"):
                return
        except NodeagentError as error:
            self._expect(False, f"the lock is stale: {error.message}")

    def _back_to_start(self) -> None:
        back = plain(rolling_back(self.ground, self.state))
        self._expect(back.exit_code == 0, f"the last rollback: {back.exit_code}, {back.said}")
        self._expect(self.ground.snapshot() == self.ground.original, f"not as before: {back.said}")
        if self.chance.random() < 0.2:
            shutil.rmtree(self.state)

    def _expect(self, holds: bool, problem: str) -> None:
        if not holds:
            self.tally.faults.append(problem)


class _Child:
    """A forked child that runs a function; what it writes to stderr is kept."""

    def __init__(self, run: Callable[[], int]) -> None:
        self._said, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 99
            try:
                os.dup2(writing, 2)
                os.close(writing)
                code = run()
            except BaseException:
                import traceback

                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(code)
        os.close(writing)

    def wait(self) -> Ending:
        """How it ended; one that hangs is killed, which shows as such."""
        if not select.select([pidfd := os.pidfd_open(self.pid)], [], [], _PATIENCE_SECONDS)[0]:
            os.kill(self.pid, signal.SIGKILL)
        os.close(pidfd)
        status = os.waitpid(self.pid, 0)[1]
        said = b""
        while part := os.read(self._said, 65536):
            said += part
        os.close(self._said)
        return Ending(
            exit_code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            killed_by=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            log="",
            said=said.decode(errors="replace"),
        )


def total(tally: Tally) -> str:
    """The summary line."""
    points = tally.starts + tally.commands + tally.races + tally.kills
    return (
        f"C15: {points} points ({tally.starts} double starts, {tally.commands} of command lines, "
        f"{tally.races} races with {tally.busy} told busy, {tally.kills} killed of which {tally.killed_at_work} held "
        f"the lock), {len(tally.faults)} faults; the next one took {tally.slowest_seconds:.2f} s at most"
    )
