"""fstab is the administrator's: what is added or changed is one line, and nothing else moves."""

from hypothesis import given
from hypothesis import strategies as st

from nodeagent.tune.filesystems import fstab

UUID = "0b5e55ed-0000-4000-8000-000000000001"
names = st.text(st.sampled_from("abcXYZ019._-:%#\\ \t"), min_size=1, max_size=8)
mount_points = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
fields = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12)
lines = st.lists(fields, max_size=7).map(" ".join)
tables = st.lists(lines, max_size=8).map("\n".join)
options = st.lists(
    st.sampled_from(["noatime", "relatime", "nofail", "commit=30", "discard", "x-systemd.device-timeout=30s"]),
    unique=True,
    min_size=1,
    max_size=4,
)


def add(text: str, mount_point: str, wanted: list[str]) -> str:
    return fstab.with_line(
        text, uuid=UUID, mount_point=mount_point, fstype="ext4", options=wanted, note="a line of a test"
    )


@given(tables, mount_points, options)
def test_a_line_that_is_added_is_found_again_and_all_before_it_stays(
    text: str, mount_point: str, wanted: list[str]
) -> None:
    after = add(text, mount_point, wanted)
    assert after.startswith(text)
    line = fstab.lines_of(after, mount_point)[-1]
    assert (line.uuid, line.fstype, list(line.options)) == (UUID, "ext4", wanted)
    assert fstab.lines_of(text, mount_point) == fstab.lines_of(after, mount_point)[:-1]


@given(tables, mount_points, options, options, lines)
def test_new_options_change_their_own_field_and_no_other_byte(
    text: str, mount_point: str, old: list[str], new: list[str], tail: str
) -> None:
    before = add(text, mount_point, old) + tail
    index = len(fstab.lines_of(text, mount_point))
    line = fstab.lines_of(before, mount_point)[index]
    after = fstab.with_options(before, line, new)
    changed = fstab.lines_of(after, mount_point)[index]
    assert after[: line.start] == before[: line.start]
    assert after[changed.end :] == before[line.end :]
    assert set(changed.options) >= set(new)
    assert fstab.with_options(after, changed, changed.options) == after


@given(tables)
def test_any_text_is_read_without_an_error(text: str) -> None:
    for line in fstab.lines_of(text, "/"):
        assert text[line.start : line.end] == ",".join(line.options)


def test_what_getmntent_writes_in_octal_is_read_and_written_so() -> None:
    after = add("", "/mnt/a b\\c", ["noatime"])
    assert r" /mnt/a\040b\134c ext4 " in after
    assert [line.target for line in fstab.lines_of(after, "/mnt/a b\\c")] == ["/mnt/a b\\c"]


def test_a_line_without_options_gets_some() -> None:
    [line] = fstab.lines_of("UUID=x /mnt ext4", "/mnt")
    assert fstab.with_options("UUID=x /mnt ext4", line, ["nofail"]) == "UUID=x /mnt ext4 nofail"


def test_comments_and_lines_for_other_places_are_none_of_ours() -> None:
    text = "#UUID=x /mnt ext4 defaults 0 0\nUUID=x /mnt/other ext4 defaults\n  UUID=y  /mnt/ xfs noauto\n"
    [line] = fstab.lines_of(text, "/mnt")
    assert (line.source, line.at_boot) == ("UUID=y", False)


def test_a_uuid_may_be_written_in_three_ways() -> None:
    for source in (f"UUID={UUID}", f'UUID="{UUID.upper()}"', f"/dev/disk/by-uuid/{UUID}"):
        assert fstab.source_uuid(source) == UUID
    assert fstab.source_uuid("LABEL=ledger") == ""
