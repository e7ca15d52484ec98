"""Facts read one by one are those that are read at once, and what nobody asks for is not read."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.facts_on_demand import FactsOnDemand
from nodeagent.model.facts import HostFacts
from nodeagent.model.reading import Reading
from tests.fixtures.odd_hosts import write_laptop, write_odd, write_vm


@pytest.mark.parametrize("write", [write_odd, write_laptop, write_vm])
def test_every_part_is_the_same_but_for_the_knobs_of_drives(tmp_path: Path, write: Callable[[Path], Host]) -> None:
    host = write(tmp_path)
    wanted = host.facts()
    wanted = replace(wanted, block_devices=tuple(replace(device, queue={}) for device in wanted.block_devices))
    facts = host.facts_on_demand()
    for field in fields(HostFacts):
        if field.name != "problems":  # of the parts that were asked for, in the order they were
            assert getattr(facts, field.name) == getattr(wanted, field.name), field.name
    assert sorted(facts.problems) == sorted(wanted.problems)


def test_what_is_not_asked_for_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = write_vm(tmp_path)
    facts = FactsOnDemand(host)
    asked: list[str] = []
    read = Host.read

    def noted(self: Host, path: str) -> Reading:
        asked.append(path)
        return read(self, path)

    monkeypatch.setattr(Host, "read", noted)
    assert facts.kernel.page_bytes == 4096
    assert asked
    assert not [path for path in asked if path.startswith(("/sys/devices", "/sys/block", "/sys/class"))]
    asked.clear()
    assert facts.kernel.release
    assert asked == []
