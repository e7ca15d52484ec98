"""Plugins that stay for as long as a command of many parts needs them.

`terraform test` starts every plugin twice for each of its `run` blocks, which for programs in Python is nearly all of
its time. So for that command the stand-ins are started once, and Terraform is told where they are.
https://developer.hashicorp.com/terraform/plugin/debugging
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.terraform.provider.mirror import LAUNCH, Plugin, find_real

_PATIENCE_S = 30


@contextmanager
def resident(plugins: Iterable[Plugin], *, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run the stand-ins of those plugins that aren't found here; yields the variable by which Terraform finds them."""
    with ExitStack() as stack:
        addresses: dict[str, Any] = {}
        for plugin in plugins:
            if find_real(plugin) is None:
                address = stack.enter_context(_running(plugin, environment))
                addresses.update({f"{host}/{plugin.namespace}/{plugin.name}": address for host in plugin.hosts})
        yield {"TF_REATTACH_PROVIDERS": json.dumps(addresses)} if addresses else {}


@contextmanager
def _running(plugin: Plugin, environment: Mapping[str, str]) -> Iterator[dict[str, object]]:
    command = [sys.executable, "-I", str(LAUNCH), plugin.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(environment)) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError(f"the stand-in for {plugin.name} ended at its start; run it by hand: {command}")
            yield {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": process.pid,
                # Terraform leaves it running when it is done.
                "Test": True,
                "Addr": {"Network": "tcp", "String": address},
            }
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)
