"""Whether QEMU understands what we say to it: machines that are switched on and never run (`-S`) cost nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from cherrylab.guests.guest import Guest
from cherrylab.guests.lab import Lab
from cherrylab.guests.template import TEMPLATES, WORKBENCH, HardwareTemplate
from nodeagent.model.errors import HostError

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


def _standing_still(lab: Lab, template: HardwareTemplate) -> Guest:
    guest = lab.guest(template, number=max((one.number for one in lab.guests), default=0) + 40)
    guest.make()
    guest.power_on(arguments=("-S",))
    guest.monitor.wait(timeout_seconds=60)
    return guest


@pytest.fixture
def workbench(lab: Lab) -> Iterator[Guest]:
    guest = _standing_still(lab, WORKBENCH)
    yield guest
    lab.discard(guest)


def _drive_of(guest: Guest, role: str) -> Any:
    path = f"/machine/peripheral/nvme-{role}"
    return guest.monitor.execute("qom-get", path=path, property="drive")


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_every_machine_is_one_that_qemu_can_build(lab: Lab, name: str) -> None:
    guest = _standing_still(lab, TEMPLATES[name])
    try:
        devices = guest.monitor.devices()
        assert {f"nvme-{drive.role}" for drive in guest.template.drives} <= set(devices)
        assert "nic0" in devices
    finally:
        lab.discard(guest)


def test_a_drive_fails_and_heals_while_it_is_plugged_in(workbench: Guest) -> None:
    workbench.monitor.fail_drive("ledger", sector=2048)
    assert _drive_of(workbench, "ledger") == "failing-ledger"
    workbench.monitor.heal_drive("ledger")
    assert _drive_of(workbench, "ledger") == "ledger"
    workbench.monitor.fail_drive("ledger", writing=False)
    workbench.monitor.heal_drive("ledger")


def test_a_drive_with_a_limit_fails_and_heals_too(workbench: Guest) -> None:
    workbench.monitor.limit_iops("slow", 200)
    limits = workbench.monitor.execute("qom-get", path="/objects/limit-slow", property="limits")
    assert limits["iops-total"] == 200
    workbench.monitor.fail_drive("slow")
    workbench.monitor.heal_drive("slow")


def test_smart_and_cable_are_in_our_hands(workbench: Guest) -> None:
    workbench.monitor.set_smart_warning("ledger", 4)
    path = "/machine/peripheral/nvme-ledger"
    assert workbench.monitor.execute("qom-get", path=path, property="smart_critical_warning") == 4
    workbench.monitor.set_link("nic0", up=False)
    workbench.monitor.set_link("nic0", up=True)


def test_what_is_plugged_in_already_is_refused(workbench: Guest) -> None:
    with pytest.raises(HostError, match=r"nvme-ledger"):
        workbench.monitor.plug_nvme("nvme-ledger", serial="X", drive="ledger", bus="rp0")
