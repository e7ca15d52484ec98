"""A cloud of its own for one test: a thread of this process, a free port, the directory of the test."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from cherrylab.api.access import Access
from cherrylab.api.log import Entry
from cherrylab.cloud.clock import Clock
from cherrylab.cloud.faults import Fault
from cherrylab.cloud.store import Store
from cherrylab.drivers.driver import Driver
from cherrylab.proxy.authority import API_HOST
from cherrylab.service import Files, Options, Service

_SECONDS = 30.0
T = TypeVar("T")


class RunningCloud:
    """What a test may do with a cloud.

    `environment` is what any client needs to reach it; add it to the client's own, which must have no NO_PROXY.
    `store` looks at the books (`.servers.all()`, `.ips`, `.ssh_keys`, `.projects`, ...); writing is the cloud's.
    """

    def __init__(
        self,
        directory: Path,
        options: Options | None = None,
        *,
        driver: Driver | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._files = Files(directory=directory)
        self._options = options or Options()
        self._driver = driver
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cloud", daemon=True)
        self._service: Service | None = None
        self._looks: list[Store] = []
        self._earlier: tuple[Entry, ...] = ()

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.start()
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            for store in self._looks:
                store.close()
            if self._service is not None:
                self.stop()
        finally:
            self._end_loop()

    @property
    def service(self) -> Service:
        assert self._service is not None, "the cloud is down"
        return self._service

    @property
    def environment(self) -> dict[str, str]:
        return self.service.environment()

    @property
    def read_only_environment(self) -> dict[str, str]:
        """The same with a token that may only read: 403 for anything else."""
        return self.service.environment(Access.READ)

    @property
    def store(self) -> Store:
        """A connection of its own, for the thread that asks."""
        store = Store.open(self._files.store)
        self._looks.append(store)
        return store

    @property
    def requests(self) -> tuple[Entry, ...]:
        """Every request so far: method, path, status, and the fault that struck it."""
        now = () if self._service is None else tuple(self._service.log.entries)
        return self._earlier + now

    def inject(self, fault: Fault) -> None:
        """One fault more from now on; its calls are counted from here."""
        self.service.faults.add(fault)

    def heal(self) -> None:
        """No fault any more."""
        self.service.faults.clear()

    def start(self) -> None:
        service = Service(self._files, self._options, driver=self._driver, clock=self._clock)
        self._run(service.start())
        self._service = service
        self._options = replace(self._options, port=service.port)

    def stop(self) -> None:
        """Down, with what it remembers left on disk; `start` brings it back at the same address."""
        service, self._service = self.service, None
        self._earlier += tuple(service.log.entries)
        self._run(service.stop())

    def client(self, environment: dict[str, str] | None = None) -> httpx.Client:
        """An HTTP client with the token, that trusts this cloud only."""
        settings = self.environment if environment is None else environment
        return httpx.Client(
            base_url=f"https://{API_HOST}/v1",
            proxy=settings["HTTPS_PROXY"],
            verify=_context(settings["SSL_CERT_FILE"]),
            headers={"Authorization": f"Bearer {settings['CHERRY_AUTH_TOKEN']}"},
            trust_env=False,
            timeout=_SECONDS,
        )

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_SECONDS)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()


def _context(authority: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=authority)
