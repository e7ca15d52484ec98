"""The disk that guests boot from: Debian from packages, built once for each content key.

Nothing but apt's packages goes in, so the image can be built wherever Debian's archive can be reached, and the key (the
recipe below, the kernel's version, the release) says when an old one will not do. The kernel is unpacked beside the
root file system: installing it there would build an initramfs for a machine that does not exist. Ours is a busybox
that loads virtio and ext4, finds the root disk and hands over to systemd.

Sources: mmdebstrap(1), mke2fs(8) `-d`, Documentation/filesystems/ramfs-rootfs-initramfs.rst.
"""

import fcntl
import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nodeagent.host.process import run
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

SUITE = "bookworm"
_ROOT_BYTES = 3 << 30

_PACKAGES = (
    *("systemd-sysv", "dbus", "udev", "kmod", "procps", "cloud-init", "openssh-server", "sudo", "ca-certificates"),
    *("python3", "python3-venv", "fio", "iperf3", "ethtool", "nvme-cli", "btrfs-progs", "e2fsprogs", "xfsprogs"),
    *("pciutils", "iproute2", "iputils-ping", "nftables", "ipmitool", "openipmi", "numactl", "qemu-guest-agent"),
    *("irqbalance", "smartmontools", "dmsetup", "mdadm", "lvm2", "cryptsetup-bin", "gdisk", "parted", "strace"),
    *("linux-cpupower", "dmidecode", "socat", "fdisk", "chrony", "tuned"),
)
_MASKED_UNITS = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer"),
    *("systemd-networkd-wait-online.service", "nvmf-autoconnect.service", "nvmefc-boot-connections.service"),
    *("openipmi.service", "irqbalance.service", "mdmonitor.service", "smartmontools.service", "smartd.service"),
    "tuned.service",  # a second owner of what is tuned, as irqbalance is: tests that want one unmask it
)
_LEFT_OUT_DRIVERS = ("gpu", "media", "usb", "staging", "infiniband", "iio", "net/wireless", "isdn", "hid", "input")
_INITRD_MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"),
    *("crc16", "mbcache", "jbd2", "crc32c_generic", "ext4"),
)

_CLOUD_CONFIG = """\
users: [default]
disable_root: false
datasource_list: [NoCloud, None]
cloud_init_modules: [seed_random, bootcmd, write-files, set_hostname, users-groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-per-once, scripts-per-boot, scripts-per-instance, scripts-user, final-message]
system_info:
  distro: debian
  network: {renderers: [networkd]}
  default_user: {name: debian, lock_passwd: true, shell: /bin/bash}
"""

_ADDRESSES = """\
#!/bin/sh
# The lab tells each guest its names and addresses through QEMU's firmware configuration (fw_cfg).
modprobe qemu_fw_cfg
for file in /sys/firmware/qemu_fw_cfg/by_name/opt/lab/*; do
  [ -d "$file" ] && install -D -m 644 "$file/raw" "/etc/systemd/network/${file##*/}"
done
exit 0
"""
_ADDRESSES_UNIT = """\
[Unit]
Description=Names and addresses from the lab
DefaultDependencies=no
After=local-fs.target systemd-remount-fs.service
Before=systemd-udev-trigger.service systemd-networkd.service network-pre.target

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/lab-addresses
RemainAfterExit=yes

[Install]
WantedBy=sysinit.target
"""
_CONSOLE_LOGIN = """\
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I $TERM
"""

_INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in @MODULES@; do /bin/busybox insmod /modules/$module.ko; done
tries=0
until [ -b /dev/vda ] || [ $tries -gt 300 ]; do /bin/busybox sleep 0.1; tries=$((tries + 1)); done
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox sh
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /lib/systemd/systemd
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A built image: never booted itself, only through an overlay. `ssh_key` opens every guest made of it."""

    directory: Path

    @property
    def root(self) -> Path:
        return self.directory / "root.ext4"

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.directory / "initrd.gz"

    @property
    def ssh_key(self) -> Path:
        return self.directory / "id_ed25519"


def cache_directory() -> Path:
    """Where images are kept between runs; `NODEAGENT_LAB_CACHE` stands over the user's cache directory."""
    given = os.environ.get("NODEAGENT_LAB_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nodeagent-lab"


def ensure_image(*, progress: Callable[[str], None] = lambda _text: None) -> Image:
    """The image for today's recipe, built when it is not in the cache; HostError where a step of the build fails."""
    kernel_package = _kernel_package()
    directory = cache_directory() / _key(kernel_package)
    cache_directory().mkdir(parents=True, exist_ok=True)
    with _only_builder(directory.with_suffix(".lock")):
        if not (directory / "complete").exists():
            progress("building the guests' image (about a minute)")
            _build(directory, kernel_package)
    return Image(directory=directory)


def _key(kernel_package: str) -> str:
    recipe = Path(__file__).read_bytes()
    return sha256(recipe + kernel_package.encode() + SUITE.encode()).hexdigest()[:16]


@contextmanager
def _only_builder(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(directory: Path, kernel_package: str) -> None:
    with tempfile.TemporaryDirectory(prefix="nodeagent-image-", dir=cache_directory()) as scratch:
        work = Path(scratch)
        image = Image(directory=work / "image")
        image.directory.mkdir()
        _make_root(work / "rootfs")
        modules = _unpack_kernel(work, kernel_package, image)
        _set_up(work / "rootfs", image)
        _make_initrd(work / "initrd", modules, image)
        _pack(work / "rootfs", image)
        (image.directory / "complete").touch()
        shutil.rmtree(directory, ignore_errors=True)
        image.directory.rename(directory)


def _tool(*argv: str | Path, seconds: float = 600.0, directory: Path | None = None) -> str:
    """Run a step of the build; HostError with its last words where it fails."""
    command = Command(argv=tuple(map(str, argv)), timeout_seconds=seconds, directory=directory, environment=_proxied())
    completed = run(command)
    if not completed.ok:
        said = completed.stderr.decode(errors="replace").strip()[-800:]
        raise HostError(
            f"building the guests' image: `{command}` ended with code {completed.exit_code}: {said}",
            remedy="scripts/install-system-tools lab",
        )
    return completed.stdout.decode(errors="replace")


def _proxied() -> tuple[tuple[str, str], ...]:
    """How this machine reaches the archive; nothing else of our environment goes into the image."""
    names = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
    return tuple((name, os.environ[name]) for name in names if name in os.environ)


def _archive() -> str:
    """The archive that this machine itself installs from."""
    form = "$(REPO_URI) $(CODENAME) $(CREATED_BY)"
    for line in _tool("apt-get", "indextargets", "--format", form, seconds=30).splitlines():
        address, codename, kind = line.split()
        if codename == SUITE and kind == "Packages":
            return address
    raise HostError(f"apt knows no archive of {SUITE}", remedy="apt-get update")


def _kernel_package() -> str:
    """The image package behind linux-image-amd64: the plain flavour, as the cloud one has neither igb nor nvme."""
    for line in _tool("apt-cache", "depends", "linux-image-amd64", seconds=30).splitlines():
        if "Depends: linux-image-" in line:
            return line.split()[-1]
    raise HostError("apt knows no linux-image-amd64", remedy="apt-get update")


def _make_root(rootfs: Path) -> None:
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
    packages = "--include=" + ",".join(_PACKAGES)
    _tool("mmdebstrap", "--mode=root", "--variant=minbase", packages, *excluded, SUITE, rootfs, _archive())


def _unpack_kernel(work: Path, package: str, image: Image) -> Path:
    """Unpack the kernel and its modules; returns the directory of the modules of its release."""
    unpacked = work / "kernel"
    unpacked.mkdir()
    _tool("apt-get", "download", "-o", "APT::Sandbox::User=root", package, directory=work)
    _tool("dpkg", "-x", next(work.glob("linux-image-*.deb")), unpacked)
    modules = next((unpacked / "lib/modules").iterdir())
    for driver in _LEFT_OUT_DRIVERS:
        shutil.rmtree(modules / "kernel/drivers" / driver, ignore_errors=True)
    shutil.rmtree(modules / "kernel/sound", ignore_errors=True)
    _tool("depmod", "-b", unpacked, modules.name)
    shutil.copy(next((unpacked / "boot").glob("vmlinuz-*")), image.kernel)
    target = work / "rootfs/lib/modules" / modules.name
    shutil.copytree(modules, target, symlinks=True)
    return modules


def _set_up(rootfs: Path, image: Image) -> None:
    for unit in _MASKED_UNITS:
        mask = rootfs / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to(os.devnull)
    for link in (rootfs / "etc").glob("rc*.d/*openipmi"):
        link.unlink()
    (rootfs / "etc/machine-id").write_text("")
    (rootfs / "etc/cloud/cloud.cfg").write_text(_CLOUD_CONFIG)
    (rootfs / "etc/ssh/sshd_config.d/lab.conf").write_text("UseDNS no\nPermitRootLogin prohibit-password\n")
    (rootfs / "etc/hostname").write_text("guest\n")
    script = rootfs / "usr/local/sbin/lab-addresses"
    script.write_text(_ADDRESSES)
    script.chmod(0o755)
    (rootfs / "etc/systemd/system/lab-addresses.service").write_text(_ADDRESSES_UNIT)
    _enable(rootfs, "/etc/systemd/system/lab-addresses.service", target="sysinit.target")
    _enable(rootfs, "/lib/systemd/system/systemd-networkd.service")
    login = rootfs / "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf"
    login.parent.mkdir(parents=True)
    login.write_text(_CONSOLE_LOGIN)
    _tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "nodeagent-lab", "-f", image.ssh_key)
    authorized = rootfs / "root/.ssh/authorized_keys"
    authorized.parent.mkdir(mode=0o700, exist_ok=True)
    authorized.write_text(image.ssh_key.with_suffix(".pub").read_text())


def _enable(rootfs: Path, unit: str, *, target: str = "multi-user.target") -> None:
    wants = rootfs / f"etc/systemd/system/{target}.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / Path(unit).name).symlink_to(unit)


def _make_initrd(tree: Path, modules: Path, image: Image) -> None:
    (tree / "bin").mkdir(parents=True)
    (tree / "modules").mkdir()
    shutil.copy(shutil.which("busybox") or "/bin/busybox", tree / "bin/busybox")
    for name in _INITRD_MODULES:
        shutil.copy(next(modules.rglob(f"{name}.ko")), tree / "modules")
    init = tree / "init"
    init.write_text(_INIT.replace("@MODULES@", " ".join(_INITRD_MODULES)))
    init.chmod(0o755)
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    command = Command(
        argv=("busybox", "cpio", "-o", "-H", "newc"),
        timeout_seconds=60,
        directory=tree,
        input_text="\n".join([".", *names]) + "\n",
        output_limit_bytes=256 * 1024 * 1024,
    )
    completed = run(command)
    if not completed.ok:
        raise HostError(f"packing the initramfs: {completed.stderr.decode(errors='replace')}")
    image.initrd.write_bytes(gzip.compress(completed.stdout, compresslevel=1, mtime=0))


def _pack(rootfs: Path, image: Image) -> None:
    _tool("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", rootfs, image.root, f"{_ROOT_BYTES >> 20}M")
