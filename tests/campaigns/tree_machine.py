"""What answers below an injected root: a kernel, drivers and systemd whose state is kept in files.

A campaign kills the process that asked. What was asked of a kernel, a driver or systemd is then done or not done, and
never half done; so each of them does its work in a process of its own, which is not traced and is waited for. All else
is shipped code: a knob is opened, written and closed as on the machine, only its content goes where it is checked and
the kernel's answer comes from here.
"""

import errno
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from nodeagent.host import Host, ethtool, netlink
from nodeagent.host.changes import knob, nvme_feature, port_settings, unit, vf, vf_count
from nodeagent.host.changes.refusal import host_error
from nodeagent.host.rooted import RootedPaths
from nodeagent.host.tree_index import TREE_INDEX, TreeIndex
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError
from nodeagent.model.port_settings import PortSettings
from tests.fixtures.ports import PF, PortTree
from tests.fixtures.tree import Tree
from tests.unit.tunables.fake_processor import FakeProcessor
from tests.unit.tunables.fake_systemd import SLICE, FakeSystemd

_KERNEL_TREES = ("/proc/", "/sys/")
_PCI = "/sys/bus/pci/devices"
_CRASHED = 255
_PLAIN_VF = {
    "mac": "00:00:00:00:00:00",
    "vlan": 0,
    "qos": 0,
    "proto": "802.1q",
    "max_tx_rate": 0,
    "min_tx_rate": 0,
    "spoofchk": True,
    "trust": False,
    "link_state": "auto",
}


class TreeHost(Host):
    """A tree whose drivers change their minds: what they tell is not remembered."""

    def noted_port(self, address: str) -> dict[str, Any]:
        return TreeIndex.read(self.root).ports.get(address, {})

    def noted_nvme(self, device: str) -> dict[str, Any]:
        return TreeIndex.read(self.root).nvme.get(device, {})


class MovingTreeHost(TreeHost):
    """One whose links to directories move as well: drivers come and go."""

    @property
    def _paths(self) -> RootedPaths:
        return RootedPaths(prefix=os.fspath(self.root))


class _Alive:
    """A tree that says it is the machine, for code that asks only in order not to call a driver."""

    is_live = True

    def __init__(self, host: Any) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


@dataclass(slots=True, kw_only=True)
class TreeMachine:
    """The kernel below `root`; a kind of machine with more in it overrides what it does otherwise."""

    root: Path

    def take(self, path: str, value: str) -> None:
        """What a write to a knob does; OSError where the kernel would refuse."""
        kernel = FakeProcessor(files=self._texts())
        before = dict(kernel.files)
        kernel.write(path, value)
        for changed, text in kernel.files.items():
            if before.get(changed) != text:
                self.at(changed).write_text(text)

    def at(self, path: str) -> Path:
        return Path(f"{self.root}{path}")

    def _texts(self) -> dict[str, str]:
        files = (file for tree in ("proc", "sys") for file in (self.root / tree).rglob("*") if file.is_file())
        return {f"/{file.relative_to(self.root)}": file.read_text() for file in files if not file.is_symlink()}

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While this lasts, knobs below the root are this machine's."""
        with ExitStack() as stack, Path(os.devnull).open("wb", buffering=0) as sink:
            stack.enter_context(patch.object(knob, "write", partial(self._write, sink.fileno(), knob.write)))
            self.patch(stack)
            yield

    def patch(self, stack: ExitStack) -> None:
        """Put more of the machine in the place of what would ask the real one."""

    def _write(self, sink: int, below_etc: Callable[[Host, str, str], None], host: Host, path: str, value: str) -> None:
        """As host/changes/knob.py writes a live knob, call by call."""
        if not path.startswith(_KERNEL_TREES):
            below_etc(host, path, value)
            return
        content = f"{value}\n".encode()
        try:
            descriptor = os.open(host.path(host.real(path) or path), os.O_WRONLY | os.O_CLOEXEC)
            try:
                written = os.write(sink, content)
                if written == len(content):
                    apart(partial(self.take, host.real(path), value))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise host_error(f"write {value!r} to", path, error) from error
        if written != len(content):
            raise HostError(f"cannot write {value!r} to {path}: the kernel took {written} of {len(content)} bytes")


class SystemdMachine(TreeMachine):
    """systemctl does to the tree what it does to directories; a slice gets the CPUs of its drop-in with a reload."""

    def patch(self, stack: ExitStack) -> None:
        stack.enter_context(patch.object(unit, "perform", _alive(unit.perform)))
        stack.enter_context(patch.object(unit, "reload_units", lambda host: apart(self._reload)))
        stack.enter_context(patch.object(unit, "run", self._run))

    def _run(self, command: Command) -> Completed:
        _, verb, _, name = command.argv
        apart(partial(self._systemctl, verb, name))
        return Completed(command=command, exit_code=0, stdout=b"", stderr=b"", started_at=0.0, duration_seconds=0.0)

    def _systemctl(self, verb: str, name: str) -> None:
        """As with the real one, what is there already is no error."""
        systemd = FakeSystemd(tree=Tree(root=self.root))
        is_masked = bool(systemd.host.unit(name).mask)
        if (verb, is_masked) not in (("mask", True), ("unmask", False)):
            systemd.systemctl(verb, name)

    def _reload(self) -> None:
        groups = self.at("/sys/fs/cgroup")
        for group in groups.glob("*.slice") if groups.is_dir() else ():
            drop_ins = sorted(self.at(f"/etc/systemd/system/{group.name}.d").glob("*.conf"))
            told = [line for file in drop_ins for line in file.read_text().splitlines() if "AllowedCPUs=" in line]
            if told:
                (group / "cpuset.cpus").write_text(told[-1].partition("=")[2] + "\n")
                if not (group / "cpuset.cpus.partition").exists():
                    (group / "cpuset.cpus.partition").write_text("member\n")
            elif group.name != Path(SLICE).name:
                for name in ("cpuset.cpus", "cpuset.cpus.partition"):
                    (group / name).unlink(missing_ok=True)


class DriverMachine(TreeMachine):
    """Drivers that keep what ethtool, an ioctl of NVMe or netlink tells them, in the tree's index."""

    def patch(self, stack: ExitStack) -> None:
        replaced = {
            (port_settings, "perform"): _alive(port_settings.perform),
            (vf, "perform"): _alive(vf.perform),
            (vf_count, "perform"): _alive(vf_count.perform),
            (nvme_feature, "perform"): _alive(nvme_feature.perform),
            (nvme_feature, "observe"): _alive(nvme_feature.observe),
            (nvme_feature, "NvmeAdmin"): _Controller(self),
            (ethtool, "read_settings"): self._settings,
            (ethtool, "set_rings"): partial(self._keep, "rings"),
            (ethtool, "set_coalescing"): partial(self._keep, "coalescing"),
            (netlink, "set_vf"): self._set_vf,
        }
        for (module, name), better in replaced.items():
            stack.enter_context(patch.object(module, name, better))

    def note(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the index in one step."""
        file = self.root / TREE_INDEX
        document = json.loads(file.read_text())
        change(document)
        file.write_text(json.dumps(document))

    def _settings(self, address: str, interface: str) -> PortSettings:
        assert interface
        return TreeHost(root=self.root).port_settings(address)

    def _keep(self, part: str, interface: str, wanted: Any) -> None:
        assert interface
        given: dict[str, Any] = wanted.given()
        apart(lambda: self.note(lambda index: index["ports"][PF]["settings"][part].update(given)))

    def _set_vf(self, interface: str, index: int, attributes: dict[str, Any]) -> None:
        assert interface
        apart(lambda: self.note(lambda notes: notes["ports"][PF]["vfs"][str(index)].update(attributes)))


class VfMachine(DriverMachine):
    """A port that makes virtual functions, and drivers that take them, as igb and Linux do."""

    def take(self, path: str, value: str) -> None:
        match path.rpartition("/")[2]:
            case "sriov_numvfs":
                self._make(int(value))
            case "unbind":
                self._leave(value)
            case "drivers_probe":
                self._probe(value)
            case "driver_override":
                self.at(path).write_text(f"{value or '(null)'}\n")
            case _:
                self.at(path).write_text(f"{value}\n")

    def _make(self, count: int) -> None:
        port, tree = f"{_PCI}/{PF}", Tree(root=self.root)
        now = int(self.at(f"{port}/sriov_numvfs").read_text())
        if now and count:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        for index in range(now):
            self._leave(PortTree.vf(index))
            self.at(f"{port}/virtfn{index}").unlink()
            shutil.rmtree(self.at(f"{_PCI}/{PortTree.vf(index)}"))
        self.note(lambda notes: notes["ports"][PF].update(vfs={str(index): _PLAIN_VF for index in range(count)}))
        for index in range(count):
            function = f"{_PCI}/{PortTree.vf(index)}"
            tree.file(f"{function}/driver_override", "(null)")
            tree.link(f"{port}/virtfn{index}", function)
            tree.link(f"{function}/physfn", port)
            if self.at(f"{port}/sriov_drivers_autoprobe").read_text() == "1\n":
                self._probe(PortTree.vf(index))
        self.at(f"{port}/sriov_numvfs").write_text(f"{count}\n")

    def _probe(self, address: str) -> None:
        function, tree = f"{_PCI}/{address}", Tree(root=self.root)
        if self.at(f"{function}/driver").is_symlink():
            return
        override = self.at(f"{function}/driver_override").read_text().strip()
        tree.link(f"{function}/driver", f"/sys/bus/pci/drivers/{'igbvf' if override == '(null)' else override}")
        name = f"vf{address[-1]}"
        tree.files(f"{function}/net/{name}", {"mtu": "1500", "address": "02:00:00:00:00:00"}, mode=0o644)
        tree.link(f"/sys/class/net/{name}", f"{function}/net/{name}")

    def _leave(self, address: str) -> None:
        function = self.at(f"{_PCI}/{address}")
        if (function / "driver").is_symlink():
            (function / "driver").unlink()
            self.at(f"/sys/class/net/vf{address[-1]}").unlink()
            shutil.rmtree(function / "net")


class _Controller:
    """An open controller; as host/nvme_admin.py has it, with the number that the index keeps."""

    def __init__(self, machine: DriverMachine) -> None:
        self.machine = machine

    def open(self, node: Path) -> "_Controller":
        self.descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.drive = f"{node.name}n1"
        return self

    def __enter__(self) -> "_Controller":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def feature(self, feature: int) -> int:
        assert feature == _POWER
        number: int = TreeIndex.read(self.machine.root).nvme[self.drive]["power"]
        return number

    def set_feature(self, feature: int, value: int) -> None:
        assert feature == _POWER
        apart(lambda: self.machine.note(lambda index: index["nvme"][self.drive].update(power=value)))


_POWER = 2


def apart(work: Callable[[], None]) -> None:
    """Do it in a process of its own, whole, whatever becomes of ours; its OSError is raised here."""
    pid = os.fork()
    if pid == 0:
        _live(work)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == _CRASHED:
        raise RuntimeError("the machine made of files broke; its traceback stands before this one")
    if code:
        raise OSError(code, os.strerror(code))


def _live(work: Callable[[], None]) -> None:
    code = _CRASHED
    try:
        work()
        code = 0
    except OSError as error:
        code = error.errno or errno.EIO
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
    finally:
        os._exit(code)


def _alive(perform: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """The shipped function, on a tree that says it is the machine."""

    def on_tree(host: Any, change: Any) -> Any:
        return perform(_Alive(host), change)

    return on_tree
