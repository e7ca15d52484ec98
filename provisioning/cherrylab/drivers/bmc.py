"""The management controller of a guest: IPMI 2.0 (RMCP+) at an address of its own in the lab, and in the guest itself.

It is OpenIPMI's simulator, one process a guest. Nobody reaches it until the API has opened it, and then only from the
address that was named. A new password takes another process, which the guest's own side connects to again.
Sources: ipmi_lan(5), ipmi_sim_cmd(5), nft(8).
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from cherrylab.drivers.driver import BmcAccess
from cherrylab.guests.network import LabNetwork
from nodeagent.host.process import Running, run, start
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

_YEAR_SECONDS = 365 * 86_400.0
_FIRST_PORT = 9000
_LAN_PORT = 623

_LAN = """\
name "guest{number}"
set_working_mc 0x20
startlan 1
  addr {address} {lan_port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid {number:032x}
endlan
chassis_control "{chassis} {number}"
serial 15 127.0.0.1 {port} codec VM
user 1 false "" "" user 10 none md2 md5 straight
user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
_CONTROLLER = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""


def lan_configuration(*, number: int, address: str, access: BmcAccess, chassis: Path) -> str:
    """The words of ipmi_sim for one guest; `chassis` is the program that presses its buttons."""
    return _LAN.format(
        number=number,
        address=address,
        lan_port=_LAN_PORT,
        port=_FIRST_PORT + number,
        chassis=chassis,
        user=access.user,
        password=access.password,
    )


def guest_arguments(number: int) -> tuple[str, ...]:
    """QEMU's words for the guest's side of it, which waits for the controller and survives its restarts."""
    return (
        *("-chardev", f"socket,id=ipmi0,host=127.0.0.1,port={_FIRST_PORT + number},reconnect-ms=1000"),
        *("-device", "ipmi-bmc-extern,id=bmc0,chardev=ipmi0", "-device", "isa-ipmi-kcs,bmc=bmc0"),
    )


def filter_rules(*, number: int, address: str, access: BmcAccess) -> str:
    """The words of nft: a table for each controller, put in place of the one before. The kernel watches the time."""
    table, asked = f"table ip bmc{number}", f"ip daddr {address} udp dport {_LAN_PORT}"
    rules = [f"{asked} drop"] if access.open_until is None else [f"{asked} meta time >= {int(access.open_until)} drop"]
    if access.allowed_ip is not None:
        rules.append(f"{asked} ip saddr != {access.allowed_ip} drop")
    chain = "\n".join(["type filter hook input priority 0; policy accept;", *rules])
    return f"{table}\ndelete {table}\n{table} {{\nchain input {{\n{chain}\n}}\n}}\n"


@dataclass(slots=True, kw_only=True)
class Bmc:
    """One controller. `start`, `change` and `stop` are called by the keeper."""

    number: int
    address: str
    network: LabNetwork
    directory: Path
    chassis: Path
    _access: BmcAccess | None = field(default=None, init=False)
    _running: Running | None = field(default=None, init=False)

    def start(self, access: BmcAccess) -> None:
        """HostError where it can't be had."""
        self.network.add_address(self.address)
        self.change(access)

    def change(self, access: BmcAccess) -> None:
        """Another password, or open to somebody else."""
        self._filter(filter_rules(number=self.number, address=self.address, access=access))
        known = self._access
        if known is None or (known.user, known.password) != (access.user, access.password):
            self._restart(access)
        self._access = access

    def stop(self) -> None:
        """Also one that never started."""
        if self._running is None:
            return
        self._running.stop()
        self._running = None
        self._filter(f"delete table ip bmc{self.number}\n")
        self.network.remove_address(self.address)
        shutil.rmtree(self.directory)

    def _restart(self, access: BmcAccess) -> None:
        if self._running is not None:
            self._running.stop()
        # It remembers users in its state, and would not hear of a new password.
        shutil.rmtree(self.directory, ignore_errors=True)
        state = self.directory / "state"
        state.mkdir(parents=True)
        lan, controller = self.directory / "lan.conf", self.directory / "controller.emu"
        lan.write_text(lan_configuration(number=self.number, address=self.address, access=access, chassis=self.chassis))
        controller.write_text(_CONTROLLER)
        argv = ("ipmi_sim", "-n", "-c", str(lan), "-f", str(controller), "-s", str(state))
        self._running = start(
            Command(argv=argv, timeout_seconds=_YEAR_SECONDS, network_namespace=self.network.namespace)
        )

    def _filter(self, rules: str) -> None:
        completed = run(
            Command(
                argv=("nft", "-f", "-"),
                timeout_seconds=10,
                input_text=rules,
                network_namespace=self.network.namespace,
            )
        )
        if not completed.ok:
            said = completed.stderr.decode(errors="replace").strip()
            raise HostError(f"filtering the BMC {self.address}: {said}", remedy="scripts/install-system-tools lab")
