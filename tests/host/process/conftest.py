"""What other tests left to this process is taken away before each test here.

Starting a program makes us the one to whom orphans go (PR_SET_CHILD_SUBREAPER), also those of programs that a test of
another kind started by itself, such as a browser; they are no children of the programs looked at here.
"""

import os

import pytest

from nodeagent.host.process_family import list_processes


@pytest.fixture(autouse=True)
def no_zombies_of_others() -> None:
    for entry in list_processes():
        if entry.parent == os.getpid() and not entry.alive:
            os.waitpid(entry.pid, 0)
