"""Finding programs, and what to say when one is missing.

root's shell and cron disagree on whether /usr/sbin is searched, and a benchmark must not depend on who started us: the
system directories are always part of the search.
"""

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

PACKAGES = {
    "blkid": "util-linux",
    "btrfs": "btrfs-progs",
    "dmidecode": "dmidecode",
    "ethtool": "ethtool",
    "fio": "fio",
    "ip": "iproute2",
    "iperf3": "iperf3",
    "losetup": "mount",
    "lsblk": "util-linux",
    "mdadm": "mdadm",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "mount": "mount",
    "nft": "nftables",
    "numactl": "numactl",
    "nvme": "nvme-cli",
    "promtool": "prometheus",
    "systemctl": "systemd",
    "systemd-run": "systemd",
    "tune2fs": "e2fsprogs",
    "umount": "mount",
    "wipefs": "util-linux",
}
"""Program to package, for Debian 12 and later and the Ubuntu releases made from them."""


def search_path(environment: Mapping[str, str] | None = None) -> str:
    """PATH of `environment` (ours by default) with the system directories it lacks appended."""
    given = (os.environ if environment is None else environment).get("PATH", "")
    directories = [directory for directory in given.split(os.pathsep) if directory.startswith("/")]
    directories += [directory for directory in SYSTEM_DIRECTORIES if directory not in directories]
    return os.pathsep.join(directories)


def find_program(name: str, *, environment: Mapping[str, str] | None = None) -> Path | None:
    """The file that would be started for `name`; None where there is none that we may execute.

    A name with a slash is looked at as it stands, never searched for.
    """
    if "\0" in name or not name:
        return None
    if "/" in name:
        candidates = [Path(name)]
    else:
        candidates = [Path(directory, name) for directory in search_path(environment).split(os.pathsep)]
    return next((path for path in candidates if os.access(path, os.X_OK) and path.is_file()), None)


def install_remedy(name: str) -> str:
    """The command that brings a missing program, as far as we know its package."""
    program = Path(name).name
    package = PACKAGES.get(program)
    if package is None:
        return f"install {program}, then run this again"
    return f"apt-get install {package}"
