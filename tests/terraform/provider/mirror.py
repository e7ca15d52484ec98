"""A filesystem mirror that holds the stand-ins, or the real plugins of those that are found on this machine.

Terraform looks a plugin up below HOST/NAMESPACE/NAME/VERSION/OS_ARCH. Real ones are looked for in the directory named
by NODEAGENT_TERRAFORM_MIRROR, in TF_PLUGIN_CACHE_DIR and where Terraform itself looks.
https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
"""

import os
import platform
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.terraform.provider.identity import make_identity

LAUNCH = Path(__file__).with_name("launch.py")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_HOSTS = ("registry.terraform.io", "registry.opentofu.org")
_REAL_MIRRORS = ("~/.terraform.d/plugins", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin by its place in the registry, and the module of this package that stands in for it."""

    namespace: str
    name: str
    version: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """The registries that have it: Terraform's and OpenTofu's."""
        return _HOSTS

    def directory(self, host: str) -> Path:
        """Its place below a mirror."""
        system = f"{sys.platform}_{_MACHINES.get(platform.machine(), platform.machine())}"
        return Path(host, self.namespace, self.name, self.version, system)


PLUGINS = (
    Plugin(namespace="cherryservers", name="cherryservers", version="1.5.3"),
    Plugin(namespace="hashicorp", name="aws", version="6.25.0"),
)


def find_real(plugin: Plugin) -> Path | None:
    """The directory of the real plugin on this machine."""
    named = [os.environ.get(name, "") for name in ("NODEAGENT_TERRAFORM_MIRROR", "TF_PLUGIN_CACHE_DIR")]
    mirrors = [Path(name).expanduser() for name in (*named, *_REAL_MIRRORS) if name]
    places = [mirror / plugin.directory(_HOSTS[0]) for mirror in mirrors]
    return next((place for place in places if place.is_dir() and any(place.iterdir())), None)


def make_mirror(directory: Path) -> None:
    """Fill an empty directory, readable by Terraform's `filesystem_mirror`."""
    identity = directory / "identity"
    identity.mkdir(parents=True)
    make_identity(identity)
    for plugin in PLUGINS:
        for host in plugin.hosts:
            _add(plugin, directory / plugin.directory(host), identity)


def _add(plugin: Plugin, place: Path, identity: Path) -> None:
    real = find_real(plugin)
    place.parent.mkdir(parents=True)
    if real is not None:
        place.symlink_to(real)
        return
    place.mkdir()
    program = place / f"terraform-provider-{plugin.name}_v{plugin.version}"
    command = shlex.join([sys.executable, "-I", str(LAUNCH), plugin.name, str(identity)])
    program.write_text(f"#!/bin/sh\nexec {command}\n")
    program.chmod(0o755)
