"""A cloud that answers: store, API, TLS and proxy put together, on loopback, in one event loop."""

import asyncio
import contextlib
import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from cherrylab.api.access import Access
from cherrylab.api.app import Api
from cherrylab.api.limit import Limit
from cherrylab.api.log import RequestLog
from cherrylab.cloud.catalogue import load_catalogue
from cherrylab.cloud.clock import Clock, RealClock
from cherrylab.cloud.cloud import Cloud
from cherrylab.cloud.faults import Faults
from cherrylab.cloud.scenario import Scenario
from cherrylab.cloud.store import Store
from cherrylab.cloud.works import Works
from cherrylab.drivers.driver import Driver
from cherrylab.drivers.instant import InstantDriver
from cherrylab.proxy.authority import Certificates, ensure_certificates
from cherrylab.proxy.connect import ConnectProxy
from nodeagent.host.state_directory import write_own_file
from nodeagent.model.errors import HostError

_LOOPBACK = "127.0.0.1"
_START_SECONDS = 10.0
_GRACE_SECONDS = 1
_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a cloud keeps in its directory."""

    directory: Path

    @property
    def store(self) -> Path:
        return self.directory / "cloud.db"

    @property
    def requests(self) -> Path:
        """One line of JSON for each request."""
        return self.directory / "requests.jsonl"

    def token(self, access: Access) -> str:
        """The token of a kind, made where there is none; it is in no log and no answer."""
        path = self.directory / f"token-{access}"
        if not path.exists():
            write_own_file(path, secrets.token_urlsafe(24).encode())
        return path.read_text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a cloud behaves. Port 0 is any free one, `last_port` if it is; `requests_per_second` None is no limit."""

    port: int = 0
    last_port: int = 0
    scenario: Scenario = field(default_factory=Scenario)
    requests_per_second: int | None = None
    latency_seconds: float = 0.0


class Service:
    """One running cloud. Everything but `start` and `stop` may be looked at from another thread."""

    def __init__(
        self, files: Files, options: Options, *, driver: Driver | None = None, clock: Clock | None = None
    ) -> None:
        self.files = files
        self.options = options
        self.driver: Driver = driver or InstantDriver()
        self.clock: Clock = clock or RealClock()
        self.certificates: Certificates = ensure_certificates(files.directory)
        self.tokens = {files.token(access): access for access in Access}
        self.faults = Faults(options.scenario.faults, seed=options.scenario.seed)
        self.log = RequestLog(files.requests)
        self.port = 0
        self._cloud: Cloud | None = None
        self._proxy: ConnectProxy | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer. HostError where the port is taken or the store can't be used."""
        self._cloud = self._open()
        listener = _listener()
        try:
            self._proxy = ConnectProxy(upstream_port=listener.getsockname()[1])
            self._server, self._serving = self._serve(self._cloud, self._proxy, listener)
            await self._started(self._server)
            self.port = await self._listen(self._proxy)
        except BaseException:
            await self.stop()
            listener.close()
            raise

    async def stop(self) -> None:
        """Answer no more; what the driver has under way is waited for."""
        if self._proxy is not None:
            await self._proxy.stop()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
        if self._cloud is not None:
            await asyncio.to_thread(self._cloud.works.close)
            self.driver.close()
            self._cloud.store.close()

    async def ended(self) -> None:
        """Wait until the server ends by itself, as it does on a signal."""
        if self._serving is not None:
            await self._serving

    def environment(self, access: Access = Access.FULL) -> dict[str, str]:
        """What a client's environment must have to reach this cloud."""
        token = next(text for text, allowed in self.tokens.items() if allowed is access)
        return client_environment(port=self.port, token=token, authority=self.certificates.authority)

    def _open(self) -> Cloud:
        scenario = self.options.scenario
        cloud = Cloud(
            store=Store.open(self.files.store),
            catalogue=load_catalogue(),
            clock=self.clock,
            driver=self.driver,
            works=Works(self.driver),
            delays=scenario.delays,
            stock=scenario.stock,
        )
        cloud.begin()
        return cloud

    def _serve(
        self, cloud: Cloud, proxy: ConnectProxy, listener: socket.socket
    ) -> tuple[uvicorn.Server, asyncio.Task[None]]:
        api = Api(
            cloud=cloud,
            tokens=self.tokens,
            cut=proxy.cut,
            limit=Limit(self.options.requests_per_second),
            latency_seconds=self.options.latency_seconds,
            faults=self.faults,
            log=self.log,
        )
        config = uvicorn.Config(
            api.application(),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        config.load()
        config.ssl = self.certificates.context()
        server = uvicorn.Server(config)
        return server, asyncio.create_task(server.serve(sockets=[listener]))

    async def _started(self, server: uvicorn.Server) -> None:
        async with asyncio.timeout(_START_SECONDS):
            while not server.started:
                await asyncio.sleep(_POLL_SECONDS)

    async def _listen(self, proxy: ConnectProxy) -> int:
        if self.options.port == 0 and self.options.last_port:
            with contextlib.suppress(OSError):
                return await proxy.start(self.options.last_port)
        try:
            return await proxy.start(self.options.port)
        except OSError as error:
            raise HostError(
                f"cannot listen on {_LOOPBACK}:{self.options.port}: {error.strerror}",
                remedy="leave --port out, and any free one is taken",
            ) from error


def _listener() -> socket.socket:
    """A socket on a free port. Only on one that says it is TCP does asyncio not hold back small answers for 40 ms."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((_LOOPBACK, 0))
    return listener


def client_environment(*, port: int, token: str, authority: Path) -> dict[str, str]:
    """HTTPS_PROXY and SSL_CERT_FILE lead to the cloud; CHECKPOINT_DISABLE keeps Terraform from asking for news."""
    return {
        "HTTPS_PROXY": f"http://{_LOOPBACK}:{port}",
        "SSL_CERT_FILE": os.fspath(authority),
        "CHERRY_AUTH_TOKEN": token,
        "CHECKPOINT_DISABLE": "1",
    }


HIDDEN_VARIABLES = ("CHERRY_AUTH_KEY", "NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy")
"""What would lead a client past the cloud: the provider takes CHERRY_AUTH_KEY before the token."""
