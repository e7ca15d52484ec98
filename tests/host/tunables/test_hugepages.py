"""hugepages on the real kernel: a few pages of 2 MiB on node 0, given back to the page.

A pool exists once on a machine, so whoever changes it waits for the others (tests/campaigns/grounds.py).
"""

import mmap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nodeagent.host import Host, changes
from nodeagent.model.change import WriteFile
from nodeagent.model.errors import HostError
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import State
from nodeagent.tune.tunables.hugepages import HUGEPAGES, HugepagesSettings
from tests.campaigns.grounds import only_campaign
from tests.needs import need_kernel, need_root

_POOL = Path("/sys/devices/system/node/node0/hugepages/hugepages-2048kB")
_PAGE_BYTES = 2 << 20
_MAP_HUGETLB = 0x40000  # asm-generic/mman-common.h; Python has no name for it

pytestmark = [pytest.mark.host, need_root, need_kernel(str(_POOL))]


@pytest.fixture
def pages() -> Iterator[int]:
    """The pool's pages at the start, which it has again at the end."""
    with only_campaign():
        before = (_POOL / "nr_hugepages").read_text()
        try:
            yield int(before)
        finally:
            (_POOL / "nr_hugepages").write_text(before)
            assert (_POOL / "nr_hugepages").read_text() == before


def test_a_pool_that_was_filled_is_done_and_comes_back(pages: int) -> None:
    host, wanted = Host(), (HugepagesSettings(name="few", size="2MiB", nodes="0", pages=Setting(value=pages + 3)),)
    facts = host.facts()
    observed = HUGEPAGES.observe(host, wanted, facts)
    (change,) = HUGEPAGES.plan(observed, wanted, facts)
    assert changes.observe(host, change).state == change.before_state() == str(pages)
    changes.perform(host, change)
    after = HUGEPAGES.observe(host, wanted, facts)
    assert HUGEPAGES.plan(after, wanted, facts) == ()
    assert HUGEPAGES.judge(after, wanted, facts).state is State.OK
    back = change.inverse()
    assert back is not None
    changes.perform(host, back)
    assert (_POOL / "nr_hugepages").read_text() == f"{pages}\n"


def test_pages_in_use_stay_and_the_error_says_so(pages: int) -> None:
    host, wanted = Host(), (HugepagesSettings(name="few", size="2MiB", nodes="0", pages=Setting(value=pages)),)
    changes.perform(host, _to(pages + 2))
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_HUGETLB
    with closing(mmap.mmap(-1, 2 * _PAGE_BYTES, flags=flags)) as used:
        used[0] = used[_PAGE_BYTES] = 1
        facts = host.facts()
        (found,) = HUGEPAGES.judge(HUGEPAGES.observe(host, wanted, facts), wanted, facts).findings
        assert pages > 0 or found.id == "NA-HUGE-003"
        with pytest.raises(
            HostError, match=r"node 0 keeps \d+ huge pages of 2M, wanted 0: programs use them"
        ) as caught:
            changes.perform(host, _to(0))
        assert "HugetlbPages" in (caught.value.remedy or "")
        seen = HUGEPAGES.observe(host, wanted, facts)
        assert (seen.pools[0, "2MiB"].surplus or 0) > 0


def _to(number: int) -> WriteFile:
    return WriteFile(key="pool", tunable="hugepages", path=str(_POOL / "nr_hugepages"), before="", after=str(number))
