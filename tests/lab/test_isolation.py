"""A partition of CPU sets on a real kernel (6.1) under a real systemd (252): two CPUs of four for one slice.

The oracle is the kernel: what cpuset.cpus.partition reads, and on which CPUs processes inside and outside may run.
"""

from collections.abc import Iterator

import pytest

from cherrylab.guests.guest import Guest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

_PROFILE = """\
schema: 1
summary: two CPUs for the validator alone
tune:
  cpu-isolation:
    slice: toyslice.slice
    cpus: {value: "2-3", why: seen by the kernel, source: the test}
    partition: isolated
    workqueues: "0-1"
"""
_GROUP = "/sys/fs/cgroup/toyslice.slice"
_SNAPSHOT = """
cat /sys/devices/virtual/workqueue/cpumask /sys/fs/cgroup/cpuset.cpus.effective
find /etc/systemd/system -name '*nodeagent*'
ls -d /etc/systemd/system/slices.target.d /etc/systemd/system/toyslice.slice.d 2>&1
taskset -pc 1
"""
_WORKER = """
systemctl stop toy-worker.service 2>/dev/null
systemd-run --quiet --collect --unit=toy-worker --slice=toyslice.slice sleep infinity
"""
_ALLOWED = "grep Cpus_allowed_list /proc/$(systemctl show --property=MainPID --value toy-worker.service)/status"


@pytest.fixture
def sliced(node: Guest) -> Iterator[Guest]:
    """A slice with a process in it, as a validator's unit makes it."""
    node.shell.check(f"rm -rf /var/lib/nodeagent\ncat > /root/isolation.yaml << 'END'\n{_PROFILE}END")
    node.shell.check(_WORKER)
    yield node
    node.shell.run("nodeagent tune rollback; systemctl stop toy-worker.service toyslice.slice", timeout_seconds=120)


def test_the_cpus_belong_to_the_slice_alone_until_it_is_rolled_back(sliced: Guest) -> None:
    shell = sliced.shell
    before = shell.check(_SNAPSHOT)
    shell.check("nodeagent tune apply --yes --profile /root/isolation.yaml", timeout_seconds=120)
    assert shell.check(f"cat {_GROUP}/cpuset.cpus.partition").strip() == "isolated"
    assert shell.check(f"cat {_GROUP}/cpuset.cpus.effective").strip() == "2-3"
    assert shell.check("cat /sys/fs/cgroup/cpuset.cpus.effective").strip() == "0-1"
    assert shell.check("cat /sys/devices/virtual/workqueue/cpumask").strip().lstrip("0,") == "3"
    assert shell.check(_ALLOWED).split()[-1] == "2-3"
    outside = shell.run("taskset -c 2 true")
    assert not outside.ok
    assert "Invalid argument" in outside.stderr.decode()
    shell.check("nodeagent tune verify --profile /root/isolation.yaml", timeout_seconds=120)
    assert "nothing to change" in shell.check("nodeagent tune plan --profile /root/isolation.yaml", timeout_seconds=120)
    shell.check("systemctl daemon-reload && systemctl daemon-reexec && sleep 2")
    assert shell.check(f"cat {_GROUP}/cpuset.cpus.partition").strip() == "isolated"
    shell.check("nodeagent tune rollback", timeout_seconds=120)
    assert shell.check(_SNAPSHOT) == before
    shell.check(_WORKER)
    assert shell.check(_ALLOWED).split()[-1] == "0-3"
