"""Units, limits, swap and the time daemon under a real systemd (252): stopped, masked, limited, and back to the byte.

The oracle is systemctl in the guest, the links below /etc and /proc/swaps. irqbalance is masked in the image, as a
second owner would disturb other tests; here it is what a fresh Debian has, enabled and running, and masked again at
the end.
"""

import json
from collections.abc import Iterator

import pytest

from cherrylab.guests.guest import Guest
from tests.lab.steps import kill_after

pytestmark = [pytest.mark.lab, pytest.mark.at_length, pytest.mark.timeout(1200)]

_APPLY = "nodeagent tune apply --yes --allow service-restart --profile /root/services.yaml"
_VERIFY = "nodeagent tune verify --profile /root/services.yaml"
_WAYS = ["nodeagent tune rollback", "sh /var/lib/nodeagent/undo/*.sh"]
_WAY_NAMES = ["rollback", "undo-script"]

_SNAPSHOT = """
find /etc/systemd/system /etc/rc?.d \\( -type l -printf '%p -> %l\\n' \\) -o \\( -type f -printf '%p %m\\n' \\) | sort
find /etc/systemd/system -name '*nodeagent*'
for unit in irqbalance.service fake.timer sol.service chrony.service; do
    echo $unit $(systemctl is-active $unit) $(systemctl is-enabled $unit)
done
systemctl show -p LimitNOFILE -p LimitMEMLOCK sol.service
awk '{print $1, $2, $3, $5}' /proc/swaps
"""
_READY = """
set -e
rm -rf /var/lib/nodeagent
cat > /etc/systemd/system/sol.service << 'END'
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
END
printf '[Timer]\\nOnCalendar=yearly\\n[Install]\\nWantedBy=timers.target\\n' > /usr/lib/systemd/system/fake.timer
printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' > /usr/lib/systemd/system/fake.service
for name in one two; do
    dd if=/dev/zero of=/swap-$name bs=1M count=8 status=none
    chmod 600 /swap-$name
    mkswap -q /swap-$name
done
sed -i '/swap-/d' /etc/fstab
printf '/swap-one none swap sw 0 0\\n/swap-two none swap sw,pri=5 0 0\\n' >> /etc/fstab
systemctl unmask irqbalance.service
systemctl daemon-reload
systemctl enable --now irqbalance.service fake.timer
systemctl enable --now chrony.service
systemctl start sol.service
swapon --all
"""
_GONE = """
rm -rf /var/lib/nodeagent
systemctl unmask swap\\\\x2done.swap swap\\\\x2dtwo.swap
swapoff /swap-one /swap-two
sed -i '/swap-/d' /etc/fstab
rm -f /swap-one /swap-two
systemctl disable --now sol.service fake.timer
rm -rf /etc/systemd/system/sol.service /etc/systemd/system/sol.service.d /usr/lib/systemd/system/fake.*
systemctl disable --now irqbalance.service
systemctl mask irqbalance.service
systemctl daemon-reload
systemctl enable --now chrony.service
true
"""


@pytest.fixture
def ready(node: Guest) -> Iterator[Guest]:
    node.shell.check(_READY, timeout_seconds=180)
    yield node
    node.shell.check(_GONE, timeout_seconds=180)


def _profile(guest: Guest, tune: str) -> None:
    text = f"schema: 1\nsummary: services\ntune:\n{tune}"
    guest.shell.check(f"cat > /root/services.yaml << 'END'\n{text}\nEND")


def _verify(guest: Guest) -> tuple[int, dict[str, str | None]]:
    """The exit code, and the ids of findings that are not as wanted, by subject."""
    done = guest.shell.run(f"{_VERIFY} --output json", timeout_seconds=120)
    found = [finding for verdict in json.loads(done.stdout)["verdicts"] for finding in verdict["findings"]]
    return done.exit_code, {item["subject"]: item["id"] for item in found if item["state"] != "ok"}


_MASKED = "  conflicting-services: {irqbalance.service: masked, fake.timer: masked}"
_DISABLED = "  conflicting-services: {irqbalance.service: disabled, fake.timer: stopped}"
_LIMITS = '  limits: {sol.service: {nofile: ">=1000000", memlock_bytes: ">=2000000000"}}'
_SWAP = "  swap: {in_use: off, at_boot: off}"
_TIME = "  time-sync: {daemon: chrony}"


@pytest.mark.parametrize("way", _WAYS, ids=_WAY_NAMES)
@pytest.mark.parametrize(
    ("tune", "enabled"), [(_MASKED, "masked"), (_DISABLED, "disabled")], ids=["masked", "disabled"]
)
def test_irqbalance_and_a_timer_go_and_come_back_exactly(ready: Guest, tune: str, enabled: str, way: str) -> None:
    _profile(ready, tune)
    before = ready.shell.check(_SNAPSHOT)
    ready.shell.check(_APPLY, timeout_seconds=300)
    shown = ready.shell.run("systemctl is-active irqbalance fake.timer; systemctl is-enabled irqbalance").stdout
    assert shown.decode().split() == ["inactive", "inactive", enabled]
    assert _verify(ready)[0] == 0
    again = ready.shell.check(
        "nodeagent tune plan --profile /root/services.yaml --detailed-exitcode", timeout_seconds=120
    )
    assert "nothing to change" in again
    ready.shell.check(way, timeout_seconds=300)
    assert ready.shell.check(_SNAPSHOT) == before


def test_without_being_allowed_nothing_is_stopped(ready: Guest) -> None:
    _profile(ready, _MASKED)
    before = ready.shell.check(_SNAPSHOT)
    refused = ready.shell.run("nodeagent tune apply --yes --profile /root/services.yaml", timeout_seconds=120)
    assert refused.exit_code == 4, refused.stderr
    assert ready.shell.check(_SNAPSHOT) == before


@pytest.mark.parametrize("way", _WAYS, ids=_WAY_NAMES)
def test_limits_count_from_the_next_start_and_the_old_process_is_told(ready: Guest, way: str) -> None:
    _profile(ready, _LIMITS)
    before = ready.shell.check(_SNAPSHOT)
    ready.shell.check(_APPLY + " || [ $? = 2 ]", timeout_seconds=300)
    shown = ready.shell.check("systemctl show -P LimitNOFILE sol.service; systemctl show -P LimitMEMLOCK sol.service")
    assert shown.split() == ["1000000", "2000000000"]
    assert _verify(ready) == (2, {"limits:sol.service:running": "NA-LIMIT-002"})
    ready.shell.check("systemctl restart sol.service")
    assert _verify(ready) == (0, {})
    limits = ready.shell.check("cat /proc/$(systemctl show -P MainPID sol.service)/limits")
    rows = [line.split() for line in limits.splitlines()]
    assert ["Max", "open", "files", "1000000", "1000000", "files"] in rows
    assert ["Max", "locked", "memory", "2000000000", "2000000000", "bytes"] in rows
    ready.shell.check(way, timeout_seconds=300)
    assert ready.shell.check(_SNAPSHOT) == before
    assert "Warning" not in ready.shell.run("systemctl status sol.service").stderr.decode()


@pytest.mark.parametrize("way", _WAYS, ids=_WAY_NAMES)
def test_swap_goes_off_with_its_units_and_comes_back_with_its_priorities(ready: Guest, way: str) -> None:
    _profile(ready, _SWAP)
    before = ready.shell.check(_SNAPSHOT)
    assert "/swap-two file 8188 5" in before
    ready.shell.check(_APPLY, timeout_seconds=300)
    assert ready.shell.check("tail -n +2 /proc/swaps") == ""
    masked = ready.shell.check("systemctl list-unit-files --type=swap --state=masked --no-legend")
    assert len(masked.splitlines()) == 2
    assert _verify(ready)[0] == 0
    # What a boot would do: the mask stands over the line in fstab.
    ready.shell.run("systemctl start swap.target")
    assert ready.shell.check("tail -n +2 /proc/swaps") == ""
    ready.shell.check(way, timeout_seconds=300)
    assert ready.shell.check(_SNAPSHOT) == before


def test_the_chosen_time_daemon_is_enabled_and_started_and_goes_off_again(ready: Guest) -> None:
    _profile(ready, _TIME)
    assert _verify(ready) == (0, {})
    ready.shell.check("systemctl disable --now chrony.service")
    before = ready.shell.check(_SNAPSHOT)
    ready.shell.check(_APPLY, timeout_seconds=300)
    assert ready.shell.check("systemctl is-active chrony; systemctl is-enabled chrony").split() == ["active", "enabled"]
    assert _verify(ready) == (0, {})
    ready.shell.check("nodeagent tune rollback", timeout_seconds=300)
    assert ready.shell.check(_SNAPSHOT) == before


def test_tuned_is_told_by_the_key_that_it_would_set(ready: Guest) -> None:
    _profile(ready, "  sysctl: {vm.swappiness: 1}\n  cpu-governor: {governor: performance}")
    ready.shell.check("systemctl unmask tuned && cp -a /etc/tuned/active_profile /root/active_profile")
    try:
        ready.shell.check("echo throughput-performance > /etc/tuned/active_profile; systemctl enable tuned")
        _, told = _verify(ready)
        assert told["sysctl:vm.swappiness:owner"] == "NA-OWNER-003"
        assert told["cpu-governor:owner:tuned.service"] == "NA-OWNER-002"
    finally:
        ready.shell.check("systemctl disable tuned; systemctl mask tuned; mv /root/active_profile /etc/tuned/")


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_an_apply_that_is_killed_is_undone_by_a_rollback(ready: Guest, steps: int) -> None:
    """`steps` are told before the signal; the next one is under way when it comes."""
    _profile(ready, "\n".join((_MASKED, _LIMITS, _SWAP)))
    before = ready.shell.check(_SNAPSHOT)
    kill_after(ready, _APPLY, steps=steps, timeout_seconds=300)
    assert ready.shell.run("nodeagent tune rollback", timeout_seconds=300).exit_code == 0
    assert ready.shell.check(_SNAPSHOT) == before
