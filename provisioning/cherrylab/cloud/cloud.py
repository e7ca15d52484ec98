"""The cloud as a whole: what its operations work on, and the one order in which a change happens.

with cloud.change():            # one transaction
    servers.create(cloud, ...)  # writes the books and notes what the driver has to do
                                # committed; only now is the driver told
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cherrylab.cloud import servers, teams
from cherrylab.cloud.catalogue import Catalogue
from cherrylab.cloud.clock import Clock
from cherrylab.cloud.lifecycle import Delays
from cherrylab.cloud.store import Store
from cherrylab.cloud.tasks import Task
from cherrylab.cloud.works import Works
from cherrylab.drivers.driver import Driver


@dataclass(slots=True, kw_only=True)
class Cloud:
    """`stock` stands over the catalogue's: machines in all by (plan, region). `works` tells the driver what to do."""

    store: Store
    catalogue: Catalogue
    clock: Clock
    driver: Driver
    works: Works
    delays: Delays = field(default_factory=Delays)
    stock: Mapping[tuple[str, str], int] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Everything inside happens, or nothing; afterwards the driver is told what it has to do."""
        self.tasks.clear()
        with self.store.transaction():
            servers.forget_gone(self)
            yield
        noted, self.tasks[:] = tuple(self.tasks), ()
        self.works.take(self, noted)

    def begin(self) -> None:
        """Make a new cloud's first team, and take up again what a stop or a kill interrupted."""
        with self.change():
            teams.seed(self)
            self.tasks += servers.tasks_at_start(self)
