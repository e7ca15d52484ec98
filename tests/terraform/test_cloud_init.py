"""What a server gets as user data: a cloud-config that cloud-init takes, and a script that asks no package index."""

import base64
import ensurepip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e

SCRIPT = CONFIGURATIONS / "modules" / "node" / "install-nodeagent.sh"
DEBIAN_PYTHON = "/usr/bin:/bin"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """An archive like that of scripts/agent-bundle, with a nodeagent that only tells its version."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    places = (Path(ensurepip.__file__).with_name("_bundled"), Path("/usr/share/python-wheels"))
    shutil.copy(next(wheel for place in places for wheel in place.glob("pip-*.whl")), wheels)
    with zipfile.ZipFile(wheels / "nodeagent-7.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("nodeagent_toy.py", "def main() -> None:\n    print('nodeagent 7.0')\n")
        wheel.writestr("nodeagent-7.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: nodeagent\nVersion: 7.0\n")
        wheel.writestr(
            "nodeagent-7.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(
            "nodeagent-7.0.dist-info/entry_points.txt", "[console_scripts]\nnodeagent = nodeagent_toy:main\n"
        )
        wheel.writestr("nodeagent-7.0.dist-info/RECORD", "")
    archive = tmp_path / "bundle.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(wheels, ".")
    return archive


def test_document(cloud: RunningCloud, tmp_path: Path) -> None:
    """The archive travels along; every file is as it was given, and every command is a list of words."""
    bundle = tmp_path / "bundle.tar"
    bundle.write_bytes(bytes(range(256)) * 4096 * 4)
    document = _user_data(cloud, bundle={"path": str(bundle), "sha256": _sum(bundle)})["sol-1234-cp-1"]
    assert document.startswith("#cloud-config\n")
    config: dict[str, Any] = YAML(typ="safe").load(document)
    assert sorted(config) == ["hostname", "preserve_hostname", "runcmd", "write_files"]
    assert config["hostname"] == "sol-1234-cp-1"
    files = {entry["path"]: entry for entry in config["write_files"]}
    for entry in files.values():
        assert entry.keys() == {"path", "owner", "permissions", "encoding", "content"}
        assert entry["encoding"] == "b64"
        assert entry["owner"] == "root:root"
        assert isinstance(entry["permissions"], str)
    profile = CONFIGURATIONS / "environments/production/profiles/control-plane.yaml"
    assert _content(files["/etc/nodeagent/profiles/node.yaml"]) == profile.read_bytes()
    assert _content(files["/opt/nodeagent/install-nodeagent"]) == SCRIPT.read_bytes()
    assert files["/opt/nodeagent/install-nodeagent"]["permissions"] == "0755"
    assert _content(files["/opt/nodeagent/bundle.tar"]) == bundle.read_bytes()
    assert config["runcmd"] == [
        ["/opt/nodeagent/install-nodeagent", "/opt/nodeagent/bundle.tar", _sum(bundle)],
        ["/usr/local/bin/nodeagent", "tune", "boot", "--enable", "--profile", "node"],
    ]
    _ask_cloud_init(document, tmp_path)


def test_document_with_an_address(cloud: RunningCloud, tmp_path: Path) -> None:
    """The archive is fetched, and a small document says from where."""
    url = "https://files.example.org/a%20b?x=1&y=<2>"
    document = _user_data(cloud, bundle={"url": url, "sha256": "0" * 64})["sol-1234-cp-1"]
    assert YAML(typ="safe").load(document)["runcmd"][0] == ["/opt/nodeagent/install-nodeagent", url, "0" * 64]
    assert len(document) < 16384
    _ask_cloud_init(document, tmp_path)


def test_no_secret(cloud: RunningCloud) -> None:
    """The token that pays for the server is not told to it."""
    token = cloud.environment["CHERRY_AUTH_TOKEN"]
    for document in _user_data(cloud, bundle={"url": "https://files.example.org/a", "sha256": "0" * 64}).values():
        assert token not in document
        assert "PRIVATE KEY" not in document


def test_install(bundle: Path, tmp_path: Path) -> None:
    """From a file and from a URL, with the Python of the system and no pip on it; twice does no harm."""
    for source in (str(bundle), bundle.as_uri()):
        installed = _install(tmp_path, source, _sum(bundle))
        assert installed.returncode == 0, installed.stderr
        assert installed.stdout == "nodeagent 7.0\n"
    home = tmp_path / "home"
    assert (tmp_path / "bin" / "nodeagent").resolve() == home / _sum(bundle)[:12] / "bin" / "nodeagent"
    assert sorted(path.name for path in home.iterdir()) == [_sum(bundle)[:12]]


def test_another_sum_installs_nothing(bundle: Path, tmp_path: Path) -> None:
    """What was installed before stays in use."""
    assert _install(tmp_path, str(bundle), _sum(bundle)).returncode == 0
    refused = _install(tmp_path, str(bundle), "0" * 64)
    assert refused.returncode == 1
    assert f"wanted the sum {'0' * 64}, got {_sum(bundle)}" in refused.stderr
    ran = subprocess.run([tmp_path / "bin" / "nodeagent"], capture_output=True, check=True, text=True, timeout=60)
    assert ran.stdout == "nodeagent 7.0\n"


def test_archive_that_is_none_leaves_the_old_one_in_use(bundle: Path, tmp_path: Path) -> None:
    assert _install(tmp_path, str(bundle), _sum(bundle)).returncode == 0
    broken = tmp_path / "broken.tar"
    with tarfile.open(broken, "w") as tar:
        tar.addfile(tarfile.TarInfo("pip-1.whl"), io.BytesIO())
    assert _install(tmp_path, str(broken), _sum(broken)).returncode != 0
    ran = subprocess.run([tmp_path / "bin" / "nodeagent"], capture_output=True, check=True, text=True, timeout=60)
    assert ran.stdout == "nodeagent 7.0\n"


def test_script_is_clean() -> None:
    subprocess.run(["shellcheck", SCRIPT], check=True, timeout=60, env={"PATH": _path_of_venv()})


def _user_data(cloud: RunningCloud, **variables: Mapping[str, str]) -> dict[str, str]:
    terraform = Terraform(
        CONFIGURATIONS / "environments" / "production",
        environment=cloud.environment,
        variables=deployment(control_plane_count=1, **variables),
    )
    terraform.init()
    plan = terraform.directory / "plan"
    terraform.plan(out=plan)
    changes = terraform.show_json(plan)["resource_changes"]
    planned = [
        change["change"]["after"] for change in changes if change["address"].endswith("cherryservers_server.this")
    ]
    return {server["hostname"]: base64.b64decode(server["user_data"]).decode() for server in planned}


def _ask_cloud_init(document: str, directory: Path) -> None:
    """Cloud-init itself, where it is installed; guests of the lab run these documents."""
    program = shutil.which("cloud-init")
    if program is None:
        return
    file = directory / "user-data.yaml"
    file.write_text(document)
    subprocess.run([program, "schema", "--config-file", file], check=True, timeout=60)


def _install(directory: Path, source: str, sha256: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, source, sha256],
        env={
            "PATH": DEBIAN_PYTHON,
            "NODEAGENT_HOME": str(directory / "home"),
            "NODEAGENT_COMMAND": str(directory / "bin" / "nodeagent"),
        },
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )


def _content(entry: Mapping[str, str]) -> bytes:
    return base64.b64decode(entry["content"])


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _path_of_venv() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), DEBIAN_PYTHON])
