"""What we read of units, held against systemctl itself, which works on a directory without a running systemd."""

import subprocess
from pathlib import Path
from random import Random

import pytest

from nodeagent.host import Host
from nodeagent.model.service_change import SetUnit, UnitCondition
from nodeagent.model.unit_state import UnitState
from tests import needs
from tests.fixtures.tree import Tree
from tests.needs import need_tool

pytestmark = [pytest.mark.host, need_tool("systemctl")]

_UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/x\n"
_TEXTS = {
    "plain.service": _UNIT + "[Install]\nWantedBy=multi-user.target\nAlias=other.service\n",
    "required.service": _UNIT + "[Install]\nRequiredBy=one.target two.target\nWantedBy=three.target\n",
    "static.service": _UNIT,
    "also.service": _UNIT + "[Install]\nAlso=plain.service\n",
    "timer.timer": "[Timer]\nOnBootSec=1\n[Install]\nWantedBy=timers.target\n",
}
_VERBS = ("enable", "disable", "mask", "unmask", "mask --runtime", "enable --runtime")


def _systemctl(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [needs.tool("systemctl"), f"--root={root}", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = Tree(root=tmp_path)
    tree.directory("/etc/systemd/system")
    for name, text in _TEXTS.items():
        tree.file(f"/usr/lib/systemd/system/{name}", text)
    return tmp_path


def _unit(root: Path, name: str) -> UnitState:
    return Host(root=root).unit(name)


@pytest.mark.parametrize("name", _TEXTS)
def test_enablement_is_what_systemctl_says_after_any_verbs(root: Path, name: str) -> None:
    done = []
    for verb in Random(name).choices(_VERBS, k=25):
        _systemctl(root, *verb.split(), name)
        done.append(verb)
        assert _unit(root, name).enablement.value == _systemctl(root, "is-enabled", name).stdout.strip(), done


@pytest.mark.parametrize("name", ["plain.service", "required.service", "timer.timer"])
def test_enabling_makes_the_links_that_were_foretold(root: Path, name: str) -> None:
    foretold = _unit(root, name).install
    assert _systemctl(root, "enable", name).returncode == 0
    assert _unit(root, name).links == foretold
    assert len(foretold) >= 1


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("after", ["masked", "disabled", "enabled"])
def test_the_verbs_of_a_change_lead_there_and_back(root: Path, enabled: bool, after: str) -> None:
    name = "plain.service"
    if enabled:
        _systemctl(root, "enable", name)
    before = _condition(_unit(root, name))
    links = {"masked": before.links, "disabled": (), "enabled": _unit(root, name).install}[after]
    change = SetUnit(
        key="k",
        tunable="t",
        unit=name,
        before=before,
        after=UnitCondition(active=None, masked=after == "masked", links=links),
    )
    for verb in change.verbs():
        assert _systemctl(root, verb, name).returncode == 0
    assert str(_condition(_unit(root, name))) == change.after_state()
    for verb in change.inverse().verbs():
        assert _systemctl(root, verb, name).returncode == 0
    assert str(_condition(_unit(root, name))) == change.before_state()


def test_a_masked_daemon_is_enabled_and_masked_again(root: Path) -> None:
    """A verb passes over a masked unit, so the order of the verbs matters."""
    name = "plain.service"
    _systemctl(root, "mask", name)
    unit = _unit(root, name)
    change = SetUnit(
        key="k", tunable="t", unit=name, before=_condition(unit), after=UnitCondition(active=None, links=unit.install)
    )
    for step in (change, change.inverse()):
        for verb in step.verbs():
            assert _systemctl(root, verb, name).returncode == 0
        assert str(_condition(_unit(root, name))) == step.after_state()


def test_every_service_of_this_machine_is_read_as_systemctl_reads_it() -> None:
    listed = _systemctl(Path("/"), "list-unit-files", "--no-legend", "--type=service").stdout.splitlines()
    said = {line.split()[0]: line.split()[1] for line in listed if "@." not in line.split()[0]}
    if not said:
        needs.missing("unit files of systemd", remedy="apt install systemd")
    host = Host()
    # An alias is listed by itself; we answer for the unit behind it.
    ours = {name: host.unit(name).enablement.value for name, state in said.items() if state != "alias"}
    assert ours == {name: state for name, state in said.items() if state != "alias"}


def _condition(unit: UnitState) -> UnitCondition:
    return UnitCondition(active=None, masked=unit.is_masked, links=unit.links)
