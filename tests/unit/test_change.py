"""What counts as a change."""

import io
from collections.abc import Iterator

import pytest

from tests.unit.members import archive
from tiered.archive import tar
from tiered.archive.fileinfo import FileInfo, FileType
from tiered.archive.sigtar import State, pack_deleted, pack_state, read_states
from tiered.engine.change import Change, Changed, Deleted, New, find_changes
from tiered.engine.scan import Scanned, Unreadable
from tiered.errors import ArchiveDamaged
from tiered.rsync import block_len_for, signature_of

BEFORE_S = 10_000
DIR, REG, LINK, DEV = (
    FileType.DIRECTORY,
    FileType.REGULAR,
    FileType.SYMLINK,
    FileType.CHARDEV,
)


def info(path: bytes, type_: FileType = REG, **fields: object) -> FileInfo:
    given = {"mode": 0o644, "mtime_s": 100, **fields}
    return FileInfo(path=tuple(path.split(b"/")), type=type_, **given)  # type: ignore[arg-type] # fields of FileInfo


def on_disk(each: FileInfo, size: int = 0) -> Scanned:
    return Scanned(each, b"/" + b"/".join(each.path), size)


def signature(size: int) -> bytes:
    return signature_of(bytes(size), block_len_for(size))


def before(*each: FileInfo, size: int = 0) -> Iterator[State]:
    data = b"".join(
        pack_state(i, signature(size) if i.type is REG else b"") for i in each
    )
    return read_states(io.BytesIO(data + tar.trailer(len(data))))


def changes(
    scanned: list[Scanned | Unreadable], states: Iterator[State]
) -> list[Change]:
    return list(find_changes(iter(scanned), states, BEFORE_S))


def compare(old: FileInfo, new: FileInfo, old_size: int = 0, size: int = 0) -> str:
    """The kind of change of one path, as a word."""
    found = changes([on_disk(new, size)], before(old, size=old_size))
    return " ".join(type(c).__name__ for c in found)


def test_nothing_changed() -> None:
    for type_ in set(FileType) - {FileType.HARDLINK}:
        each = info(b"a", type_, linkname=b"x" if type_ is LINK else b"")
        assert compare(each, each) == ""


@pytest.mark.parametrize(
    "change",
    [{"mode": 0o600}, {"uid": 1}, {"gid": 1}, {"mtime_s": 101}, {"mtime_s": 99}],
)
@pytest.mark.parametrize("type_", [REG, DIR, FileType.FIFO])
def test_an_attribute_changed(type_: FileType, change: dict[str, int]) -> None:
    expected = "Changed" if type_ is REG else "New"
    assert compare(info(b"a", type_), info(b"a", type_, **change)) == expected


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"linkname": b"y"}, "New"),
        ({"mtime_s": 5}, "New"),
        ({"uid": 5}, "New"),
        ({"mode": 0}, ""),
    ],
)
def test_a_link_has_a_target_an_owner_and_a_time(
    change: dict[str, object], word: str
) -> None:
    old = info(b"a", LINK, linkname=b"x")
    assert compare(old, info(b"a", LINK, **{"linkname": b"x", **change})) == word


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"devminor": 4}, "New"),
        ({"devmajor": 2}, "New"),
        ({"mode": 0}, "New"),
        ({"mtime_s": 5}, ""),
    ],
)
def test_a_device_is_its_numbers(change: dict[str, object], word: str) -> None:
    old = info(b"a", DEV, devmajor=1, devminor=3)
    new = info(b"a", DEV, **{"devmajor": 1, "devminor": 3, **change})
    assert compare(old, new) == word


def test_names_of_owners_do_not_count() -> None:
    assert compare(info(b"a", uname=b"x"), info(b"a", uname=b"y", gname=b"z")) == ""


@pytest.mark.parametrize("old", [DIR, LINK, FileType.FIFO, DEV])
def test_a_file_that_was_something_else_is_new(old: FileType) -> None:
    assert compare(info(b"a", old), info(b"a")) == "New"
    assert compare(info(b"a"), info(b"a", old)) == "New"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (1000, 1000, ""),
        (1000, 1024, ""),  # as many blocks: only its content could tell
        (1000, 1025, "Changed"),
        (1000, 0, "Changed"),
        (0, 1, "Changed"),
        (0, 0, ""),
        (512, 513, "Changed"),
        (3_000_000, 2_000_000, "Changed"),
    ],
)
def test_another_size_under_the_same_time_is_seen(
    old: int, new: int, word: str
) -> None:
    assert compare(info(b"a"), info(b"a"), old, new) == word


@pytest.mark.parametrize(
    ("mtime_s", "in_doubt"),
    [(BEFORE_S - 1, None), (BEFORE_S, True), (BEFORE_S + 5, True)],
)
def test_what_may_have_changed_in_the_second_of_the_backup_is_in_doubt(
    mtime_s: int, in_doubt: bool | None
) -> None:
    each = info(b"a", mtime_s=mtime_s)
    found = changes([on_disk(each, 700)], before(each, size=700))
    if in_doubt is None:
        assert found == []
    else:
        assert found == [Changed(on_disk(each, 700), signature(700), in_doubt=True)]


def test_a_change_of_attributes_is_in_no_doubt_and_has_the_old_signature() -> None:
    (found,) = changes([on_disk(info(b"a", mode=0), 9)], before(info(b"a"), size=700))
    assert found == Changed(
        on_disk(info(b"a", mode=0), 9), signature(700), in_doubt=False
    )


def test_deletions_come_in_order_and_from_everywhere() -> None:
    old = [
        info(b"a", DIR),
        info(b"a/x"),
        info(b"b"),
        info(b"c"),
        info(b"c.d"),
        info(b"z"),
    ]
    new: list[Scanned | Unreadable] = [on_disk(info(b"b")), on_disk(info(b"c.d"))]
    assert changes(new, before(*old)) == [
        Deleted((b"a",)),
        Deleted((b"a", b"x")),
        Deleted((b"c",)),
        Deleted((b"z",)),
    ]


def test_children_of_a_directory_that_is_a_file_are_deleted_behind_it() -> None:
    old = [info(b"a", DIR), info(b"a/x", DIR), info(b"a/x/y"), info(b"a.b")]
    new: list[Scanned | Unreadable] = [on_disk(info(b"a")), on_disk(info(b"a.b"))]
    assert changes(new, before(*old)) == [
        New(on_disk(info(b"a")), known=True),
        Deleted((b"a", b"x")),
        Deleted((b"a", b"x", b"y")),
    ]


def test_below_what_cannot_be_read_nothing_is_deleted() -> None:
    old = [info(b"a", DIR), info(b"a/x"), info(b"a/x/y"), info(b"a.b"), info(b"b")]
    unreadable = Unreadable((b"a",), "no")
    assert changes([unreadable], before(*old)) == [
        unreadable,
        Deleted((b"a.b",)),
        Deleted((b"b",)),
    ]


def test_without_a_state_everything_is_new() -> None:
    items: list[Scanned | Unreadable] = [on_disk(info(b"a")), on_disk(info(b"b", DIR))]
    assert [type(c) for c in changes(items, iter(()))] == [New, New]


def test_a_broken_signature_is_damage() -> None:
    header = tar.Member(name=b"signature/a", mode=0o644, mtime_s=100, size=5)
    states = read_states(io.BytesIO(archive((header, b"short"))))
    with pytest.raises(ArchiveDamaged):
        changes([on_disk(info(b"a"))], states)


def test_a_deleted_state_is_no_state() -> None:
    """`merge_states` leaves them out; so none is ever compared."""
    (state,) = read_states(io.BytesIO(pack_deleted((b"a",)) + tar.trailer(512)))
    assert state.deleted
