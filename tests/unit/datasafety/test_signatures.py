"""What blkid and wipefs print, whatever it is, becomes signatures or a reason; "nothing" needs both to say so."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.host.datasafety import signatures
from nodeagent.host.datasafety.signatures import probe
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError
from nodeagent.model.occupancy import Reason

EMPTY = (0, b'{"signatures": []}')
NOTHING = (2, b"")

Answers = dict[str, tuple[int, bytes]]
Answer = Callable[[pytest.MonkeyPatch, Answers], None]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], None]:
    """Give the tools these answers: program to exit code and output."""

    def install(answers: Answers) -> None:
        monkeypatch.setattr(signatures, "run", lambda command: completed(command, *answers[command.argv[0]]))

    return install


def completed(command: Command, code: int, output: bytes) -> Completed:
    return Completed(
        command=command, exit_code=code, stdout=output, stderr=b"what it said", started_at=0, duration_seconds=0
    )


def listed(*types: str) -> tuple[int, bytes]:
    entries = [{"device": "x", "offset": "0x438", "type": name, "uuid": "u-1", "label": None} for name in types]
    return 0, json.dumps({"signatures": entries}).encode()


def test_both_say_nothing(answer: Callable[[Answers], None]) -> None:
    answer({"blkid": NOTHING, "wipefs": EMPTY})
    found = probe("/dev/x", shown="/dev/x")
    assert (found.signatures, found.refusals) == ((), ())


def test_an_old_wipefs_prints_nothing_for_nothing(answer: Callable[[Answers], None]) -> None:
    answer({"blkid": NOTHING, "wipefs": (0, b"")})
    assert probe("/dev/x", shown="/dev/x") == signatures.Probe()


def test_what_only_wipefs_knows_counts(answer: Callable[[Answers], None]) -> None:
    answer({"blkid": NOTHING, "wipefs": listed("gpt")})
    [found] = probe("/dev/x", shown="/dev/x").signatures
    assert (found.type, found.offset_bytes, found.uuid) == ("gpt", 0x438, "u-1")


def test_what_only_blkid_knows_counts(answer: Callable[[Answers], None]) -> None:
    answer(
        {"blkid": (0, b"DEVNAME=/dev/x\nLABEL=my\\ ledger\nUUID=u-2\nTYPE=ext4\nUSAGE=filesystem\n"), "wipefs": EMPTY}
    )
    [found] = probe("/dev/x", shown="/dev/x").signatures
    assert (found.type, found.usage, found.label, found.uuid) == ("ext4", "filesystem", "my ledger", "u-2")


def test_two_things_at_once_are_a_reason_and_both_are_listed(answer: Callable[[Answers], None]) -> None:
    answer({"blkid": (8, b""), "wipefs": listed("ext4", "btrfs")})
    found = probe("/dev/x", shown="/dev/x")
    assert [signature.type for signature in found.signatures] == ["ext4", "btrfs"]
    assert [refusal.id for refusal in found.refusals] == [Reason.AMBIVALENT.value]


@pytest.mark.parametrize(
    "answers",
    [
        {"blkid": (4, b""), "wipefs": EMPTY},
        {"blkid": (127, b""), "wipefs": EMPTY},
        {"blkid": NOTHING, "wipefs": (1, b"")},
        {"blkid": NOTHING, "wipefs": (0, b"not json")},
        {"blkid": NOTHING, "wipefs": (0, b'{"signatures": null}')},
        {"blkid": NOTHING, "wipefs": (0, b'{"signatures": [{"type": "ext4"}]}')},
        {"blkid": NOTHING, "wipefs": (0, b'{"signatures": [{"type": "ext4", "offset": "zz"}]}')},
        {"blkid": NOTHING, "wipefs": (0, b"[]")},
        {"blkid": (0, b"TYPE='ext4\n"), "wipefs": EMPTY},
        {"blkid": (0, b"DEVNAME=/dev/x\n"), "wipefs": EMPTY},
    ],
)
def test_anything_else_is_an_unknown(answers: Answers, answer: Callable[[Answers], None]) -> None:
    answer(answers)
    found = probe("/dev/x", shown="/dev/x")
    assert [refusal.id for refusal in found.refusals] == [Reason.CONTENT_UNKNOWN.value]


def test_a_missing_tool_is_an_unknown_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(command: Command) -> Completed:
        raise HostError(f"no {command.argv[0]}", remedy="apt-get install util-linux")

    monkeypatch.setattr(signatures, "run", missing)
    [refusal] = probe("/dev/x", shown="/dev/x").refusals
    assert refusal.id == Reason.CONTENT_UNKNOWN.value
    assert refusal.remedy == "apt-get install util-linux"


def test_the_low_level_probes_are_used_without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Command] = []

    def note(command: Command) -> Completed:
        seen.append(command)
        return completed(command, *(NOTHING if command.argv[0] == "blkid" else EMPTY))

    monkeypatch.setattr(signatures, "run", note)
    probe("/proc/self/fd/7", shown="/dev/x", inherit_fds=(7,))
    assert [command.inherit_fds for command in seen] == [(7,), (7,)]
    assert "-p" in seen[0].argv
    assert "--no-act" in seen[1].argv


@given(
    blkid=st.binary(max_size=300),
    wipefs=st.binary(max_size=300),
    codes=st.tuples(st.integers(0, 255), st.integers(0, 3)),
)
def test_garbage_is_never_nothing_and_never_an_exception(blkid: bytes, wipefs: bytes, codes: tuple[int, int]) -> None:
    answers = {"blkid": (codes[0], blkid), "wipefs": (codes[1], wipefs)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signatures, "run", lambda command: completed(command, *answers[command.argv[0]]))
        found = probe("/dev/x", shown="/dev/x")
    said_nothing = codes == (2, 0) and not wipefs.strip()
    assert found.signatures or found.refusals or said_nothing
