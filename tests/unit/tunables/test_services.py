"""Units, limits, swap and time daemons keep the promises of every plan, whatever the machine and the profile say."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.host.changes import observe
from nodeagent.model.change import Change
from nodeagent.model.facts import HostFacts
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.verdict import State
from nodeagent.tune.conflicts import find_conflicts
from nodeagent.tune.services.conflicting_units import CONTENDERS
from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.tunables import TUNABLES
from nodeagent.tune.tunables.conflicting_services import CONFLICTING_SERVICES, faults
from nodeagent.tune.tunables.limits import LIMITS, UnitLimits
from nodeagent.tune.tunables.swap import SWAP, SwapSettings
from nodeagent.tune.tunables.time_sync import TIME_SYNC, TimeSettings
from tests.unit.tunables.fake_systemd import FakeSystemd

_INSTALL = ("", "WantedBy=multi-user.target", "WantedBy=a.target b.target\nAlias=alias-{}", "Also=other.service")


@contextmanager
def _systemd() -> Iterator[FakeSystemd]:
    with tempfile.TemporaryDirectory() as place:
        yield FakeSystemd.make(Path(place) / "host")


@st.composite
def _units(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What there is of each unit, and in which state."""
    kinds = st.fixed_dictionaries(
        {
            "install": st.sampled_from(_INSTALL),
            "enabled": st.booleans(),
            "odd": st.booleans(),
            "active": st.booleans(),
            "masked": st.booleans(),
            "in_etc": st.booleans(),
        }
    )
    return {name: draw(kinds) for name in draw(st.lists(st.sampled_from(names), unique=True))}


def _build(fake: FakeSystemd, units: dict[str, dict[str, Any]]) -> None:
    for name, unit in units.items():
        place = "/etc" if unit["in_etc"] and not unit["masked"] else "/usr/lib"
        install = unit["install"].format(name)
        fake.tree.file(f"{place}/systemd/system/{name}", f"[Service]\nExecStart=/bin/x\n[Install]\n{install}")
        if unit["enabled"]:
            fake.systemctl("enable", name)
        if unit["odd"]:
            fake.link(f"rescue.target.wants/{name}", f"{place}/systemd/system/{name}")
        if unit["masked"]:
            fake.systemctl("mask", name)
        if unit["active"]:
            fake.start(name)


def _check(fake: FakeSystemd, tunable: AnyTunable, wanted: Any) -> tuple[Change, ...]:
    """Applied it is done, undone it never was; what it says is what it does."""
    before, facts = fake.files(), fake.host.facts()
    steps = _plan(tunable, fake.host, wanted, facts)
    assert find_conflicts(steps) == ()
    assert fake.files() == before
    for step in steps:
        assert observe(fake.host, step).state == step.before_state()
        fake.perform(step)
        assert observe(fake.host, step).state == step.after_state()
    assert _plan(tunable, fake.host, wanted, facts) == ()
    ours = {step.key for step in steps}
    for finding in tunable.judge(tunable.observe(fake.host, wanted, facts), wanted, facts).findings:
        assert finding.subject not in ours or finding.state is not State.DRIFT
        assert (finding.remedy == "") is (finding.state is State.OK)
    for step in reversed(steps):
        back = step.inverse()
        assert back is not None
        fake.perform(back)
        assert observe(fake.host, step).state == step.before_state()
    assert fake.files() == before
    return steps


def _plan(tunable: AnyTunable, host: Host, wanted: Any, facts: HostFacts) -> tuple[Change, ...]:
    items = tunable.plan(tunable.observe(host, wanted, facts), wanted, facts)
    steps = tuple(item for item in items if isinstance(item, Change))
    assert len(steps) == len(items)
    return steps


_SERVICES = ("irqbalance.service", "tlp.service", "x.service")


@settings(max_examples=40, deadline=None)
@given(
    units=_units(_SERVICES),
    wanted=st.dictionaries(st.sampled_from(_SERVICES), st.sampled_from(["stopped", "disabled", "masked"])),
)
def test_units_come_back_as_they_were(units: dict[str, dict[str, Any]], wanted: dict[str, str]) -> None:
    with _systemd() as fake:
        _build(fake, units)
        _check(fake, CONFLICTING_SERVICES, {name: Setting(value=degree) for name, degree in wanted.items()})


_TIME = ("chrony.service", "systemd-timesyncd.service", "ntpsec.service")


@settings(max_examples=40, deadline=None)
@given(units=_units(_TIME), daemon=st.sampled_from(["chrony", "systemd-timesyncd", "ntpsec", "openntpd", "any"]))
def test_one_daemon_keeps_the_clock_and_the_others_come_back(units: dict[str, dict[str, Any]], daemon: str) -> None:
    with _systemd() as fake:
        _build(fake, units)
        _check(fake, TIME_SYNC, TimeSettings(daemon=Setting(value=daemon)))


_NUMBERS = st.sampled_from([64, 1024, 65_536, 1_000_000])


@settings(max_examples=40, deadline=None)
@given(
    unit=st.none() | st.sampled_from(["", "LimitNOFILE=1024:524288", "LimitNOFILE=infinity\nLimitMEMLOCK=64M"]),
    drop_ins=st.dictionaries(
        st.sampled_from(["10-a.conf", "50-nodeagent-limits.conf", "90-z.conf"]),
        st.sampled_from(["LimitNOFILE=", "LimitNOFILE=65536", "LimitMEMLOCK=8M", "LimitNOFILE=1000000"]),
    ),
    nofile=st.builds(Setting, value=_NUMBERS, bound=st.sampled_from([Bound.EXACTLY, Bound.AT_LEAST])),
    memlock=st.none() | st.builds(Setting, value=st.just(2_000_000_000), bound=st.just(Bound.AT_LEAST)),
)
def test_a_drop_in_gives_what_the_other_files_do_not(
    unit: str | None, drop_ins: dict[str, str], nofile: Setting[int], memlock: Setting[int] | None
) -> None:
    with _systemd() as fake:
        if unit is not None:
            fake.tree.file("/etc/systemd/system/sol.service", f"[Service]\n{unit}")
        for name, line in drop_ins.items():
            fake.tree.file(f"/etc/systemd/system/sol.service.d/{name}", f"[Service]\n{line}")
        _check(fake, LIMITS, {"sol.service": UnitLimits(nofile=nofile, memlock_bytes=memlock)})


@settings(max_examples=40, deadline=None)
@given(
    chosen=st.dictionaries(st.sampled_from(["/a", "/b"]), st.integers(0, 9)),
    own=st.lists(st.sampled_from(["/c", "/d", "/e"]), unique=True),
    units=st.lists(st.sampled_from(["a.swap", "c.swap"]), unique=True),
)
def test_swap_areas_come_back_with_their_priorities(chosen: dict[str, int], own: list[str], units: list[str]) -> None:
    with _systemd() as fake:
        rows = [*chosen.items(), *((path, -2 - place) for place, path in enumerate(own))]
        for path, _ in rows:
            fake.tree.file(path, "")
        for name in units:
            fake.tree.file(f"/run/systemd/generator/{name}", f"[Swap]\nWhat=/{name[0]}")
            fake.tree.link(f"/run/systemd/generator/swap.target.requires/{name}", f"/run/systemd/generator/{name}")
        fake.write_swaps(sorted(rows))
        steps = _check(fake, SWAP, SwapSettings(in_use=Setting(value="off"), at_boot=Setting(value="off")))
        assert len(steps) == len(rows) + len(units)


def test_units_without_which_nothing_works_cannot_be_named() -> None:
    for name in (
        *("ssh.service", "sshd.socket", "dbus.service", "systemd-logind.service", "NetworkManager.service"),
        *("getty@tty1.service", "networking.service", "nodeagent-apply.service", "chrony.service", "multi-user.target"),
        *("irqbalance", "ssh@.service", "../x.service", "a b.service"),
    ):
        assert [fault.path for fault in faults({name: Setting(value="masked")})] == [(name,)], name


def test_every_row_of_the_table_can_be_named_and_means_tunables_that_exist() -> None:
    names = {tunable.name for tunable in TUNABLES} | {"cpu-isolation"}
    for row in CONTENDERS:
        assert list(faults({row.unit: Setting(value="masked")})) == []
        assert set(row.over) <= names
    assert len({row.unit for row in CONTENDERS}) == len(CONTENDERS)
