"""firewall: any settings make one table that is known again, and any change to that table is seen."""

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.model.facts import HostFacts
from nodeagent.model.firewall_change import FirewallReading, FirewallTable, SetFirewallTable
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import State
from nodeagent.tune.packets.settings import (
    FirewallSettings,
    Management,
    Policy,
    Protocol,
    Service,
    faults,
    networks,
    port_ranges,
)
from nodeagent.tune.packets.table import make_table
from nodeagent.tune.tunables.firewall import FIREWALL


def _network(number: int, bits: int, version: int) -> str:
    width = 32 if version == 4 else 128
    return str(ip_network((number >> (width - bits) << (width - bits), bits)))


_v4 = st.builds(_network, st.integers(2**28, 2**32 - 1), st.integers(5, 32), st.just(4))
_v6 = st.builds(_network, st.integers(2**124, 2**128 - 1), st.integers(5, 128), st.just(6))
_sources = st.one_of(st.just(("any",)), st.lists(_v4 | _v6, min_size=1, max_size=6).map(tuple))
_ports = st.lists(st.integers(1, 65_535), min_size=1, max_size=4).map(lambda found: ",".join(map(str, found)))
_limits = st.none() | st.integers(1, 10_000_000)


@st.composite
def _services(draw: st.DrawFn, name: str) -> Service:
    protocol = draw(st.sampled_from(Protocol))
    return Service(
        name=name,
        protocol=protocol,
        ports=draw(_ports),
        sources=draw(_sources),
        udp_packets_per_second=draw(_limits) if "udp" in protocol.each else None,
        tcp_connections_per_second=draw(_limits) if "tcp" in protocol.each else None,
    )


@st.composite
def _wanted(draw: st.DrawFn) -> FirewallSettings:
    return FirewallSettings(
        policy=Setting(value=Policy.DROP),
        management=Management(sources=draw(_sources), ports=draw(_ports)),
        services=tuple(draw(_services(name)) for name in draw(st.sampled_from([(), ("gossip",), ("gossip", "rpc-1")]))),
        ping=draw(st.booleans()),
        log_per_minute=draw(st.integers(0, 600)),
    )


@dataclass(frozen=True)
class _Machine(Host):
    """A tree without files, and a kernel that takes tables."""

    table: FirewallTable | None = None

    def firewall_table(self, family: str, name: str) -> FirewallReading:
        return FirewallReading(table=self.table)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> HostFacts:
    return Host(root=tmp_path_factory.mktemp("none")).facts()


def _plan(machine: _Machine, wanted: FirewallSettings, facts: HostFacts) -> tuple[Any, ...]:
    return FIREWALL.plan(FIREWALL.observe(machine, wanted, facts), wanted, facts)


@settings(max_examples=60, deadline=None)
@given(wanted=_wanted(), before=st.none() | st.builds(FirewallTable, text=st.text(), state=st.text(min_size=1)))
def test_applied_it_is_done_and_undone_it_never_was(
    wanted: FirewallSettings, before: FirewallTable | None, facts: HostFacts
) -> None:
    assert list(faults(wanted)) == []
    machine = _Machine(root=Path("/nonexistent"), table=before)
    (change,) = _plan(machine, wanted, facts)
    assert isinstance(change, SetFirewallTable)
    done = replace(machine, table=change.after)
    assert _plan(done, wanted, facts) == ()
    assert FIREWALL.judge(FIREWALL.observe(done, wanted, facts), wanted, facts).state is State.OK
    assert change.inverse().after == before
    assert change.inverse().before == change.after


@settings(max_examples=60, deadline=None)
@given(one=_wanted(), two=_wanted())
def test_two_tables_have_one_seal_only_where_they_are_the_same(one: FirewallSettings, two: FirewallSettings) -> None:
    first, second = make_table(one, {}), make_table(two, {})
    assert (first.state == second.state) is (first.text == second.text)


@settings(max_examples=60, deadline=None)
@given(sources=st.lists(_v4 | _v6, max_size=8).map(tuple), address=st.integers(0, 2**32 - 1))
def test_joined_networks_hold_the_same_addresses(sources: tuple[str, ...], address: int) -> None:
    asked = ip_address(address)
    listed = [network for network in map(ip_network, sources) if network.version == 4]
    joined = networks(sources, version=4)
    assert any(asked in network for network in joined) is any(asked in network for network in listed)
    assert sum(asked in network for network in joined) <= 1


def test_ports_are_sorted_and_joined() -> None:
    assert port_ranges("9000,22,8000-8010,8005-8020,8021") == ((22, 22), (8000, 8021), (9000, 9000))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"management": Management(sources=("10.0.0.1/8",))}, "no network: 10.0.0.1/8 has host bits set"),
        ({"management": Management(sources=())}, "no source: name networks, or any"),
        ({"management": Management(sources=("::",), ports="30-20")}, "30-20: wanted ports from 1 to 65535"),
        ({"management": Management(sources=("any",), ports="70000")}, "70000: wanted ports from 1 to 65535"),
        ({"management": Management(sources=tuple(f"10.0.{n // 256}.{n % 256}" for n in range(513)))}, "more than 512"),
    ],
)
def test_what_is_no_address_and_no_port_is_told(changed: dict[str, Any], problem: str) -> None:
    wanted = FirewallSettings(policy=Setting(value=Policy.DROP), management=Management(sources=("any",)))
    told = [fault.problem for fault in faults(replace(wanted, **changed))]
    assert len(told) == 1
    assert told[0].startswith(problem)


def test_a_service_is_named_once_and_limited_in_its_own_protocol() -> None:
    service = Service(name="a", protocol=Protocol.UDP, ports="1", sources=("any",), tcp_connections_per_second=5)
    wanted = FirewallSettings(
        policy=Setting(value=Policy.DROP), management=Management(sources=("any",)), services=(service, service)
    )
    assert [fault.path[2:] for fault in faults(wanted)] == [
        ("tcp_connections_per_second",),
        ("name",),
        ("tcp_connections_per_second",),
    ]
