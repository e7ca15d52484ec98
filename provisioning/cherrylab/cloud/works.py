"""Telling the driver what to do, and writing down how it ended.

An instant driver is told at once. Any other works in threads, one server's tasks one after another; each thread has its
own connection to the store.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from cherrylab.cloud import servers
from cherrylab.cloud.tasks import Job, Task
from cherrylab.drivers.driver import Driver, DriverError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

_THREADS = 4
_LOG = logging.getLogger("cherrylab.works")


class Works:
    """Who calls the driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._pool = None if driver.is_instant else ThreadPoolExecutor(_THREADS, thread_name_prefix="driver")
        self._queues: dict[int, deque[Task]] = {}
        self._lock = threading.Lock()
        self._closing = False

    def take(self, cloud: "Cloud", tasks: Sequence[Task]) -> None:
        """Do these, at once or in their turn."""
        for task in tasks:
            if self._pool is None:
                perform(cloud, task)
            else:
                self._queue(cloud, task, self._pool)

    def close(self) -> None:
        """Begin nothing more, and wait for the calls under way; the books tell the next start what is left to do."""
        self._closing = True
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _queue(self, cloud: "Cloud", task: Task, pool: ThreadPoolExecutor) -> None:
        with self._lock:
            queue = self._queues.get(task.server_id)
            if queue is not None:
                queue.append(task)
                return
            self._queues[task.server_id] = deque([task])
        pool.submit(self._drain, cloud, task.server_id)

    def _drain(self, cloud: "Cloud", server_id: int) -> None:
        with type(cloud.store).open(cloud.store.path) as store:
            own = replace(cloud, store=store, tasks=[])
            while (task := self._next(server_id)) is not None:
                try:
                    perform(own, task)
                except Exception:  # a defect of a driver: the log has the traceback, and what is behind it goes on
                    _LOG.exception("%s of server %d", task.job, server_id)

    def _next(self, server_id: int) -> Task | None:
        with self._lock:
            queue = self._queues[server_id]
            if queue and not self._closing:
                return queue.popleft()
            del self._queues[server_id]
            return None


def perform(cloud: "Cloud", task: Task) -> None:
    """Call the driver for one task and write down how it ended."""
    failed = False
    try:
        _call(cloud, task)
    except DriverError as error:
        failed = True
        _LOG.error("%s of server %d: %s", task.job, task.server_id, error)
    if task.job in {Job.CREATE, Job.REINSTALL, Job.DELETE}:
        with cloud.store.transaction():
            servers.finish(cloud, task, failed=failed)


def _call(cloud: "Cloud", task: Task) -> None:
    if task.job is Job.DELETE:
        cloud.driver.deleted(task.server_id)
        return
    machine = servers.machine(cloud, task.server_id)
    if machine is None:
        return
    match task.job:
        case Job.CREATE:
            cloud.driver.created(machine)
        case Job.REINSTALL:
            cloud.driver.reinstalled(machine)
        case Job.RESUME:
            cloud.driver.resumed(machine)
        case Job.POWER:
            assert task.action is not None
            cloud.driver.power(machine, task.action)
        case Job.BMC:
            cloud.driver.bmc_changed(machine)
