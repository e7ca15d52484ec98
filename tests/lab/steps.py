"""What several tests do in a guest: lay out profiles, wait for something, kill an apply on its way."""

import time
from collections.abc import Mapping

from cherrylab.guests.guest import Guest


def lay_out(guest: Guest, profiles: Mapping[str, str]) -> None:
    """Write each profile to /root/NAME.yaml."""
    for name, text in profiles.items():
        guest.shell.check(f"cat > /root/{name}.yaml << 'END'\n{text}END")


def until(guest: Guest, script: str, *, seconds: float) -> bool:
    """Does the script succeed in time?"""
    deadline = time.monotonic() + seconds
    while not guest.shell.run(script).ok:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def kill_after(guest: Guest, apply: str, *, steps: int, timeout_seconds: float = 600) -> None:
    """SIGKILL to an apply that has told `steps` steps; the next one is under way when it comes.

    What it told is in /root/told. An apply that ended by itself before is an error.
    """
    guest.shell.check(
        f"""
        {apply} > /root/told 2>&1 &
        apply=$!
        while kill -0 $apply && [ "$(grep -c '^\\[' /root/told)" -lt {steps} ]; do sleep 0.02; done
        kill -9 $apply
        wait $apply
        [ $? = 137 ]
        """,
        timeout_seconds=timeout_seconds,
    )
