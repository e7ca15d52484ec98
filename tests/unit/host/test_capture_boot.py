"""GRUB's files in a capture: what decides about the next boot is kept, what somebody else wrote is not."""

from pathlib import Path

from nodeagent.host.capture import capture_text, load
from nodeagent.tune.kernel.boot_loader import read_boot
from tests.fixtures.grub import grub_files
from tests.unit.tune.toys import make_host

MAIN = """\
# the password of the menu is in 40_custom
GRUB_CMDLINE_LINUX_DEFAULT="quiet isolcpus=1 secret.token=abc"
GRUB_CMDLINE_LINUX=""
"""


def test_a_captured_machine_says_the_same_of_its_boot(tmp_path: Path) -> None:
    files = grub_files(running=("quiet", "isolcpus=1"), main=MAIN)
    files["/etc/default/grub.d/90-nodeagent.cfg"] = (
        'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT iommu=pt"\n'
    )
    files["/boot/grub/grub.cfg"] += "password_pbkdf2 root grub.pbkdf2.sha512.10000.SECRETHASH\n"
    host = make_host(tmp_path / "host", files)
    text = capture_text(host)
    assert not [word for word in ("SECRETHASH", "abc", "40_custom", "Fedora") if word in text]
    (tmp_path / "file").write_text(text)
    loaded = read_boot(load(tmp_path / "file", tmp_path / "loaded"))
    assert loaded.obstacle == ""
    assert loaded.own == ("iommu=pt",)
    assert [str(said) for said in loaded.said][:2] == [
        "quiet (/etc/default/grub:2)",
        "isolcpus=1 (/etc/default/grub:2)",
    ]
