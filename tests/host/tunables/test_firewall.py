"""firewall on the real kernel: real packets between two namespaces, and a ruleset that comes back to the byte."""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.tunables.firewall_lab import (
    FRIEND,
    FRIEND6,
    NODE,
    NODE6,
    PACKETS_PER_SECOND,
    SSH,
    STRANGER,
    STRANGER6,
    Lab,
    firewall_lab,
)
from tests.needs import missing, need_root, need_tool, tool

pytestmark = [pytest.mark.host, need_root, need_tool("nft"), need_tool("ip"), need_tool("setpriv")]

_OTHERS = "table inet others {\n\tset s { type ipv4_addr; elements = { 192.0.2.1 } }\n\tchain c { counter; }\n}\n"
_EARLIER = (
    "table inet nodeagent {\n\tset learned { type ipv4_addr; flags dynamic; }\n"
    "\tchain old { type filter hook input priority 5; policy accept; tcp dport 1 drop; }\n}\n"
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with firewall_lab(tmp_path) as made:
        yield made


def _rule_handle(lab: Lab, comment: str) -> str:
    line = next(line for line in lab.nft("-a", "list", "table", "inet", "nodeagent").splitlines() if comment in line)
    return line.rpartition("# handle ")[2]


def test_management_passes_from_its_sources_only_and_what_ip_needs_from_all(lab: Lab) -> None:
    lab.listen()
    lab.listen(9999)
    assert lab.connects(STRANGER, NODE)
    done = lab.apply()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.connects(FRIEND, NODE)
    assert lab.connects(FRIEND6, NODE6)
    assert not lab.connects(STRANGER, NODE)
    assert not lab.connects(STRANGER6, NODE6)
    assert not lab.connects(FRIEND, NODE, 9999)
    assert lab.heard() == [[3, 4]]
    assert lab.node.run("tune", "verify").returncode == 0


def test_each_source_has_a_limit_of_its_own(lab: Lab) -> None:
    open_to_all, _ = lab.received(packets=2000, sources=(FRIEND,))
    assert open_to_all == {FRIEND: 2000}
    assert lab.apply().returncode == 0
    found, seconds = lab.received(packets=2000, sources=(FRIEND, STRANGER))
    at_most = PACKETS_PER_SECOND * (seconds + 1) + 1
    assert set(found) == {FRIEND, STRANGER}
    assert all(PACKETS_PER_SECOND <= number <= at_most for number in found.values()), (found, at_most)
    assert lab.node.run("tune", "verify").returncode == 0  # what the sets learned is no drift


@pytest.mark.parametrize(
    "spoil",
    [
        "nft delete rule inet nodeagent input handle {replies}",
        "nft replace rule inet nodeagent input handle {replies} ct state established accept comment '\"{comment}\"'",
        "nft replace rule inet nodeagent origin handle {origin} accept comment '\"{seal}\"'",
        "nft insert rule inet nodeagent input accept",
        "nft add element inet nodeagent from4_management {{ 198.51.100.0/24 }}",
        "nft chain inet nodeagent input {{ policy accept \\; }}",
        "nft add chain inet nodeagent more",
        "nft delete table inet nodeagent",
    ],
)
def test_whatever_somebody_does_to_the_table_is_drift_and_an_apply_mends_it(lab: Lab, spoil: str) -> None:
    assert lab.apply().returncode == 0
    sealed = lab.nft("list", "table", "inet", "nodeagent")
    quoted = [line.split('comment "')[1].split('"')[0] for line in sealed.splitlines() if "comment" in line]
    names = {"replies": _rule_handle(lab, '"replies '), "origin": _rule_handle(lab, '"nodeagent sha256:')}
    comment = next(text for text in quoted if text.startswith("replies "))
    command = spoil.format(**names, comment=comment, seal=quoted[-1])
    done = lab.node.shell(f"PATH=$PATH:/usr/sbin:/sbin; {command}")
    assert done.returncode == 0, done.stderr
    verified = lab.node.run("tune", "verify")
    assert verified.returncode == 2, verified.stdout
    assert lab.apply().returncode == 0
    assert lab.node.run("tune", "verify").returncode == 0
    assert lab.nft("-s", "list", "table", "inet", "nodeagent").count("comment") == sealed.count("comment")


@pytest.mark.parametrize("earlier", ["", _EARLIER])
@pytest.mark.parametrize("by_script", [False, True])
def test_a_rollback_gives_the_ruleset_back_to_the_byte(lab: Lab, earlier: str, by_script: bool) -> None:
    lab.load(_OTHERS + earlier)
    before = lab.nft("list", "ruleset")
    assert lab.apply().returncode == 0
    assert "10.77.0.2" in lab.nft("list", "ruleset")
    assert _OTHERS.split()[2] in lab.nft("list", "ruleset")
    if by_script:
        (script,) = (lab.node.state / "undo").glob("*.sh")
        undone = lab.node.shell(f"sh {script}")
    else:
        undone = lab.node.run("tune", "rollback")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert sorted(lab.nft("list", "ruleset").split("\n}\n")) == sorted(before.split("\n}\n"))
    if not earlier:
        assert lab.nft("list", "ruleset") == before


def test_what_somebody_else_put_there_since_is_kept_by_a_rollback(lab: Lab) -> None:
    assert lab.apply().returncode == 0
    lab.nft("insert", "rule", "inet", "nodeagent", "input", "tcp", "dport", "4444", "accept")
    lab.node.run("tune", "rollback")
    assert "4444" in lab.nft("list", "table", "inet", "nodeagent")


def test_killed_at_any_time_there_is_the_whole_table_or_none(lab: Lab) -> None:
    began = time.monotonic()
    assert lab.apply().returncode == 0
    whole = time.monotonic() - began
    rules = lab.nft("-s", "list", "table", "inet", "nodeagent")
    states = set()
    chance = random.Random(7)
    for at in range(6):
        assert lab.node.run("tune", "rollback").returncode == 0
        assert lab.nft("list", "ruleset") == ""
        running = lab.node.start("tune", "apply", "--yes", "--allow", "link-flap", "--no-confirm")
        time.sleep(whole * (0.3 + 0.12 * at) * chance.uniform(0.95, 1.05))
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        found = lab.nft("-s", "list", "ruleset")
        assert found in ("", rules)
        states.add(found)
        done = lab.apply()
        assert done.returncode == 0, done.stdout + done.stderr
        assert lab.nft("-s", "list", "ruleset") == rules
    assert states


def test_who_may_not_set_it_changes_nothing(lab: Lab) -> None:
    lab.load(_OTHERS)
    before = lab.nft("list", "ruleset")
    unable = [tool("setpriv"), "--bounding-set=-net_admin"]
    done = lab.node.run("tune", "apply", "--yes", "--allow", "link-flap", "--no-confirm", before=unable)
    assert done.returncode != 0
    assert "NA-FIREWALL-001" in lab.node.run("tune", "verify", "--output", "json", before=unable).stdout
    assert lab.nft("list", "ruleset") == before


def test_who_is_connected_to_the_management_port_is_not_shut_out(lab: Lab) -> None:
    """Nothing is written before somebody says that it is meant, and the connection is lost then."""
    lab.listen(SSH)
    with lab.connection(STRANGER, NODE, SSH):
        refused = lab.apply()
        assert refused.returncode == 4
        assert "NA-CONFLICT-005" in refused.stderr
        assert STRANGER in refused.stderr
        assert lab.nft("list", "ruleset") == ""
        assert lab.apply("--override", "NA-CONFLICT-005").returncode == 0
    assert not lab.connects(STRANGER, NODE)


def test_what_nobody_confirms_is_taken_out_again(lab: Lab) -> None:
    """The guard is a process here; under systemd it is a unit of PID 1, in another namespace than the test's."""
    if Path("/run/systemd/system").is_dir():
        missing("a machine that systemd does not run", remedy="run it in a container: the guard is a process there")
    lab.load(_OTHERS)
    before = lab.nft("list", "ruleset")
    done = lab.node.run("tune", "apply", "--yes", "--allow", "link-flap", "--confirm-within", "10s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.nft("list", "ruleset") != before
    until = time.monotonic() + 60
    while lab.nft("list", "ruleset") != before and time.monotonic() < until:
        time.sleep(0.2)
    assert lab.nft("list", "ruleset") == before
