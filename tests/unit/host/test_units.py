"""A unit read from its files, as systemd's own rules have it: load path, masks, links, drop-ins, control groups."""

from pathlib import Path

import pytest

from nodeagent.host import Host, changes
from nodeagent.model.errors import HostError
from nodeagent.model.service_change import SetUnit, UnitCondition
from nodeagent.model.unit_state import Enablement
from tests.fixtures.tree import Tree

_UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target\n"
_LINK = "multi-user.target.wants/a.service"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(root=tmp_path)
    tree.file("/run/systemd/system/.keep", "")
    tree.file("/sys/fs/cgroup/system.slice/cgroup.procs", "")
    tree.file("/usr/lib/systemd/system/a.service", _UNIT)
    return tree


def _run(tree: Tree, group: str) -> None:
    tree.file(f"/sys/fs/cgroup/{group}/cgroup.events", "populated 1\nfrozen 0\n")
    tree.file(f"/sys/fs/cgroup/{group}/cgroup.procs", "12\n34\n")


def _set(before: UnitCondition, after: UnitCondition) -> SetUnit:
    return SetUnit(key="k", tunable="t", unit="a.service", before=before, after=after)


def test_a_unit_without_links_is_disabled_and_says_what_enabling_would_make(tree: Tree) -> None:
    unit = Host(root=tree.root).unit("a.service")
    assert (unit.enablement, unit.active, unit.install) == (Enablement.DISABLED, False, (_LINK,))


def test_links_in_etc_enable_and_aliases_are_links_too(tree: Tree) -> None:
    tree.file("/usr/lib/systemd/system/a.service", _UNIT + "Alias=b.service\n")
    tree.link(f"/etc/systemd/system/{_LINK}", "/lib/systemd/system/a.service")
    tree.link("/etc/systemd/system/b.service", "/lib/systemd/system/a.service")
    unit = Host(root=tree.root).unit("b.service")
    assert unit.name == "a.service"
    assert unit.links == unit.install == ("b.service", _LINK)
    assert unit.enablement is Enablement.ENABLED


def test_a_mask_hides_the_unit_and_leaves_its_links_alone(tree: Tree) -> None:
    tree.link(f"/etc/systemd/system/{_LINK}", "/lib/systemd/system/a.service")
    tree.link("/etc/systemd/system/a.service", "/dev/null")
    unit = Host(root=tree.root).unit("a.service")
    assert (unit.enablement, unit.is_masked, unit.links) == (Enablement.MASKED, True, (_LINK,))
    assert unit.fragment == "/usr/lib/systemd/system/a.service"


def test_a_mask_until_the_next_boot_is_not_one_for_good(tree: Tree) -> None:
    tree.link("/run/systemd/system/a.service", "/dev/null")
    unit = Host(root=tree.root).unit("a.service")
    assert (unit.enablement, unit.is_masked) == (Enablement.MASKED_RUNTIME, False)


def test_a_unit_that_is_not_there_is_no_error(tree: Tree) -> None:
    unit = Host(root=tree.root).unit("none.service")
    assert (unit.exists, unit.enablement) == (False, Enablement.NOT_FOUND)


def test_what_a_generator_made_is_told_as_such(tree: Tree) -> None:
    tree.file("/run/systemd/generator/swapfile.swap", "[Swap]\nWhat=/swapfile\n")
    assert Host(root=tree.root).unit("swapfile.swap").enablement is Enablement.GENERATED


@pytest.mark.parametrize(
    ("name", "text", "group"),
    [
        ("a.service", _UNIT, "system.slice/a.service"),
        (
            "a.service",
            _UNIT.replace("[Install]", "Slice=o-p.slice\n[Install]"),
            "o.slice/o-p.slice/a.service",
        ),
        ("x-y@1.service", _UNIT, r"system.slice/system-x\x2dy.slice/x-y@1.service"),
    ],
)
def test_a_unit_runs_where_its_control_group_has_processes(tree: Tree, name: str, text: str, group: str) -> None:
    tree.file("/usr/lib/systemd/system/" + ("x-y@.service" if "@" in name else name), text)
    assert Host(root=tree.root).unit(name).active is False
    _run(tree, group)
    unit = Host(root=tree.root).unit(name)
    assert (unit.active, unit.processes) == (True, (12, 34))


def test_a_oneshot_that_stays_active_has_a_record_of_its_invocation(tree: Tree) -> None:
    tree.link("/run/systemd/units/invocation:a.service", "0123456789abcdef")
    assert Host(root=tree.root).unit("a.service").active is True


def test_without_control_groups_nobody_knows_whether_it_runs(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path)
    tree.file("/lib/systemd/system/a.service", _UNIT)
    unit = Host(root=tmp_path).unit("a.service")
    assert unit.active is None
    assert "control group" in unit.problem


def test_a_timer_has_no_processes_so_a_tree_does_not_tell(tree: Tree) -> None:
    tree.file("/usr/lib/systemd/system/a.timer", "[Install]\nWantedBy=timers.target\n")
    unit = Host(root=tree.root).unit("a.timer")
    assert (unit.active, unit.enablement) == (None, Enablement.DISABLED)


def test_drop_ins_take_effect_by_name_and_etc_stands_over_usr(tree: Tree) -> None:
    for path in (
        "/usr/lib/systemd/system/a.service.d/10-x.conf",
        "/etc/systemd/system/a.service.d/10-x.conf",
        "/etc/systemd/system/service.d/20-all.conf",
        "/run/systemd/system/a.service.d/15-run.conf",
        "/etc/systemd/system/a.service.d/readme",
    ):
        tree.file(path, "[Service]\nLimitNOFILE=5\n")
    assert Host(root=tree.root).unit("a.service").drop_ins == (
        "/etc/systemd/system/a.service.d/10-x.conf",
        "/run/systemd/system/a.service.d/15-run.conf",
        "/etc/systemd/system/service.d/20-all.conf",
    )


def test_a_change_of_a_unit_is_observed_by_the_same_files(tree: Tree) -> None:
    tree.link(f"/etc/systemd/system/{_LINK}", "/lib/systemd/system/a.service")
    _run(tree, "system.slice/a.service")
    before = UnitCondition(active=True, links=(_LINK,))
    change = _set(before, UnitCondition(active=False, masked=True, links=(_LINK,)))
    host = Host(root=tree.root)
    assert changes.observe(host, change).state == change.before_state()
    assert change.command() == "systemctl mask a.service && systemctl stop a.service"
    assert change.inverse().command() == "systemctl unmask a.service && systemctl start a.service"
    tree.link("/etc/systemd/system/a.service", "/dev/null")
    assert changes.is_half_done(change, changes.observe(host, change).state)


def test_where_only_the_mask_matters_nobody_asks_whether_it_runs(tree: Tree) -> None:
    change = _set(UnitCondition(active=None), UnitCondition(active=None, masked=True))
    assert changes.observe(Host(root=tree.root), change).state == "masked=no enabled=no"
    assert change.command() == "systemctl mask a.service"


def test_a_unit_that_is_not_there_is_gone(tmp_path: Path) -> None:
    change = _set(UnitCondition(active=True), UnitCondition(active=False))
    assert changes.observe(Host(root=tmp_path), change).gone


def test_without_systemd_nothing_is_done(tree: Tree) -> None:
    change = _set(UnitCondition(active=True), UnitCondition(active=False))
    with pytest.raises(HostError, match="systemd does not run this machine"):
        changes.perform(Host(root=tree.root), change)
