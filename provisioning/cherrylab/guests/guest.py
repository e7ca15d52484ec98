"""One guest from power-on to power-off.

It dies with the process that started it (the kernel sees to that), unless it is started to be kept, for a person's use;
then its pid stands in its directory, and another process finds it there. A power cut is SIGKILL to QEMU: the guest's
page cache is lost, as on metal.
"""

import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cherrylab.guests.command_line import GuestFiles, Wiring, command_line
from cherrylab.guests.image import Image
from cherrylab.guests.monitor import Monitor
from cherrylab.guests.network import DATA, MANAGEMENT, LabNetwork
from cherrylab.guests.shell import Shell
from cherrylab.guests.template import HardwareTemplate
from nodeagent.host.process import Running, run, start, start_detached
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

BOOT_SECONDS = 600.0
"""A guest boots in half a minute on an idle host; on one whose CPUs are wanted by others it takes minutes."""

_LOG = logging.getLogger("cherrylab.guest")
_LIFE_SECONDS = 6 * 3600.0
_PID = "pid"
_QEMU_LOG = "qemu.log"

_NETWORK = """\
[Match]
MACAddress={mac}
Driver={driver}

[Network]
Address={address}/24
LinkLocalAddressing=no
ConfigureWithoutCarrier=yes

[Link]
MTUBytes=9000
"""
_LINK = """\
[Match]
MACAddress={mac}
Driver={driver}

[Link]
Name={name}
MTUBytes=9000
"""


@dataclass(slots=True, kw_only=True)
class Guest:
    """A machine of the lab. `number` gives its addresses and is unique in the lab.

    With `cloud_init` it reads the seed in its directory, which somebody has put there before it is switched on. After
    `life_seconds` one that is not kept is ended, so that a forgotten test does not run for ever.
    """

    number: int
    template: HardwareTemplate
    image: Image
    network: LabNetwork
    directory: Path
    keep: bool = False
    cloud_init: bool = False
    life_seconds: float = _LIFE_SECONDS
    _arguments: tuple[str, ...] = field(default=(), init=False)
    _console_before: str = field(default="", init=False)
    _machine: Running | None = field(default=None, init=False)
    _connection: Running | None = field(default=None, init=False)

    @property
    def files(self) -> GuestFiles:
        return GuestFiles(directory=self.directory, kernel=self.image.kernel, initrd=self.image.initrd)

    @property
    def wiring(self) -> Wiring:
        tap = f"g{self.number}"
        return Wiring(number=self.number, management_tap=f"{tap}m", data_tap=f"{tap}d")

    @property
    def management_address(self) -> str:
        return f"{MANAGEMENT}.{10 + self.number}"

    @property
    def data_address(self) -> str:
        return f"{DATA}.{10 + self.number}"

    @property
    def monitor(self) -> Monitor:
        return Monitor(path=self.files.monitor)

    @property
    def shell(self) -> Shell:
        return Shell(
            namespace=self.network.namespace,
            address=self.management_address,
            key=self.image.ssh_key,
            control=self.directory / "ssh.sock",
        )

    def make(self) -> None:
        """Make its disks and cables; HostError where that fails."""
        self.directory.mkdir(parents=True)
        self.make_disks()
        self.add_taps()

    def make_disks(self) -> None:
        """A new layer above the image, and empty drives, in its directory; HostError where that fails."""
        backing = str(self.image.root)
        disk = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", backing, str(self.files.root_disk))
        completed = run(Command(argv=disk, timeout_seconds=30))
        if not completed.ok:
            raise HostError(f"making the disk of guest {self.number}: {completed.stderr.decode(errors='replace')}")
        for drive in self.template.drives:
            image = self.files.image(drive)
            with image.open("xb") as file:
                file.truncate(drive.size_bytes)

    def add_taps(self) -> None:
        self.network.add_tap(self.wiring.management_tap, bridge="br0")
        if self.wiring.data_tap:
            self.network.add_tap(self.wiring.data_tap, bridge="br1")

    def remove_taps(self) -> None:
        self.network.remove_tap(self.wiring.management_tap)
        if self.wiring.data_tap:
            self.network.remove_tap(self.wiring.data_tap)

    def power_on(self, *, arguments: tuple[str, ...] = (), drives: Sequence[str] | None = None) -> None:
        """Start the machine; `wait` for it. `arguments` are more words for QEMU.

        `drives` names the roles of all its drives in another order: they sit in other slots from now on.
        """
        if drives is not None:
            self.template = self.template.with_drives_in_order(drives)
        self._arguments, self._console_before = arguments, self.console()
        words = command_line(self.template, self.files, self.wiring, cloud_init=self.cloud_init)
        argv = (*words, *self._addresses(), *arguments)
        command = Command(argv=argv, timeout_seconds=self.life_seconds, network_namespace=self.network.namespace)
        if self.keep:
            pid = start_detached(_in_namespace(command), output=self.directory / _QEMU_LOG)
            (self.directory / _PID).write_text(str(pid))
        else:
            self._machine = start(command)

    def _addresses(self) -> tuple[str, ...]:
        """The guest's addresses, told through systemd credentials: networkd reads them before any network is up."""
        management = {"mac": self.wiring.management_mac, "driver": "virtio_net", "name": "mgmt0"}
        data = {"mac": self.wiring.data_mac, "driver": "igb", "name": "data0"}
        texts = {
            "10-mgmt.network": _NETWORK.format(address=self.management_address, **management),
            "10-mgmt.link": _LINK.format(**management),
            "10-data.network": _NETWORK.format(address=self.data_address, **data),
            "10-data.link": _LINK.format(**data),
        }
        argv: tuple[str, ...] = ()
        for name, text in texts.items():
            path = self.directory / name
            path.write_text(text)
            argv += ("-fw_cfg", f"name=opt/lab/{name},file={path}")
        return argv

    def wait(self, *, timeout_seconds: float = BOOT_SECONDS) -> None:
        """Wait until it answers by ssh and hold the connection; HostError with the end of its console if it doesn't."""
        self.wait_until_answering(timeout_seconds=timeout_seconds)
        if not self.keep:
            self._connection = self.shell.keep()

    def wait_until_answering(self, *, timeout_seconds: float = BOOT_SECONDS) -> None:
        """The same without holding a connection, for whoever waits in a thread that ends.

        A machine that failed before its first word is switched on once more: QEMU 10 without KVM now and then stops at
        an assertion of its own while the firmware maps the cards. Nothing of the guest has run by then.
        """
        try:
            self._wait_for_shell(timeout_seconds)
        except HostError as error:
            if not self._failed_before_its_first_word():
                raise
            _LOG.warning("guest %d is switched on once more: %s", self.number, error.message)
            self.power_on(arguments=self._arguments)
            self._wait_for_shell(timeout_seconds)

    def _failed_before_its_first_word(self) -> bool:
        silent = self.console() == self._console_before
        return silent and not self.is_running() and ": Assertion `" in self._last_words()

    def _wait_for_shell(self, timeout_seconds: float) -> None:
        try:
            self.shell.wait(timeout_seconds=timeout_seconds, is_running=self.is_running)
        except HostError as error:
            said = f"its console ends: {self.console()[-1500:]!r}; QEMU said: {self._last_words()!r}"
            raise HostError(f"{error.message}; {said}") from error

    def _last_words(self) -> str:
        """The end of what QEMU itself printed."""
        if self._machine is not None:
            return self._machine.stderr.decode(errors="replace")[-500:]
        try:
            return (self.directory / _QEMU_LOG).read_text(errors="replace")[-500:]
        except OSError:
            return ""

    def console(self) -> str:
        try:
            return self.files.console.read_text(errors="replace")
        except OSError:
            return ""

    def reset(self) -> None:
        """Press the reset button and wait for the next boot."""
        before = self.boot_id()
        self._hang_up()
        self.monitor.reset()
        self._wait_for_another_boot(before)

    def reboot(self) -> None:
        """Ask its systemd for a reboot and wait for it."""
        before = self.boot_id()
        self.shell.run("systemctl reboot", timeout_seconds=30)
        self._hang_up()
        self._wait_for_another_boot(before)

    def power_cut(self) -> None:
        """Cut the power now; `power_on` brings it back on the same disks."""
        if self._machine is not None:
            os.kill(self._machine.pid, signal.SIGKILL)
            self._machine.wait(timeout_seconds=20)
            self._machine = None
        elif self.keep:
            self._kill_kept()
        self._hang_up()

    def wait_until_off(self, *, timeout_seconds: float) -> None:
        """Wait for a machine that was asked to switch itself off; HostError when it does not."""
        self._hang_up()
        deadline = time.monotonic() + timeout_seconds
        while self.is_running():
            if time.monotonic() > deadline:
                raise HostError(f"guest {self.number} is still on after {timeout_seconds:g} s")
            time.sleep(0.2)
        self._machine = None

    def remove(self) -> None:
        """End the machine; its files go with the lab's directory."""
        self._hang_up()
        if self._machine is not None:
            self._machine.stop()
            self._machine = None
        elif self.keep:
            self._kill_kept()

    def is_running(self) -> bool:
        """Is the machine switched on?"""
        if self.keep:
            return self._kept_pid() is not None
        return self._machine is not None and self._machine.completed is None

    def _kept_pid(self) -> int | None:
        """The pid in its directory, if it is still a process of this lab: numbers are given out again."""
        try:
            pid = int((self.directory / _PID).read_text())
        except (OSError, ValueError):
            return None
        return pid if pid in self.network.pids() else None

    def _kill_kept(self) -> None:
        deadline = time.monotonic() + 20
        while (pid := self._kept_pid()) is not None:
            if time.monotonic() > deadline:
                raise HostError(f"the machine of guest {self.number} (pid {pid}) does not die")
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)

    def boot_id(self) -> str:
        return self.shell.check("cat /proc/sys/kernel/random/boot_id").strip()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.stop()
            self._connection = None

    def _wait_for_another_boot(self, before: str) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            completed = self.shell.run("cat /proc/sys/kernel/random/boot_id", timeout_seconds=60)
            if completed.ok and completed.stdout.decode().strip() not in {"", before}:
                if not self.keep:
                    self._connection = self.shell.keep()
                return
            time.sleep(1.0)
        raise HostError(f"guest {self.number} did not come back; its console ends: {self.console()[-1500:]}")


def _in_namespace(command: Command) -> Command:
    """For a process that is meant to stay: `start_detached` enters no namespace by itself."""
    assert command.network_namespace is not None
    argv = ("ip", "netns", "exec", command.network_namespace, *command.argv)
    return Command(argv=argv, timeout_seconds=command.timeout_seconds)
