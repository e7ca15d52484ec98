"""Every tunable, in the order they run: what makes objects comes before what sets them.

To add one: its file here, its line below, its cases in tests/plans/<name>/, its page in docs/tunables/.
"""

from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.tunables.block_queue import BLOCK_QUEUE
from nodeagent.tune.tunables.filesystem import FILESYSTEM
from nodeagent.tune.tunables.sysctl import SYSCTL
from nodeagent.tune.tunables.transparent_hugepages import TRANSPARENT_HUGEPAGES

# Making a filesystem has no way back, so it comes when all that has one went well.
# Switching huge pages recomputes vm.min_free_kbytes, so sysctl has the last word on it.
TUNABLES: tuple[AnyTunable, ...] = (BLOCK_QUEUE, TRANSPARENT_HUGEPAGES, SYSCTL, FILESYSTEM)
