"""Clashes: each is found where it would do harm and nowhere else, and is overridden by its id alone."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from nodeagent.cli.main import main
from nodeagent.host import Host
from nodeagent.model.change import PlanItem
from nodeagent.model.errors import ExitCode, RefusedError
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.firewall_change import FirewallTable, SetFirewallTable
from nodeagent.model.network_change import SetLink, SetVfCount, VfCount
from nodeagent.model.placement_settings import PlacementSettings
from nodeagent.model.port import Port
from nodeagent.model.profile import Override, Profile
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.profiles import load_profile
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.clashes import CLASHES, find_clashes
from nodeagent.tune.clashes.situation import Situation
from nodeagent.tune.conflicts import Conflict, unanswered
from nodeagent.tune.gate import check_conflicts
from nodeagent.tune.packets.remote_peers import connected_peers, ssh_ports
from nodeagent.tune.packets.settings import FirewallSettings, Management, Policy, Protocol, Service
from nodeagent.tune.ports.sriov_settings import SriovSettings
from nodeagent.tune.reading import read_journal
from nodeagent.tune.record import RecordType
from nodeagent.tune.tunables.nic_mtu import MtuSettings
from tests.fixtures.tree import Tree
from tests.unit.tune.toys import World, profile_of

PF = "0000:82:00.0"
_PAGES = Path(__file__).parents[3] / "docs"


@dataclass(frozen=True)
class _Machine(Host):
    """A tree, and ports of which netlink told the XDP mode."""

    xdp: dict[str, str] = field(default_factory=dict)

    def port(self, address: str) -> Port:
        return replace(super().port(address), xdp=self.xdp.get(address, ""))


def _facts(machine: Host) -> HostFacts:
    nic = Nic(name="pf0", pci_address=PF, driver="igb", mac="02:00:00:00:00:01")
    return replace(machine.facts(), nics=(nic,))


def _find(
    tmp_path: Path,
    *items: PlanItem,
    xdp: str = "",
    tune: dict[str, Any] | None = None,
    placement: PlacementSettings | None = None,
    overrides: tuple[Override, ...] = (),
) -> tuple[Conflict, ...]:
    machine = _Machine(root=tmp_path, xdp={PF: xdp})
    profile = Profile(
        name="p", summary="s", digest="d", files=(), tune=tune or {}, placement=placement, overrides=overrides
    )
    return find_clashes(Situation(items=items, facts=_facts(machine), host=machine, profile=profile))


def _mtu(after: int, *, index: int | None = None) -> SetLink:
    return SetLink(key=f"nic-mtu:{PF}", tunable="nic-mtu", address=PF, before_mtu=1500, after_mtu=after, index=index)


def _vfs(before: int, after: int) -> SetVfCount:
    return SetVfCount(
        key=f"sriov:{PF}:vfs",
        tunable="sriov",
        address=PF,
        before=VfCount(vfs=before),
        after=VfCount(vfs=after),
    )


XDP_CORES = PlacementSettings(nic=NicSelector(driver="igb"), xdp=Setting(value=2))


@pytest.mark.parametrize(
    ("item", "xdp", "placement", "ids"),
    [
        (_mtu(9000), "native", None, ["NA-CONFLICT-001"]),
        (_mtu(9000), "offload", None, ["NA-CONFLICT-001"]),
        (_mtu(9000), "", XDP_CORES, ["NA-CONFLICT-001"]),
        (_mtu(9000), "generic", None, []),
        (_mtu(3050), "native", None, []),
        (_mtu(9000, index=0), "native", None, []),
        (_mtu(9000), "", replace(XDP_CORES, xdp=Setting(value=0)), []),
        (_mtu(9000), "", replace(XDP_CORES, nic=NicSelector(driver="ice")), []),
        (_vfs(0, 4), "native", None, ["NA-CONFLICT-002"]),
        (_vfs(0, 4), "", XDP_CORES, ["NA-CONFLICT-002"]),
        (_vfs(4, 0), "native", None, []),
        (_vfs(0, 4), "", None, []),
    ],
)
def test_what_shares_a_port_with_xdp_is_found(
    tmp_path: Path, item: PlanItem, xdp: str, placement: PlacementSettings | None, ids: list[str]
) -> None:
    found = _find(tmp_path, item, xdp=xdp, placement=placement)
    assert [conflict.id for conflict in found] == ids
    assert all(conflict.keys == (item.key,) for conflict in found)


def _mtus(one: Setting[int], two: Setting[int]) -> dict[str, Any]:
    nic = NicSelector(driver="igb")
    return {
        "nic-mtu": (MtuSettings(name="a", nic=nic, mtu=one),),
        "sriov": (SriovSettings(name="a", nic=nic, mtu=two),),
    }


@pytest.mark.parametrize(
    ("one", "two", "clashes"),
    [
        (Setting(value=9000), Setting(value=1500), True),
        (Setting(value=9000), Setting(value=9000), False),
        (Setting(value=1500, bound=Bound.AT_LEAST), Setting(value=9000), False),
        (Setting(value=1500, bound=Bound.AT_MOST), Setting(value=9000), True),
        (Setting(value=9000), Setting(value=1500, mode=Mode.WARN), False),
    ],
)
def test_two_values_for_one_mtu_are_found_where_they_cannot_both_hold(
    tmp_path: Path, one: Setting[int], two: Setting[int], clashes: bool
) -> None:
    found = _find(tmp_path, tune=_mtus(one, two))
    assert [conflict.id for conflict in found] == ["NA-CONFLICT-003"] * clashes


def test_a_sysctl_of_another_tunable_is_found_however_it_is_spelled(tmp_path: Path) -> None:
    sysctl = {"vm/nr_hugepages": Setting(value="8"), "vm.swappiness": Setting(value="1")}
    (found,) = _find(tmp_path, tune={"sysctl": sysctl, "hugepages": object()})
    assert found.id == "NA-CONFLICT-004"
    assert "hugepages's to set" in found.reason
    assert _find(tmp_path, tune={"sysctl": sysctl}) == ()


# sl local_address remote_address st: 203.0.113.9 on port 22, 198.51.100.4 on port 8001, ourselves on port 22.
_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0A4D000A:0016 097100CB:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0A4D000A:1F41 046433C6:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 3
   3: 0100007F:0016 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 4
"""
# 2001:db8::7 and the IPv4 address 203.0.113.9 as IPv6 shows it, both on port 2222.
_TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:08AE B80D0120000000000000000007000000:D2F0 01 00000000:00000000
   1: 00000000000000000000000000000000:08AE 0000000000000000FFFF0000097100CB:D2F0 01 00000000:00000000
"""
_STEP = SetFirewallTable(
    key="firewall:inet:nodeagent", tunable="firewall", before=None, after=FirewallTable(text="", state="")
)


def _wall(*sources: str, ports: str = "22", services: tuple[Service, ...] = ()) -> dict[str, Any]:
    return {
        "firewall": FirewallSettings(
            policy=Setting(value=Policy.DROP), management=Management(sources=sources, ports=ports), services=services
        )
    }


@pytest.mark.parametrize(
    ("tune", "told"),
    [
        (_wall("203.0.113.0/24"), None),
        (_wall("any"), None),
        (_wall("198.51.100.0/24"), "203.0.113.9 (port 22) is connected now"),
        (_wall("203.0.113.0/24", ports="2200"), "sshd listens on 22"),
        (
            _wall("10.0.0.0/8", services=(Service(name="s", protocol=Protocol.TCP, ports="1-99", sources=("any",)),)),
            None,
        ),
        (
            _wall("10.0.0.0/8", services=(Service(name="s", protocol=Protocol.UDP, ports="1-99", sources=("any",)),)),
            "203.0.113.9 (port 22) is connected now",
        ),
    ],
)
def test_a_firewall_that_shuts_out_who_is_connected_is_found(
    tmp_path: Path, tune: dict[str, Any], told: str | None
) -> None:
    tree = Tree(root=tmp_path)
    tree.file("/proc/net/tcp", _TCP)
    tree.file("/etc/ssh/sshd_config", "#Port 2222\nPermitRootLogin no\n")
    found = _find(tmp_path, _STEP, tune=tune)
    assert all(conflict.id == "NA-CONFLICT-005" for conflict in found)
    assert bool(found) is (told is not None)
    assert not told or any(told in conflict.reason for conflict in found)
    assert _find(tmp_path, tune=tune) == ()


def test_peers_are_read_of_both_tables_and_ports_of_all_files(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path)
    tree.file("/proc/net/tcp6", _TCP6)
    tree.file("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nport 2022 # old\n")
    tree.file("/etc/ssh/sshd_config.d/ours.conf", "Port 2222\n")
    host = Host(root=tmp_path)
    peers, problem = connected_peers(host)
    assert [(str(peer.address), peer.port) for peer in peers] == [("2001:db8::7", 2222), ("203.0.113.9", 2222)]
    assert problem == ""
    assert ssh_ports(host) == {2022, 2222}
    assert ssh_ports(Host(root=tmp_path / "none")) == frozenset()


def test_only_its_own_id_or_the_profile_overrides_a_clash(tmp_path: Path) -> None:
    (found,) = conflicts = _find(tmp_path, _mtu(9000), xdp="native")
    assert found.override == "--override NA-CONFLICT-001"
    with pytest.raises(RefusedError, match="NA-CONFLICT-001") as refused:
        check_conflicts(conflicts, profile="p", overrides=("NA-CONFLICT-002",))
    assert refused.value.exit_code == 4
    assert found.override in str(refused.value.remedy)
    check_conflicts(conflicts, profile="p", overrides=("NA-CONFLICT-001",))
    meant = Override(id="NA-CONFLICT-001", why="it takes fragments")
    (overridden,) = _find(tmp_path, _mtu(9000), xdp="native", overrides=(meant,))
    assert overridden.overridden == "it takes fragments"
    check_conflicts((overridden,), profile="p", overrides=())


def test_nothing_overrides_a_contradiction() -> None:
    found = (Conflict(id="NA-PLAN-001", keys=("a",), reason="a is set twice"),)
    assert unanswered(found, ("NA-PLAN-001",)) == found


def test_every_id_stands_in_the_table_and_has_its_heading() -> None:
    page = (_PAGES / "conflicts.md").read_text()
    source = (_PAGES.parent / "agent/nodeagent/tune/conflicts.py").read_text()
    ours = [*sorted(set(re.findall(r'"(NA-PLAN-\d{3})"', source))), *(clash.id for clash in CLASHES)]
    headings = re.findall(r"^### (NA-[A-Z]+-\d{3}) \S", page, re.MULTILINE)
    assert headings == ours
    rows = re.findall(r"^\| \[(NA-[A-Z]+-\d{3})\]", page, re.MULTILINE)
    assert rows[: len(ours)] == ours
    for told in rows[len(ours) :]:
        assert f"### {told} " in (_PAGES / "findings" / f"{told.rpartition('-')[0]}.md").read_text()


A = "/proc/sys/a"
_TWINS: dict[str, Any] = {"sysctl": {"vm.nr_hugepages": Setting(value="8")}, "hugepages": {}}


def test_an_apply_that_would_do_harm_is_refused_before_anything_is_written(world: World) -> None:
    profile = profile_of(knobs={A: "10"}, **_TWINS)
    saved = replace(world.plan(profile), clashes=())  # as it is read from a file: clashes are looked for anew
    for plan in (None, saved):
        with pytest.raises(RefusedError, match="NA-CONFLICT-004") as refused:
            world.apply(profile, plan)
        assert refused.value.exit_code is ExitCode.REFUSED
        assert world.value(A) == "1\n"


@pytest.mark.parametrize("by_profile", [True, False])
def test_what_was_overridden_stands_in_the_journal(world: World, by_profile: bool) -> None:
    meant = (Override(id="NA-CONFLICT-004", why="sysctl has the last word"),) if by_profile else ()
    profile = replace(profile_of(knobs={A: "10"}, **_TWINS), overrides=meant)
    overrides = () if by_profile else ("NA-CONFLICT-004",)
    assert world.apply(profile, overrides=overrides).outcome is ApplyOutcome.APPLIED
    assert world.value(A).strip() == "10"
    begun = next(record for record in read_journal(world.state).records if record.type is RecordType.BEGIN)
    said = "sysctl has the last word" if by_profile else "--override NA-CONFLICT-004"
    assert begun.body["overridden"] == {"NA-CONFLICT-004": said}


def test_a_profile_says_what_it_means_and_inherits_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "schema: 1\nsummary: base\noverrides:\n"
        "  - {id: NA-CONFLICT-001, why: fragments}\n  - {id: NA-CONFLICT-002, why: queues}\n"
    )
    top = tmp_path / "top.yaml"
    top.write_text(
        "schema: 1\nsummary: top\nextends: [base]\noverrides:\n  - {id: NA-CONFLICT-002, why: enough queues}\n"
    )
    loaded = load_profile(top, settings_types={}, search=[tmp_path])
    assert {found.id: found.why for found in loaded.overrides} == {
        "NA-CONFLICT-001": "fragments",
        "NA-CONFLICT-002": "enough queues",
    }
    base = load_profile(tmp_path / "base.yaml", settings_types={}, search=[])
    top.write_text("schema: 1\nsummary: top\n")
    assert base.digest != load_profile(top, settings_types={}, search=[]).digest


def test_an_id_that_is_none_is_a_wrong_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["tune", "apply", "--yes", "--override", "NA-CONFLICT-999", "--root", str(tmp_path)])
    assert code == ExitCode.USAGE
    assert "there is no clash of this id" in capsys.readouterr().err
