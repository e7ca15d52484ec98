"""The parts of the page, one file each; the order is that of importance.

Where the cap on series cuts, it cuts from the end: health stays, the longest list goes first. To add a part: a file
here with a function of the shape `Collect`, and its line below.
"""

from collections.abc import Callable, Iterable

from prometheus_client import Metric

from nodeagent.serve.collectors.benchmark import collect as benchmark
from nodeagent.serve.collectors.boot import collect as boot
from nodeagent.serve.collectors.build import collect as build
from nodeagent.serve.collectors.health import collect as health
from nodeagent.serve.collectors.host import collect as host
from nodeagent.serve.collectors.interrupts import collect as interrupts
from nodeagent.serve.collectors.journal import collect as journal
from nodeagent.serve.collectors.traffic import collect as traffic
from nodeagent.serve.collectors.tunable import collect as tunable
from nodeagent.serve.snapshot import Snapshot

Collect = Callable[[Snapshot], Iterable[Metric]]

COLLECTORS: tuple[Collect, ...] = (health, build, host, journal, boot, tunable, interrupts, benchmark, traffic)
