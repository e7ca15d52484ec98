"""At boot, on a real systemd: what was confirmed is back before the validator starts, and nothing else comes back.

The validator is a unit that notes what it finds when it starts. Everything is typed over the management port, which
must stay up whatever a boot does.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cherrylab.guests.guest import Guest

pytestmark = [pytest.mark.lab, pytest.mark.at_length, pytest.mark.timeout(1800)]

_PROFILE = """\
schema: 1
summary: a setting that disturbs nobody, and one that takes a link down
validator: {{unit: toy-validator.service}}
tune:
  sysctl:
    vm.swappiness: {{value: "{swappiness}", why: seen by the validator, source: the test}}
  nic-mtu:
    - {{name: data, nic: {{driver: igb, count: 1}}, mtu: 9000}}
"""
_VALIDATOR = """\
[Unit]
Description=Notes what it finds when it starts
[Service]
ExecStart=/bin/sh -c 'cat /proc/sys/vm/swappiness /sys/class/net/data0/mtu > /run/toy-saw; exec sleep infinity'
[Install]
WantedBy=multi-user.target
"""
_READY = """
until systemctl is-system-running --quiet || [ "$(systemctl is-system-running)" = degraded ]; do sleep 1; done
"""
_APPLY = "nodeagent tune apply --yes --allow link-flap --force --profile"
_KEPT = "/var/lib/nodeagent/boot/profile.json"
_CLEAN = """
systemctl disable --now toy-validator.service
nodeagent tune boot --disable
nodeagent tune rollback --force
rm -rf /var/lib/nodeagent /etc/systemd/system/toy-validator.service /run/toy-saw /root/boot-*.yaml
systemctl daemon-reload
systemctl reset-failed
ip link set dev data0 mtu 1500 up
"""


@pytest.fixture(scope="module")
def enabled(node: Guest) -> Iterator[Guest]:
    """Swappiness 10 and long frames, applied, confirmed, and to be brought back before the validator."""
    node.shell.check("rm -rf /var/lib/nodeagent; ip link set dev data0 mtu 1500 up")
    for name, text in (
        ("/root/boot-10.yaml", _PROFILE.format(swappiness=10)),
        ("/root/boot-20.yaml", _PROFILE.format(swappiness=20)),
        ("/etc/systemd/system/toy-validator.service", _VALIDATOR),
    ):
        node.shell.check(f"cat > {name} << 'END'\n{text}END")
    node.shell.check(
        f"""
        systemctl daemon-reload && systemctl enable toy-validator.service
        {_APPLY} /root/boot-10.yaml && nodeagent tune confirm && nodeagent tune boot --enable
        """,
        timeout_seconds=300,
    )
    yield node
    node.shell.run(_CLEAN, timeout_seconds=300)


def restarted(guest: Guest) -> dict[str, Any]:
    """The next boot, to its end; the record of it."""
    guest.reboot()
    guest.shell.check(_READY, timeout_seconds=600)
    told = guest.shell.run("nodeagent tune boot --status --output json", timeout_seconds=120).stdout
    record: dict[str, Any] = json.loads(told)["this_boot"]
    return record


def test_what_was_confirmed_is_back_before_the_validator_starts(enabled: Guest) -> None:
    record = restarted(enabled)
    assert enabled.shell.check("cat /run/toy-saw") == "10\n9000\n"
    assert (record["outcome"], record["exit_code"]) == ("applied", 0), record
    assert enabled.shell.check("systemctl is-active nodeagent-apply.service").strip() == "active"
    enabled.shell.check("nodeagent tune verify --profile /root/boot-10.yaml", timeout_seconds=120)


def test_a_profile_that_nobody_confirmed_does_not_come_back(enabled: Guest) -> None:
    enabled.shell.check(f"{_APPLY} /root/boot-20.yaml --confirm-within 3600s", timeout_seconds=300)
    assert enabled.shell.check("cat /proc/sys/vm/swappiness") == "20\n"
    assert restarted(enabled)["outcome"] == "applied"
    assert enabled.shell.check("cat /run/toy-saw") == "10\n9000\n"


def test_a_boot_that_can_not_apply_says_so_and_the_machine_is_there(enabled: Guest) -> None:
    enabled.shell.check(f"cp {_KEPT} /root/kept && echo {{}} > {_KEPT}")
    enabled.reboot()
    enabled.shell.check(_READY, timeout_seconds=600)
    assert enabled.shell.check("cat /run/toy-saw") == "60\n1500\n"
    assert enabled.shell.check("systemctl is-failed nodeagent-apply.service").strip() == "failed"
    for path in ("/run/nodeagent/boot-failed", "/run/motd.d/50-nodeagent-boot"):
        assert "NOT set up as confirmed" in enabled.shell.check(f"cat {path}")
    assert "profile.json" in enabled.shell.check("journalctl -b -u nodeagent-apply --no-pager")
    enabled.shell.check(f"mv /root/kept {_KEPT}")
    assert restarted(enabled)["outcome"] == "applied"
    enabled.shell.check("[ ! -e /run/nodeagent/boot-failed ]")
