"""`nodeagent host topology` as text, JSON and SVG, and what `tune explain` says of the map."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nodeagent.cli.host_topology import text_lines
from nodeagent.cli.main import main
from nodeagent.cli.output import Terminal
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import ExitCode
from nodeagent.model.facts import HostFacts, NumaNode
from nodeagent.model.placement import CpuRole
from nodeagent.report.topology import Topology, make_topology
from nodeagent.report.topology_svg import LETTERS, render
from nodeagent.tune.placement.planner import plan_placement
from tests.fixtures.captured import CAPTURED, captured_host
from tests.fixtures.generate_host import Port
from tests.fixtures.machines import epyc, largest
from tests.unit.placement.sections import VALIDATOR

_SVG = "{http://www.w3.org/2000/svg}"
_HOSTILE = "</text><script>alert(1)</script>&\"'\x00\x1b[31m\ud800<!--"
_PROFILE = """\
schema: 1
summary: a validator
placement: {nic: {driver: mlx5_core}, housekeeping: 2, interrupts: 2}
tune:
  irq-affinity: {}
  sysctl: {vm.swappiness: 10}
"""


def _placed(facts: HostFacts) -> Topology:
    return make_topology(replace(facts, placement=plan_placement(facts, VALIDATOR)), profile="validator")


def _text(topology: Topology) -> str:
    return "\n".join(text_lines(topology, Terminal(), width=80))


def test_the_largest_server_fits_on_a_page_of_eighty_columns() -> None:
    lines = _text(_placed(largest())).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 80
    assert "    caches 2-10, 32 MiB each" in lines
    assert "      validator     16-87,208-279" in lines
    assert "    port ens0 0000:10:00.0 mlx5_core, 16 VFs" in lines


def test_long_lists_are_broken_behind_their_commas() -> None:
    facts = epyc("9654", ports=(Port(name="eth0"),))
    sparse = CpuSet.of(range(0, 192, 3))
    kept = tuple(replace(core, threads=core.threads & sparse) for core in facts.cpus.core_list)
    facts = replace(facts, cpus=replace(facts.cpus, online=sparse, core_list=kept, l3_domains=()))
    lines = _text(_placed(facts)).splitlines()
    assert max(map(len, lines)) <= 80
    listed = " ".join(lines[: lines.index("Why")])
    assert "no cache known" in listed
    assert {int(number) for number in re.findall(r"\b\d+\b", listed)} >= set(sparse)


def test_devices_stand_at_their_node_and_others_apart() -> None:
    facts = epyc("9654", sockets=2, nvme=2, ports=(Port(name="near", node=1), Port(name="lost", node=-1)))
    far = NumaNode(id=5, cpus=CpuSet(), memory_bytes=2**36, distances={})
    topology = _placed(replace(facts, numa_nodes=(*facts.numa_nodes, far)))
    assert [(package.id, [node.id for node in package.nodes]) for package in topology.packages] == [
        (0, [0]),
        (1, [1]),
        (None, [5]),
    ]
    assert [device.name for device in topology.packages[1].nodes[0].devices] == ["near", "nvme1n1"]
    assert [device.name for device in topology.elsewhere] == ["lost"]
    assert "devices whose node the firmware doesn't tell" in _text(topology)


def test_every_cpu_is_drawn_once_with_its_role() -> None:
    facts = largest()
    topology = _placed(facts)
    threads = [
        thread
        for package in topology.packages
        for node in package.nodes
        for cache in node.caches
        for core in cache.cores
        for thread in core.threads
    ]
    assert sorted(thread.cpu for thread in threads) == list(facts.cpus.online)
    assert topology.placement is not None
    assert all(thread.role and thread.cpu in topology.placement.cpus(thread.role) for thread in threads)


def test_the_drawing_is_one_harmless_file_whatever_a_host_calls_its_parts() -> None:
    facts = epyc("7302P", ports=(Port(name=_HOSTILE, driver=_HOSTILE),), nvme=1)
    facts = replace(facts, cpus=replace(facts.cpus, model=_HOSTILE))
    svg = render(replace(_placed(facts), hostname=_HOSTILE, profile=_HOSTILE))
    root = ElementTree.fromstring(svg)
    assert {element.tag.removeprefix(_SVG) for element in root.iter()} == {"svg", "title", "style", "g", "rect", "text"}
    assert not re.search(r"href|url\(|@import|https?://(?!www\.w3\.org/2000/svg)|\son\w+=", svg.replace(_HOSTILE, ""))
    assert "alert(1)" in "".join(root.itertext())
    assert not re.search("[\x00-\x08\x1b\ud800]", svg)


def test_roles_are_told_by_name_and_letter_and_not_by_colour_alone() -> None:
    root = ElementTree.fromstring(render(_placed(largest())))
    texts = [element.text or "" for element in root.iter(f"{_SVG}text")]
    for role, letter in LETTERS.items():
        assert any(text.startswith(f"{role} ") for text in texts), "in the legend"
        assert any(text.startswith("cache ") and role in text for text in texts), "beside a cache"
        assert letter in texts
    cells = [element for element in root.iter(f"{_SVG}rect") if element.get("class", "").startswith("cell ")]
    assert len(cells) == 384


def test_no_panel_covers_another_at_any_width() -> None:
    svg = render(_placed(largest()))
    heights = [int(found) for found in re.findall(r'class="box" width="340" height="(\d+)"', svg)]
    whole = [int(found) for found in re.findall(r"svg \{ width: \d+px; height: (\d+)px", svg)]
    places = re.findall(r"#p\d+ \{ transform: translate\((\d+)px, (\d+)px\)", svg)
    panels = len(heights)
    assert len(places) == 3 * panels
    for at in range(3):
        boxes = [(int(x), int(y), height) for (x, y), height in zip(places[at * panels :], heights, strict=False)]
        for column in {x for x, _, _ in boxes}:
            mine = sorted((y, height) for x, y, height in boxes if x == column)
            assert all(y + height < below for (y, height), (below, _) in pairwise(mine))
        if at:
            assert max(y + height for _, y, height in boxes) < whole[at - 1]


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_every_text_has_contrast_in_light_and_dark() -> None:
    """At least 4.5 to 1, as WCAG 2.1 asks of small text."""
    svg = render(_placed(epyc("7302P", ports=(Port(name="eth0"),))))
    schemes = [dict(re.findall(r"--(\w+): (#\w{6})", line)) for line in re.findall(r"svg \{ (--paper.*)", svg)]
    assert len(schemes) == 2
    fixed = re.findall(r"\.(?:housekeeping|interrupts|poh|xdp) \{ fill: (#\w{6})", svg)
    assert len(fixed) == 4
    for scheme in schemes:
        for fill in (*fixed, scheme["idle"], scheme["rest"]):
            assert _contrast("#111111", fill) >= 4.5, fill
        for ink in (scheme["ink"], scheme["soft"]):
            assert _contrast(ink, scheme["card"]) >= 4.5, ink


@pytest.mark.parametrize("name", CAPTURED)
def test_every_captured_machine_can_be_drawn(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = tmp_path / "own.yaml"
    profile.write_text(_PROFILE)
    root = str(captured_host(name, tmp_path).root)

    def drawn(*options: str) -> str:
        assert main(["host", "topology", "--root", root, *options]) == ExitCode.OK
        return capsys.readouterr().out

    for options in ([], ["--profile", str(profile)]):
        assert max(map(len, drawn(*options).splitlines())) <= 80
        document = json.loads(drawn("--output", "json", *options))
        assert document["kind"] == "host.topology"
        assert (document["placement"] is None) is (options == [])
        ElementTree.fromstring(drawn("--output", "svg", *options))


def test_the_ending_of_the_file_says_the_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(captured_host("epyc-7302p-nps4", tmp_path).root)
    for name, begin in (("t.svg", "<svg "), ("t.json", "{"), ("t.txt", "host-1: AMD EPYC 7302P")):
        assert main(["host", "topology", "--root", root, "--out", str(tmp_path / name)]) == ExitCode.OK
        assert (tmp_path / name).read_text().startswith(begin)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "wrote" in captured.err


def test_a_tree_that_is_no_machine_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["host", "topology", "--root", str(tmp_path)]) == ExitCode.ERROR
    assert "can't be read" in capsys.readouterr().err


def test_a_profile_without_the_section_says_that_nobody_is_placed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "own.yaml"
    profile.write_text("schema: 1\nsummary: none\n")
    root = str(captured_host("vm", tmp_path).root)
    assert main(["host", "topology", "--root", root, "--profile", str(profile)]) == ExitCode.OK
    assert "has no section `placement`" in capsys.readouterr().out


def test_explain_tells_the_part_of_the_map_that_a_tunable_looks_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "own.yaml"
    profile.write_text(_PROFILE)
    command = ["tune", "explain", "irq-affinity", "--root", str(captured_host("epyc-7302p-nps1", tmp_path).root)]
    command += ["--profile", str(profile)]
    assert main(command) == ExitCode.OK
    out = " ".join(capsys.readouterr().out.split())
    for told in (
        "Placement of the profile home: node 0, to which enp65s0f0 and enp65s0f1 are attached",
        "interrupts: CPUs 2-3,18-19 on node 0; near the ports",
        "ports enp65s0f0, enp65s0f1: CPUs 2-3,18-19 in 2 queues",
        "drives nvme0n1, nvme1n1, nvme2n1: CPUs 2-3,18-19; the kernel spreads its queues",
    ):
        assert told in out
    assert main([*command, "--output", "json"]) == ExitCode.OK
    placement = json.loads(capsys.readouterr().out)["placement"]
    assert placement["roles"]["interrupts"] == "2-3,18-19"
    assert placement["devices"][0]["interrupt_order"] == [2, 3, 18, 19]


def test_explain_tells_no_map_to_a_tunable_that_looks_at_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "own.yaml"
    profile.write_text(_PROFILE)
    assert main(["tune", "explain", "sysctl", "--profile", str(profile)]) == ExitCode.OK
    assert "Placement of the profile" not in capsys.readouterr().out


def test_host_show_prints_no_placement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["host", "show", "--root", str(captured_host("vm", tmp_path).root), "--output", "json"]) == ExitCode.OK
    assert "placement" not in json.loads(capsys.readouterr().out)


def test_letters_are_given_to_every_role() -> None:
    assert set(LETTERS) == set(CpuRole)
    assert len(set(LETTERS.values())) == len(LETTERS)


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_what_a_machine_cannot_give_is_noted_with_every_plan(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "own.yaml"
    profile.write_text("schema: 1\nsummary: much\nplacement: {interrupts: 4}\ntune:\n  sysctl: {vm.swappiness: 10}\n")
    root = str(captured_host("vm", tmp_path).root)
    main(["tune", command, "--profile", str(profile), "--root", root, "--output", "json"])
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert any(note.startswith("placement: interrupts: 4 cores asked for, 1 given") for note in notes)
