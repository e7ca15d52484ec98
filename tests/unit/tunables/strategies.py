"""Machines in any state, and settings that may be wanted of them."""

from typing import Any

from hypothesis import strategies as st

from nodeagent.model.facts import BlockDevice
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.tune.kernel.sysctl_rules import COUPLED
from nodeagent.tune.tunables.block_queue import QueueSettings
from nodeagent.tune.tunables.transparent_hugepages import ROOT, KhugepagedSettings, TransparentHugepagesSettings
from tests.unit.tunables.fake_kernel import OWN_FILES, SCHEDULERS, FakeKernel

modes = st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.WARN, Mode.IGNORE])
numbers = st.integers(min_value=65536, max_value=2**31 - 1)


def settings_of(values: st.SearchStrategy[Any], *, bounded: bool = True) -> st.SearchStrategy[Setting[Any]]:
    bounds = st.sampled_from(list(Bound)) if bounded else st.just(Bound.EXACTLY)
    return st.builds(Setting, value=values, bound=bounds, mode=modes)


@st.composite
def sysctls(draw: st.DrawFn) -> tuple[FakeKernel, dict[str, Setting[str]]]:
    plain = ["vm.max_map_count", "fs.nr_open", "net.core.rmem_max", "net.ipv4.tcp_rmem", "kernel.gone"]
    files, wanted = {}, {}
    for key in plain[:-1]:
        files[_path(key)] = f"{draw(numbers)}\n"
    files[_path("net.ipv4.tcp_rmem")] = "4096\t131072\t6291456\n"
    for first, second in COUPLED.items():
        in_force = draw(st.sampled_from([first, second]))
        files[_path(first)] = f"{draw(numbers) if in_force == first else 0}\n"
        files[_path(second)] = f"{draw(st.integers(1, 100)) if in_force == second else 0}\n"
        chosen = draw(st.sampled_from([first, second, None]))
        if chosen:
            values = numbers if chosen == first else st.integers(1, 100)
            wanted[chosen] = draw(settings_of(values.map(str)))
    for key in draw(st.lists(st.sampled_from(plain), unique=True)):
        wanted[key] = draw(settings_of(numbers.map(str)))
    if "net.ipv4.tcp_rmem" in wanted:
        words = st.sampled_from(["4096 131072 6291456", "4096\t87380 1", "1 2 3"])
        wanted["net.ipv4.tcp_rmem"] = draw(settings_of(words, bounded=False))
    return FakeKernel(files=files), wanted


@st.composite
def hugepages(draw: st.DrawFn) -> tuple[FakeKernel, TransparentHugepagesSettings]:
    choices = {
        "enabled": ["always", "madvise", "never"],
        "defrag": ["always", "defer", "defer+madvise", "madvise", "never"],
        "shmem_enabled": ["always", "within_size", "advise", "never", "deny", "force"],
    }
    files, wanted = {}, {}
    for name, words in choices.items():
        chosen = draw(st.sampled_from(words))
        if draw(st.booleans()):
            files[f"{ROOT}/{name}"] = " ".join(f"[{word}]" if word == chosen else word for word in words) + "\n"
        wanted[name] = draw(st.none() | settings_of(st.sampled_from([*words, "sometimes"]), bounded=False))
    for name in ("defrag", "pages_to_scan", "max_ptes_none"):
        files[f"{ROOT}/khugepaged/{name}"] = f"{draw(st.integers(0, 511))}\n"
    khugepaged = st.builds(
        KhugepagedSettings,
        defrag=st.none() | settings_of(st.integers(0, 1)),
        pages_to_scan=st.none() | settings_of(st.integers(1, 511)),
        max_ptes_none=st.none() | settings_of(st.integers(0, 511)),
    )
    return FakeKernel(files=files), TransparentHugepagesSettings(**wanted, khugepaged=draw(st.none() | khugepaged))


@st.composite
def queues(draw: st.DrawFn) -> tuple[FakeKernel, tuple[QueueSettings, ...], tuple[BlockDevice, ...]]:
    kernel = FakeKernel(files={})
    devices = []
    for number in range(draw(st.integers(1, 3))):
        name = f"nvme{number}n1"
        _add_drive(draw, kernel, name)
        serial = draw(st.sampled_from([f"S{number}", "SHARED", ""]))
        devices.append(
            BlockDevice(name=name, major_minor=f"259:{number}", serial=serial, transport="nvme", size_bytes=1)
        )
    entries = tuple(
        QueueSettings(name=f"e{at}", devices=draw(_selectors), **draw(_queue_settings))
        for at in range(draw(st.integers(1, 2)))
    )
    return kernel, entries, tuple(devices)


_selectors = st.sampled_from(
    [DeviceSelector(transport="nvme"), DeviceSelector(serial="S*"), DeviceSelector(serial="X")]
)
_queue_settings = st.fixed_dictionaries(
    {},
    optional={
        "scheduler": settings_of(st.sampled_from([*SCHEDULERS, "noop"]), bounded=False),
        "nr_requests": settings_of(st.sampled_from([4, 32, 64, 100, 128, 256, 1023, 2048, 4096])),
        "read_ahead_kb": settings_of(st.sampled_from([0, 3, 4, 18, 128, 4096])),
        "nomerges": settings_of(st.integers(0, 2)),
        "rq_affinity": settings_of(st.integers(0, 2)),
        "wbt_lat_usec": settings_of(st.sampled_from([0, 2000, 5000])),
    },
)


def _add_drive(draw: st.DrawFn, kernel: FakeKernel, name: str) -> None:
    queue, scheduler = f"/sys/block/{name}/queue", draw(st.sampled_from(SCHEDULERS))
    kernel.tags[name] = draw(st.sampled_from([32, 128, 1023]))
    kernel.files |= {
        f"/sys/block/{name}/mq/0/nr_tags": f"{kernel.tags[name]}\n",
        f"{queue}/scheduler": "[none] mq-deadline kyber bfq\n",
        f"{queue}/nr_requests": f"{kernel.tags[name]}\n",
        f"{queue}/read_ahead_kb": f"{draw(st.sampled_from([0, 128, 4096]))}\n",
        f"{queue}/nomerges": f"{draw(st.integers(0, 2))}\n",
        f"{queue}/rq_affinity": f"{draw(st.integers(0, 2))}\n",
        f"{queue}/wbt_lat_usec": "2000\n",
    }
    kernel.untouched_throttling[name] = "2000"
    if draw(st.booleans()):
        kernel.write(f"{queue}/wbt_lat_usec", draw(st.sampled_from(["0", "2000", "75000"])))
    kernel.write(f"{queue}/scheduler", scheduler)
    most = kernel.tags[name] if scheduler == "none" else 2048
    kernel.write(f"{queue}/nr_requests", str(draw(st.integers(4, most))))
    for file in OWN_FILES[scheduler]:
        if draw(st.booleans()):
            kernel.write(f"{queue}/iosched/{file}", str(draw(st.integers(1, 50_000))))


def _path(key: str) -> str:
    return f"/proc/sys/{key.replace('.', '/')}"
