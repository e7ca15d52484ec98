"""The profile that the demo writes is one that loads, and names nothing that is not the demo's own."""

from pathlib import Path
from typing import Any

import pytest

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.demo.ground import ROLES, Drive, Ground
from nodeagent.demo.profile import write_profile
from nodeagent.model.profile import Profile
from nodeagent.profiles import default_search, load_profile
from nodeagent.profiles.targets import load_targets
from nodeagent.tune.tunables import TUNABLES

OWN_SYSCTLS = ("net.ipv4.", "net.core.somaxconn")


def load(tmp_path: Path, ground: Ground) -> Profile:
    path = tmp_path / "demo.yaml"
    path.write_text(write_profile(ground), encoding="utf-8")
    return load_profile(
        path,
        settings_types={tunable.name: tunable.Settings for tunable in TUNABLES},
        search=default_search(),
        benchmarks=[benchmark.name for benchmark in BENCHMARKS],
    )


def drives(base: Path, *, real: bool) -> tuple[Drive, ...]:
    return tuple(
        Drive(
            role=role,
            directory=base / role,
            image=base / f"{role}.img" if real else None,
            loop=1000 + number if real else None,
        )
        for number, role in enumerate(ROLES)
    )


@pytest.mark.parametrize("base", ["/var/lib/nodeagent/demo/a1b2c3", "/srv/a b, c: {d} [e] \"f\" 'g'/0"])
@pytest.mark.parametrize("namespace", ["client", None])
def test_on_its_own_machine_only_its_own_things_are_named(tmp_path: Path, base: str, namespace: str | None) -> None:
    ground = Ground(drives=drives(Path(base), real=True), namespace=namespace, peer="netns:a,b@198.18.0.1")
    profile = load(tmp_path, ground)
    assert set(profile.tune) == {"block-queue", "filesystem", *(["sysctl"] if namespace else [])}
    assert all(name.startswith(OWN_SYSCTLS) for name in profile.tune.get("sysctl", {}))
    selectors: list[Any] = [entry.devices for entry in profile.tune["block-queue"]]
    selectors += [entry.device for entry in profile.tune["filesystem"]]
    assert all(selector.count == 1 and str(base)[:6] in selector.backing_file for selector in selectors)
    assert {place.directory for place in profile.places if place.directory} == {f"{base}/{role}" for role in ROLES}


def test_with_nothing_of_its_own_the_workstation_stays_whole(tmp_path: Path) -> None:
    profile = load(tmp_path, Ground(drives=drives(tmp_path, real=False)))
    assert "net.core.rmem_max" in profile.tune["sysctl"]
    assert "filesystem" not in profile.tune


def test_what_it_measures_has_targets_in_its_stage(tmp_path: Path) -> None:
    profile = load(tmp_path, Ground(drives=drives(tmp_path, real=False)))
    metrics = {metric.name: metric for benchmark in BENCHMARKS for metric in benchmark.metrics}
    targets = {
        (target.metric, target.role) for target in load_targets("local", search=default_search(), metrics=metrics)
    }
    measured = {
        (metric.name, setting.place)
        for setting in profile.benchmarks
        for benchmark in BENCHMARKS
        if benchmark.name == setting.benchmark
        for metric in benchmark.metrics
        if metric.gate
    }
    assert len(measured) >= 5
    assert measured <= targets
