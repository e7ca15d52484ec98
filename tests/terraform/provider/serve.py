"""Start a plugin as Terraform expects it (go-plugin): say on stdout where it listens, then serve until told to stop.

Protocol of the start: https://github.com/hashicorp/go-plugin/blob/main/docs/internals.md
It listens on a free loopback port, so there is no socket file to leave behind, and it ends with the Terraform that
started it, even where that one was killed.
"""

import base64
import os
import signal
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from tf.gen import grpc_controller_pb2 as controller
from tf.gen import grpc_controller_pb2_grpc as controller_service
from tf.gen import grpc_stdio_pb2_grpc as stdio_service
from tf.gen import tfplugin_pb2_grpc as service

from tests.terraform.provider.identity import CERTIFICATE, KEY
from tests.terraform.provider.plugin import Provider
from tests.terraform.provider.servicer import Servicer

_ANY_PORT = "127.0.0.1:0"
_PARENT_CHECK_S = 0.2
# As large as Terraform itself takes them: user data may carry an archive.
_MESSAGES = (("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20))
_MAGIC_COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")


class _Controller(controller_service.GRPCControllerServicer):  # type: ignore[misc]  # generated code without types
    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def Shutdown(self, request: Any, context: Any) -> Any:
        """Terraform is done with us."""
        self._stopped.set()
        return controller.Empty()


class _Stdio(stdio_service.GRPCStdioServicer):  # type: ignore[misc]  # generated code without types
    def StreamStdio(self, request: Any, context: Any) -> Any:
        """Nothing is printed but the line at the start."""
        return iter(())


def serve(provider: Provider, *, identity: Path) -> None:
    """Serve the Terraform that started us. `identity` holds the certificate and the key of this plugin."""
    name, value = _MAGIC_COOKIE
    if os.environ.get(name) != value:
        sys.exit("this is a plugin; Terraform starts it, not you")
    stopped = threading.Event()
    server = _server(provider, stopped)
    certificate = (identity / CERTIFICATE).read_bytes()
    credentials = grpc.ssl_server_credentials([((identity / KEY).read_bytes(), certificate)])
    port = server.add_secure_port(_ANY_PORT, credentials)
    encoded = base64.b64encode(ssl.PEM_cert_to_DER_cert(certificate.decode())).decode().rstrip("=")
    _run(server, stopped, f"1|6|tcp|127.0.0.1:{port}|grpc|{encoded}")


def serve_many(provider: Provider) -> None:
    """Serve every Terraform that finds us by TF_REATTACH_PROVIDERS, until whoever started us ends us (`resident`)."""
    server = _server(provider, threading.Event())
    port = server.add_insecure_port(_ANY_PORT)
    _run(server, threading.Event(), f"127.0.0.1:{port}")


def _server(provider: Provider, stopped: threading.Event) -> Any:
    server = grpc.server(ThreadPoolExecutor(max_workers=32), options=_MESSAGES)
    service.add_ProviderServicer_to_server(Servicer(provider), server)
    controller_service.add_GRPCControllerServicer_to_server(_Controller(stopped), server)
    stdio_service.add_GRPCStdioServicer_to_server(_Stdio(), server)
    return server


def _run(server: Any, stopped: threading.Event, greeting: str) -> None:
    # Ctrl-C reaches us too, as we are of Terraform's process group; it waits for what we are at.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    server.start()
    print(greeting, flush=True)
    while not stopped.wait(_PARENT_CHECK_S) and os.getppid() == parent:
        pass
    server.stop(grace=None)
    # A worker may still be waiting for an answer or for a server to deploy; nobody waits for it any more.
    os._exit(0)
