"""The order of the tunables where the kernel gives it a meaning."""

from nodeagent.tune.tunables import TUNABLES

_PLACE = {tunable.name: at for at, tunable in enumerate(TUNABLES)}


def test_a_queue_is_set_after_mkfs_which_may_reset_it() -> None:
    """On a drive that can't discard, mkfs makes the kernel commit new limits, and read-ahead is its default again."""
    assert _PLACE["filesystem"] < _PLACE["block-queue"]


def test_what_decides_the_cpus_and_the_ports_comes_before_what_speaks_of_them() -> None:
    assert _PLACE["smt"] < _PLACE["cpu-governor"]
    assert _PLACE["sriov"] < _PLACE["nic-mtu"]


def test_sysctl_has_the_last_word_on_the_free_memory() -> None:
    """Switching huge pages recomputes vm.min_free_kbytes."""
    assert _PLACE["transparent-hugepages"] < _PLACE["sysctl"]
