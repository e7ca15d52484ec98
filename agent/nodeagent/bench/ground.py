"""A place made ready to measure on and left as it was: for storage, one test file for all benchmarks there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nodeagent.bench.benchmark import TestFile
from nodeagent.bench.events import Trouble
from nodeagent.bench.laboratory import Laboratory
from nodeagent.bench.suite import Batch, Item
from nodeagent.bench.support import Lack, lack
from nodeagent.host.datasafety import TestArea, make_test_area
from nodeagent.model.errors import NodeagentError


@dataclass(slots=True, kw_only=True)
class Ground:
    """`lack` says why nothing can be measured here. Of the test file, `filled_bytes` have been written so far."""

    lack: Lack = Lack()  # noqa: RUF009 - frozen
    area: TestArea | None = None
    filled_bytes: int = 0

    def test_file(self, item: Item) -> TestFile | None:
        """The file for one run; RefusedError where somebody exchanged it."""
        if self.area is None:
            return None
        self.area.require_in_place()
        prefill = item.benchmark.prefills and self.filled_bytes < item.size_bytes
        return TestFile(path=self.area.path, size_bytes=item.size_bytes, prefill=prefill, fd=self.area.fd)

    def note_filled(self, test_file: TestFile | None) -> None:
        """A run with this file went well, its fill included."""
        if test_file is not None and test_file.prefill:
            self.filled_bytes = test_file.size_bytes


@contextmanager
def prepared(batch: Batch, laboratory: Laboratory, on_trouble: Callable[[Trouble], None]) -> Iterator[Ground]:
    """The ground of a batch; what stands against it is said in it, not raised."""
    site = batch.site
    if site.problem:
        yield Ground(lack=Lack(reason=site.problem, remedy=site.remedy))
        return
    if site.directory is None or all(lack(item.benchmark, laboratory.tools) for item in batch.items):
        yield Ground()
        return
    try:
        area = make_test_area(
            laboratory.host,
            site.directory,
            batch.size_bytes,
            state_directory=laboratory.state_directory,
            expected_mount=site.mount_point,
        )
    except NodeagentError as error:
        yield Ground(lack=Lack(reason=error.message, remedy=error.remedy or ""))
        return
    try:
        yield Ground(area=area)
    finally:
        _remove(area, on_trouble)


def _remove(area: TestArea, on_trouble: Callable[[Trouble], None]) -> None:
    try:
        area.remove()
    except NodeagentError as error:
        on_trouble(Trouble(message=error.message, remedy=error.remedy or ""))
