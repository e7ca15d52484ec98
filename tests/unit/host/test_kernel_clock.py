"""The kernel's clock: any process may ask, and a captured tree can't answer."""

from pathlib import Path

from nodeagent.host import Host


def test_the_running_kernel_tells_and_says_how_wrong_it_may_be() -> None:
    clock = Host().clock()
    assert clock.problem == ""
    assert clock.synchronised is not None
    assert clock.maximum_error_seconds is not None
    assert 0 <= clock.maximum_error_seconds < 60


def test_a_tree_does_not_know(tmp_path: Path) -> None:
    clock = Host(root=tmp_path).clock()
    assert clock.synchronised is None
    assert "kernel" in clock.problem
