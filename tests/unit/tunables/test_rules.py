"""What a profile may not ask for, told when it is loaded, each at its place; and never planned if it gets past that."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import State
from nodeagent.profiles import load_profile
from nodeagent.profiles.problems import DocumentError
from nodeagent.tune.kernel import sysctl_name
from nodeagent.tune.kernel.sysctl_rules import faults
from nodeagent.tune.tunables import TUNABLES
from nodeagent.tune.tunables.sysctl import SYSCTL
from tests.unit.tunables.fake_kernel import FakeKernel, facts_of

_TYPES = {tunable.name: tunable.Settings for tunable in TUNABLES}


def _problems(directory: Path, text: str) -> list[str]:
    path = directory / "top.yaml"
    path.write_text(f"schema: 1\nsummary: x\ntune:\n{text}")
    with pytest.raises(DocumentError) as caught:
        load_profile(path, settings_types=_TYPES, search=[])
    return [str(problem).replace(f"{directory}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("kernel.core_pattern: core", "5:5: tune.sysctl.kernel.core_pattern: the kernel runs what it names as root"),
        ("kernel/modprobe: /x", "5:5: tune.sysctl.kernel/modprobe: the kernel runs what it names as root"),
        ("kernel.usermodehelper.bset: 0", "5:5: tune.sysctl.kernel.usermodehelper.bset: the kernel runs what it names"),
        ("vm.drop_caches: 3", "5:5: tune.sysctl.vm.drop_caches: it does something when it is written"),
        (
            "kernel.modules_disabled: 1",
            "5:5: tune.sysctl.kernel.modules_disabled: it can't be set back before the next",
        ),
        ("net.ipv4.conf.eth0/1.forwarding: 1", "5:5: tune.sysctl.net.ipv4.conf.eth0/1.forwarding: the kernel resets"),
        ("kernel.hostname: x", "5:5: tune.sysctl.kernel.hostname: it is what the machine is called"),
        ("../../etc/passwd: x", "5:5: tune.sysctl.../../etc/passwd: no name of a sysctl"),
        ("net/../../etc/passwd: x", "5:5: tune.sysctl.net/../../etc/passwd: no name of a sysctl"),
        ("net.ipv4.conf.*.rp_filter: 1", "5:5: tune.sysctl.net.ipv4.conf.*.rp_filter: no name of a sysctl"),
        ("vm: 1", "5:5: tune.sysctl.vm: no name of a sysctl"),
        ("vm..swappiness: 1", "5:5: tune.sysctl.vm..swappiness: no name of a sysctl"),
        ("vm.swappiness: 201", "5:20: tune.sysctl.vm.swappiness: wanted 0 to 200, got '201'"),
        ("vm.swappiness: high", "5:20: tune.sysctl.vm.swappiness: wanted a whole number from 0 to 200, got 'high'"),
        ("vm.dirty_ratio: 0", "5:21: tune.sysctl.vm.dirty_ratio: wanted 1 to 100, got '0'"),
        ("vm.max_map_count: 1000", "5:23: tune.sysctl.vm.max_map_count: wanted 65530 to 2147483647, got '1000'"),
        ("a.b: 010", "5:10: tune.sysctl.a.b: the kernel reads 010 as octal"),
        ("a.b: ''", "5:10: tune.sysctl.a.b: wanted a text of 1 to 1024 printable characters, got ''"),
        ("a.b: 'ä'", "5:10: tune.sysctl.a.b: wanted a text of 1 to 1024 printable characters"),
    ],
)
def test_a_sysctl_that_no_profile_may_set_is_told_at_its_place(tmp_path: Path, line: str, told: str) -> None:
    (problem,) = _problems(tmp_path, f"  sysctl:\n    {line}\n")
    assert problem.startswith(f"top.yaml:{told}")


def test_a_mask_may_begin_with_zeros() -> None:
    assert list(faults({"net.core.rps_default_mask": Setting(value="00000000")})) == []


def test_two_spellings_of_one_sysctl_are_told(tmp_path: Path) -> None:
    told = _problems(tmp_path, "  sysctl:\n    net.core.rmem_max: 4194304\n    net/core/rmem_max: 8388608\n")
    assert told == [
        "top.yaml:6:5: tune.sysctl.net/core/rmem_max: the same sysctl as 'net.core.rmem_max', got 'net/core/rmem_max'"
    ]


@pytest.mark.parametrize(("mode", "count"), [(Mode.ENFORCE, 1), (Mode.WARN, 1), (Mode.IGNORE, 0)])
def test_both_of_a_coupled_pair_are_told_unless_one_is_ignored(mode: Mode, count: int) -> None:
    settings = {"vm.dirty_bytes": Setting(value="268435456"), "vm.dirty_ratio": Setting(value="20", mode=mode)}
    assert len(list(faults(settings))) == count


def test_what_the_loader_would_have_refused_is_a_finding_and_never_a_change() -> None:
    kernel = FakeKernel(files={"/proc/sys/kernel/core_pattern": "core\n", "/proc/sys/vm/swappiness": "60\n"})
    wanted = {
        "kernel.core_pattern": Setting(value="|/tmp/x"),
        "vm.swappiness": Setting(value="999"),
        "../x": Setting(value="1"),
    }
    observed = SYSCTL.observe(kernel, wanted, facts_of())
    assert SYSCTL.plan(observed, wanted, facts_of()) == ()
    findings = SYSCTL.judge(observed, wanted, facts_of()).findings
    assert {finding.subject: finding.state for finding in findings} == dict.fromkeys(
        ("sysctl:kernel.core_pattern", "sysctl:vm.swappiness", "sysctl:../x"), State.UNKNOWN
    )


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{name: x, devices: {}}", "tune.block-queue[0].devices: names no property: wanted one of serial, wwn, "),
        ("{name: x, devices: {count: 1}}", "tune.block-queue[0].devices: names no property"),
        ("{name: x, devices: {serial: a, count: 0}}", "tune.block-queue[0].devices.count: wanted 1 or more"),
        ("{name: x, devices: {serial: a}, nr_requests: 3}", "tune.block-queue[0].nr_requests: wanted 4 or more"),
        ("{name: x, devices: {serial: a}, nomerges: 3}", "tune.block-queue[0].nomerges: wanted 2 or less"),
        (
            "{name: x, devices: {serial: a}, wbt_lat_usec: -1}",
            "tune.block-queue[0].wbt_lat_usec: wanted 0 or more",
        ),
        (
            "{name: x, devices: {serial: a}, scheduler: 'none;reboot'}",
            "tune.block-queue[0].scheduler: wanted the name",
        ),
        (
            "{name: /dev/nvme0n1, devices: {serial: a}}",
            "tune.block-queue[0].name: wanted a name of small letters",
        ),
        (
            "{name: x, devices: {serial: a}, max_sectors_kb: 1}",
            "tune.block-queue[0].max_sectors_kb: is not known",
        ),
    ],
)
def test_a_queue_that_can_not_be_meant_is_told_at_its_place(tmp_path: Path, entry: str, told: str) -> None:
    (problem,) = _problems(tmp_path, f"  block-queue:\n    - {entry}\n")
    assert problem.startswith("top.yaml:5:")
    assert problem.partition(": ")[2].startswith(told)


_parts = st.from_regex(r"[a-z0-9_][a-z0-9_.:-]{0,12}", fullmatch=True).filter(lambda part: not part.endswith("."))


@given(st.lists(_parts, min_size=2, max_size=6))
def test_both_spellings_of_a_name_are_the_same_file(parts: list[str]) -> None:
    first = parts[0].replace(".", "_")
    slashes, dots = "/".join([first, *parts[1:]]), ".".join([first, *(part.replace(".", "/") for part in parts[1:])])
    assert sysctl_name.path(slashes) == sysctl_name.path(dots) == f"/proc/sys/{slashes}"
    assert sysctl_name.canonical(slashes) == sysctl_name.canonical(dots) == dots


@given(st.text(max_size=40))
def test_no_text_leads_out_of_proc_sys(text: str) -> None:
    if sysctl_name.parts(text) is not None:
        path = Path(sysctl_name.path(text))
        assert path.is_relative_to("/proc/sys")
        assert ".." not in path.parts
        assert "\0" not in str(path)
