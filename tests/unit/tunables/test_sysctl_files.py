"""Which line of sysctl.d decides at the next boot, as sysctl.d(5) has it."""

import pytest

from nodeagent.tune.kernel.sysctl_files import read_boot_files
from tests.unit.tunables.fake_kernel import FakeKernel


def _decides(files: dict[str, str], key: str) -> str | None:
    line = read_boot_files(FakeKernel(files=files)).at_boot(key)
    return None if line is None else f"{line.value} {line.file}:{line.line}"


@pytest.mark.parametrize(
    ("files", "key", "decides"),
    [
        ({"/etc/sysctl.d/a.conf": "vm.swappiness=1\nvm.swappiness = 2\n"}, "vm.swappiness", "2 /etc/sysctl.d/a.conf:2"),
        ({"/etc/sysctl.d/a.conf": "# vm.swappiness=1\n;vm.swappiness=2\n\n"}, "vm.swappiness", None),
        ({"/etc/sysctl.d/a.conf": "-vm/swappiness=3\n"}, "vm.swappiness", "3 /etc/sysctl.d/a.conf:1"),
        ({"/etc/sysctl.d/a.conf": "vm.swappiness 3\n"}, "vm.swappiness", None),
        ({"/etc/sysctl.d/a": "vm.swappiness=3\n"}, "vm.swappiness", None),
        ({"/etc/sysctl.d/a.conf": "a.b=1 # not a comment\n"}, "a.b", "1 # not a comment /etc/sysctl.d/a.conf:1"),
        (
            {
                "/etc/sysctl.d/b.conf": "a.b=1\n",
                "/run/sysctl.d/c.conf": "a.b=2\n",
                "/usr/lib/sysctl.d/a.conf": "a.b=3\n",
            },
            "a.b",
            "2 /run/sysctl.d/c.conf:1",
        ),
        ({"/etc/sysctl.d/a.conf": "a.b=1\n", "/run/sysctl.d/a.conf": "a.b=2\n"}, "a.b", "1 /etc/sysctl.d/a.conf:1"),
        ({"/run/sysctl.d/a.conf": "a.b=1\n", "/usr/lib/sysctl.d/a.conf": "a.b=2\n"}, "a.b", "1 /run/sysctl.d/a.conf:1"),
        ({"/etc/sysctl.d/z.conf": "a.b=1\n", "/etc/sysctl.conf": "a.b=2\n"}, "a.b", "2 /etc/sysctl.conf:1"),
        ({"/etc/sysctl.d/a.conf": "n.*.x=1\nn.b*.x=2\n"}, "n.bc.x", "2 /etc/sysctl.d/a.conf:2"),
        ({"/etc/sysctl.d/a.conf": "n.b.x=1\nn.*.x=2\n"}, "n.b.x", "1 /etc/sysctl.d/a.conf:1"),
        ({"/etc/sysctl.d/a.conf": "-n.b.x\nn.*.x=2\n"}, "n.b.x", None),
        ({"/etc/sysctl.d/a.conf": "n.b.x=1\n-n.b.x\n"}, "n.b.x", None),
        ({"/etc/sysctl.d/a.conf": "n.*=1\n"}, "n.b.x", None),
        ({"/etc/sysctl.d/a.conf": "net.ipv4.conf.eth0/1.x=1\n"}, "net.ipv4.conf.eth0/1.x", "1 /etc/sysctl.d/a.conf:1"),
        ({"/etc/sysctl.d/a.conf": "net/ipv4/conf/eth0.1/x=1\n"}, "net.ipv4.conf.eth0/1.x", "1 /etc/sysctl.d/a.conf:1"),
        ({"/etc/sysctl.d/a.conf": "=\n-\n=1\n-=\n. = 1\n/=\n"}, "a.b", None),
        ({}, "a.b", None),
    ],
)
def test_the_line_that_decides(files: dict[str, str], key: str, decides: str | None) -> None:
    assert _decides(files, key) == decides
