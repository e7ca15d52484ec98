"""An array's UUID belongs to its drives, and only drives that are all blank, or all its own, are good for it."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.model.array_change import (
    MEMBER_TYPE,
    MakeArray,
    MembersState,
    array_identity,
    array_uuid,
    colon_uuid,
    is_array,
    members_state,
)
from nodeagent.model.change import DeviceIdentity, Lifetime
from nodeagent.model.occupancy import Occupancy, Reason, Refusal, Signature

OURS = "8ad166e7-e812-51bc-a0c3-78737f849734"
words = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=8)
drives = st.builds(DeviceIdentity, serial=words, wwn=words, backing_file=words, size_bytes=st.integers(0, 2**60))
several = st.lists(drives, min_size=2, max_size=4)
KINDS = {
    "blank": Occupancy(identity=DeviceIdentity(), major_minor="1:1", blank=True),
    "ours": Occupancy(
        identity=DeviceIdentity(),
        major_minor="1:1",
        blank=False,
        signatures=(Signature(type=MEMBER_TYPE, uuid=OURS),),
        refusals=(Refusal(id=Reason.SIGNATURE.value, reason="a member"),),
    ),
}
KINDS["held"] = replace(KINDS["ours"], refusals=(Refusal(id=Reason.HELD.value, reason="part of md127"),))
KINDS["others"] = replace(KINDS["ours"], signatures=(Signature(type=MEMBER_TYPE, uuid=OURS[::-1]),))
KINDS["both"] = replace(KINDS["ours"], signatures=(*KINDS["ours"].signatures, Signature(type="ext4")))
KINDS["unread"] = replace(KINDS["blank"], blank=None)
KINDS["used"] = replace(KINDS["blank"], refusals=(Refusal(id=Reason.OPEN.value, reason="open"),))


@given(members=several, data=st.data())
@settings(max_examples=100, deadline=None)
def test_the_uuid_is_that_of_the_drives_in_whatever_order(members: list[DeviceIdentity], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(members))
    renamed = [replace(member, name=f"nvme{at}n1", model="m") for at, member in enumerate(shuffled)]
    assert array_uuid(members, chunk_bytes=4096) == array_uuid(renamed, chunk_bytes=4096)


@given(members=several, chunk=st.integers(3, 17), data=st.data())
@settings(max_examples=100, deadline=None)
def test_other_drives_or_another_chunk_have_another_uuid(
    members: list[DeviceIdentity], chunk: int, data: st.DataObject
) -> None:
    uuid = array_uuid(members, chunk_bytes=512 << chunk)
    at = data.draw(st.integers(0, len(members) - 1))
    for other in (
        replace(members[at], serial=members[at].serial + "x"),
        replace(members[at], size_bytes=members[at].size_bytes + 512),
    ):
        assert array_uuid([*members[:at], other, *members[at + 1 :]], chunk_bytes=512 << chunk) != uuid
    assert array_uuid(members, chunk_bytes=1024 << chunk) != uuid
    assert array_uuid(members[1:], chunk_bytes=512 << chunk) != uuid


@given(kinds=st.lists(st.sampled_from(sorted(KINDS)), max_size=4))
@settings(max_examples=300, deadline=None)
def test_only_drives_that_are_all_blank_are_blank_together(kinds: list[str]) -> None:
    state = members_state([KINDS[kind] for kind in kinds], uuid=OURS)
    match set(kinds):
        case found if found == {"blank"}:
            assert state is MembersState.BLANK
        case found if found == {"ours"}:
            assert state is MembersState.STOPPED
        case found if found == {"blank", "ours"}:
            assert state is MembersState.UNFINISHED
        case _:
            assert state is MembersState.TAKEN


def test_the_command_creates_or_starts_and_never_forces() -> None:
    made = MakeArray(
        key="k",
        tunable="t",
        members=(DeviceIdentity(serial="A", name="nvme1n1"), DeviceIdentity(serial="B", name="nvme0n1")),
        uuid=OURS,
        name="mnt-ledger",
        chunk_bytes=65536,
    )
    assert made.command() == (
        "mdadm --create /dev/md/mnt-ledger --level=0 --raid-devices=2 --metadata=1.2 --chunk=64 "
        "--uuid=8ad166e7:e81251bc:a0c37873:7f849734 --name=mnt-ledger --homehost=any /dev/nvme1n1 /dev/nvme0n1"
    )
    started = replace(made, before=MembersState.STOPPED)
    assert started.command() == (
        "mdadm --assemble /dev/md/mnt-ledger --uuid=8ad166e7:e81251bc:a0c37873:7f849734 /dev/nvme1n1 /dev/nvme0n1"
    )
    assert started.after_state() == made.after_state()
    assert made.lifetime is Lifetime.IRREVERSIBLE
    assert not {"--run", "--force", "--assume-clean"} & set(made.arguments())


def test_an_array_is_told_from_a_drive_by_its_identity() -> None:
    found = array_identity(OURS, name="md/mnt-ledger", size_bytes=1)
    assert is_array(found)
    assert found.wwn == f"md-uuid-{colon_uuid(OURS)}"
    assert not is_array(DeviceIdentity(wwn="eui.00"))
