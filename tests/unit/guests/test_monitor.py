"""The words that each method of a monitor says to QEMU, heard by a socket that plays QEMU."""

import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cherrylab.guests.monitor import Monitor
from nodeagent.model.errors import HostError


class _Qemu:
    """Answers every command with `answers` (or an empty return) and remembers it; one connection at a time."""

    def __init__(self, path: Path) -> None:
        self.heard: list[dict[str, Any]] = []
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rw", encoding="utf-8") as stream:
                stream.write('{"QMP": {"version": {}, "capabilities": []}}\n')
                stream.flush()
                for line in stream:
                    stream.write(json.dumps(self._answer(json.loads(line))) + "\n")
                    stream.flush()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["execute"] == "qmp_capabilities":
            return {"return": {}}
        self.heard.append(request)
        waiting = self.answers.get(request["execute"], [])
        return waiting.pop(0) if waiting else {"return": {}}


@pytest.fixture
def directory() -> Iterator[Path]:
    """Of its own and short: the path of a socket has 108 bytes."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def qemu(directory: Path) -> Iterator[_Qemu]:
    qemu = _Qemu(directory / "qmp")
    yield qemu
    qemu.close()


@pytest.fixture
def monitor(qemu: _Qemu, directory: Path) -> Monitor:
    assert qemu.heard == []
    return Monitor(path=directory / "qmp")


def _rules(*kinds: str, **place: int) -> list[dict[str, Any]]:
    return [{"event": "none", "iotype": kind, "errno": 5, "once": False, **place} for kind in kinds]


_PLUG: dict[str, Any] = {"driver": "nvme", "id": "nvme-ledger", "serial": "L2", "drive": "ledger", "bus": "rp0"}
_WORDS: list[tuple[str, Callable[[Monitor], None], list[tuple[str, dict[str, Any]]]]] = [
    ("cable out", lambda monitor: monitor.set_link("nic0", up=False), [("set_link", {"name": "nic0", "up": False})]),
    ("reset", Monitor.reset, [("system_reset", {})]),
    ("power button", Monitor.press_power_button, [("system_powerdown", {})]),
    (
        "throttle",
        lambda monitor: monitor.limit_iops("slow", 200),
        [("qom-set", {"path": "/objects/limit-slow", "property": "limits", "value": {"iops-total": 200}})],
    ),
    (
        "plug a drive in",
        lambda monitor: monitor.plug_nvme("nvme-ledger", serial="L2", drive="ledger", bus="rp0"),
        [("device_add", _PLUG)],
    ),
    (
        "plug the NIC in",
        lambda monitor: monitor.plug_nic(mac="52:54:00:00:01:01", bus="rp3"),
        [("device_add", {"driver": "igb", "id": "nic0", "netdev": "dn", "mac": "52:54:00:00:01:01", "bus": "rp3"})],
    ),
    (
        "fail everywhere",
        lambda monitor: monitor.fail_drive("ledger"),
        [
            (
                "blockdev-add",
                {
                    "driver": "blkdebug",
                    "node-name": "failing-ledger",
                    "image": "ledger",
                    "inject-error": _rules("read", "write"),
                },
            ),
            (
                "qom-set",
                {"path": "/machine/peripheral/nvme-ledger", "property": "drive", "value": "failing-ledger"},
            ),
        ],
    ),
    (
        "heal",
        lambda monitor: monitor.heal_drive("ledger"),
        [
            ("qom-set", {"path": "/machine/peripheral/nvme-ledger", "property": "drive", "value": "ledger"}),
            ("blockdev-del", {"node-name": "failing-ledger"}),
        ],
    ),
    (
        "SMART",
        lambda monitor: monitor.set_smart_warning("ledger", 4),
        [
            (
                "qom-set",
                {"path": "/machine/peripheral/nvme-ledger", "property": "smart_critical_warning", "value": 4},
            )
        ],
    ),
]


@pytest.mark.parametrize(("act", "words"), [case[1:] for case in _WORDS], ids=[case[0] for case in _WORDS])
def test_each_method_says_these_words(
    act: Callable[[Monitor], None], words: list[tuple[str, dict[str, Any]]], monitor: Monitor, qemu: _Qemu
) -> None:
    act(monitor)
    assert [(request["execute"], request["arguments"]) for request in qemu.heard] == words


def test_a_drive_can_fail_at_one_sector_and_in_one_direction(monitor: Monitor, qemu: _Qemu) -> None:
    monitor.fail_drive("ledger", sector=2048, writing=False)
    assert qemu.heard[0]["arguments"]["inject-error"] == _rules("read", sector=2048)


def test_unplugging_waits_until_the_guest_has_let_go(monitor: Monitor, qemu: _Qemu) -> None:
    still = {"return": [{"name": "nic0", "type": "child<igb>"}, {"name": "type", "type": "string"}]}
    qemu.answers["qom-list"] = [still, {"return": []}]
    monitor.unplug("nic0")
    assert [request["execute"] for request in qemu.heard] == ["device_del", "qom-list", "qom-list"]


def test_unplugging_in_vain_is_an_error(monitor: Monitor, qemu: _Qemu) -> None:
    qemu.answers["qom-list"] = [{"return": [{"name": "nic0", "type": "child<igb>"}]}] * 3
    with pytest.raises(HostError, match="nic0 is still plugged in"):
        monitor.unplug("nic0", timeout_seconds=0.1)


def test_what_qemu_refuses_is_told_in_its_own_words(monitor: Monitor, qemu: _Qemu) -> None:
    qemu.answers["device_add"] = [{"error": {"class": "GenericError", "desc": "Bus 'rp9' not found"}}]
    with pytest.raises(HostError, match="Bus 'rp9' not found"):
        monitor.plug_nvme("x", serial="1", drive="ledger", bus="rp9")


def test_a_monitor_that_nobody_listens_at_is_an_error(directory: Path) -> None:
    with pytest.raises(HostError, match="did not carry out system_reset"):
        Monitor(path=directory / "nobody").reset()
