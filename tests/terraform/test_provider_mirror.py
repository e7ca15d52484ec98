"""The mirror holds the real plugin where there is one, and else a program that starts the stand-in."""

import os
from pathlib import Path

import pytest

from tests.terraform.provider.identity import KEY
from tests.terraform.provider.mirror import PLUGINS, find_real, make_mirror

CHERRY = PLUGINS[0]
REGISTRY = "registry.terraform.io"


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No plugin of this machine."""
    monkeypatch.delenv("TF_PLUGIN_CACHE_DIR", raising=False)
    monkeypatch.setenv("NODEAGENT_TERRAFORM_MIRROR", str(tmp_path / "real"))
    monkeypatch.setenv("HOME", str(tmp_path))


def install(directory: Path) -> Path:
    """A real plugin, as far as anybody can tell by looking."""
    place = directory / CHERRY.directory(REGISTRY)
    place.mkdir(parents=True)
    (place / "terraform-provider-cherryservers_v1.5.3").write_text("real")
    return place


def test_without_a_real_plugin_a_program_starts_the_stand_in(tmp_path: Path) -> None:
    assert find_real(CHERRY) is None
    make_mirror(tmp_path / "mirror")
    for host in CHERRY.hosts:
        (program,) = (tmp_path / "mirror" / CHERRY.directory(host)).iterdir()
        assert program.name == "terraform-provider-cherryservers_v1.5.3"
        assert os.access(program, os.X_OK)
        assert "launch.py cherryservers" in program.read_text()


def test_the_real_plugin_is_preferred(tmp_path: Path) -> None:
    place = install(tmp_path / "real")
    assert find_real(CHERRY) == place
    make_mirror(tmp_path / "mirror")
    linked = tmp_path / "mirror" / CHERRY.directory(REGISTRY)
    assert linked.resolve() == place
    assert not (tmp_path / "mirror" / PLUGINS[1].directory(REGISTRY)).is_symlink()


def test_it_is_found_where_terraform_itself_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODEAGENT_TERRAFORM_MIRROR")
    place = install(tmp_path / ".terraform.d" / "plugins")
    assert find_real(CHERRY) == place


def test_an_empty_directory_is_no_plugin(tmp_path: Path) -> None:
    (tmp_path / "real" / CHERRY.directory(REGISTRY)).mkdir(parents=True)
    assert find_real(CHERRY) is None


def test_the_key_of_a_mirror_is_for_nobody_else(tmp_path: Path) -> None:
    make_mirror(tmp_path / "mirror")
    assert (tmp_path / "mirror" / "identity" / KEY).stat().st_mode & 0o077 == 0
