"""What a machine can tell of its reachability, from trees of files."""

from pathlib import Path

from nodeagent.host.reachability import Reach, look
from tests.unit.tune.toys import make_host, write

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def test_ports_with_carrier_and_default_routes_are_seen(tmp_path: Path) -> None:
    files = {
        "/proc/net/route": ROUTES,
        "/sys/class/net/eth0/device/vendor": "0x8086\n",
        "/sys/class/net/eth0/carrier": "1\n",
        "/sys/class/net/eth1/device/vendor": "0x8086\n",
        "/sys/class/net/eth1/carrier": "0\n",
        "/sys/class/net/lo/carrier": "1\n",
    }
    assert look(make_host(tmp_path, files)) == Reach(
        links=frozenset({"eth0"}), routes=frozenset({"eth0 10.0.0.1"}), answering=frozenset()
    )


def test_a_port_that_is_down_and_tells_no_carrier_has_none(tmp_path: Path) -> None:
    host = make_host(tmp_path, {"/sys/class/net/eth0/device/vendor": "0x8086\n"})
    (tmp_path / "sys/class/net/eth0/carrier").mkdir()
    assert look(host).blind


def test_only_what_was_there_before_can_be_lost(tmp_path: Path) -> None:
    before = look(make_host(tmp_path, {}))
    write(tmp_path, "/proc/net/route", ROUTES)
    assert not before.lost(Reach())
    up = Reach(links=frozenset({"eth0"}), routes=frozenset({"eth0 10.0.0.1"}))
    assert up.lost(Reach(links=frozenset({"eth1"}))) == ("no carrier on eth0", "no default route by eth0 10.0.0.1")
