"""Plugins that stay for as long as a command needs them.

Terraform starts every plugin some four times for a `plan` or an `apply`, and twice for each `run` block of a test. For
programs in Python that is most of the time. So the stand-ins are started once a command, and Terraform is told where
they are. https://developer.hashicorp.com/terraform/plugin/debugging
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from tests.terraform.provider.mirror import LAUNCH, Plugin, find_real

_PATIENCE_S = 30


@contextmanager
def resident(plugins: Iterable[Plugin], *, environment: Mapping[str, str], errors: Path) -> Iterator[dict[str, str]]:
    """Run the stand-ins of those plugins that aren't found here; yields the variable by which Terraform finds them.

    What they say on stderr, as when they crash, is in the file `errors` afterwards.
    """
    with ExitStack() as stack, errors.open("w") as said:
        addresses: dict[str, Any] = {}
        for plugin in plugins:
            if find_real(plugin) is None:
                address = stack.enter_context(_running(plugin, environment, said))
                addresses.update({f"{host}/{plugin.namespace}/{plugin.name}": address for host in plugin.hosts})
        yield {"TF_REATTACH_PROVIDERS": json.dumps(addresses)} if addresses else {}


@contextmanager
def _running(plugin: Plugin, environment: Mapping[str, str], said: IO[str]) -> Iterator[dict[str, object]]:
    command = [sys.executable, "-I", str(LAUNCH), plugin.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=dict(environment)) as process:
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
