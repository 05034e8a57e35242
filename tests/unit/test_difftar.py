"""Volumes: members become entries, pieces become files, nonsense is refused."""

import io

import pytest

from tests.unit.members import Part, archive, folder, part, stream
from tiered.archive import tar
from tiered.archive.difftar import Change, Entry, member_prefix, read_entries
from tiered.archive.fileinfo import FileType
from tiered.errors import ArchiveDamaged

SNAPSHOT, DIFF, DELETED = Change.SNAPSHOT, Change.DIFF, Change.DELETED


def content(entry: Entry) -> bytes:
    data = b""
    while more := entry.body.read(7):
        data += more
    return data


def entries(*volumes: bytes) -> list[tuple[Change, bytes, bytes]]:
    return [
        (e.change, b"/".join(e.info.path), content(e))
        for e in read_entries(stream(*volumes))
    ]


def test_every_kind_of_member() -> None:
    volume = archive(
        folder(b"snapshot/./"),
        part(b"snapshot/a", b"whole"),
        part(b"diff/b", b"delta"),
        part(b"deleted/c"),
        part(b"multivol_snapshot/d/1", b"first"),
        part(b"multivol_snapshot/d/2", b""),
        part(b"multivol_diff/e/1", b"only"),
    )
    assert entries(volume) == [
        (SNAPSHOT, b"", b""),
        (SNAPSHOT, b"a", b"whole"),
        (DIFF, b"b", b"delta"),
        (DELETED, b"c", b""),
        (SNAPSHOT, b"d", b"first"),
        (DIFF, b"e", b"only"),
    ]


@pytest.mark.parametrize("root", [b"snapshot/./", b"snapshot/", b"snapshot/."])
def test_the_root_in_all_its_spellings(root: bytes) -> None:
    (entry,) = read_entries(stream(archive(folder(root))))
    assert entry.info.path == ()


def pieces(*numbers: int) -> list[Part]:
    return [part(b"multivol_snapshot/f/%d" % n, b"<%d>" % n) for n in numbers]


@pytest.mark.parametrize("cut", range(5))
def test_a_file_goes_on_in_the_next_volume(cut: int) -> None:
    parts = pieces(1, 2, 3, 4)
    volumes = archive(*parts[:cut]), archive(*parts[cut:], part(b"snapshot/g", b"G"))
    assert entries(*volumes) == [
        (SNAPSHOT, b"f", b"<1><2><3><4>"),
        (SNAPSHOT, b"g", b"G"),
    ]


def test_a_file_over_many_volumes_with_nothing_else_in_them() -> None:
    volumes = [archive(p) for p in pieces(*range(1, 12))]
    ((_, path, data),) = entries(*volumes)
    assert path == b"f"
    assert data == b"".join(b"<%d>" % n for n in range(1, 12))


def test_an_entry_that_is_not_read_is_skipped_with_all_its_pieces() -> None:
    volumes = archive(*pieces(1, 2)), archive(*pieces(3), part(b"snapshot/g", b"G"))
    found = [e.info.path for e in read_entries(stream(*volumes))]
    assert found == [(b"f",), (b"g",)]


def test_a_directory_in_a_volume_does_not_end_the_name_of_a_file() -> None:
    """`f/1` is a file in `f`, and `multivol_snapshot/f/1` a piece of `f`."""
    volume = archive(
        folder(b"snapshot/f/"), part(b"snapshot/f/1", b"x"), *pieces_of(b"f/2")
    )
    assert entries(volume) == [
        (SNAPSHOT, b"f", b""),
        (SNAPSHOT, b"f/1", b"x"),
        (SNAPSHOT, b"f/2", b"ab"),
    ]


def pieces_of(path: bytes) -> list[Part]:
    return [
        part(b"multivol_snapshot/%b/1" % path, b"a"),
        part(b"multivol_snapshot/%b/2" % path, b"b"),
    ]


@pytest.mark.parametrize("numbers", [(1, 3), (1, 2, 4), (2, 1), (1, 1), (1, 0)])
def test_a_missing_piece_is_damage(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ArchiveDamaged, match="piece"):
        entries(*(archive(p) for p in pieces(*numbers)))


def test_a_missing_piece_is_damage_also_if_the_file_is_skipped() -> None:
    with pytest.raises(ArchiveDamaged, match="piece 3 after piece 1"):
        list(read_entries(stream(archive(*pieces(1, 3)))))


def test_an_entry_that_begins_in_the_middle_says_so() -> None:
    (entry,) = read_entries(stream(archive(*pieces(4, 5))))
    assert entry.first_piece == 4


def test_a_snapshot_and_a_delta_are_not_joined() -> None:
    parts = [*pieces(1), part(b"multivol_diff/f/2", b"delta")]
    with pytest.raises(ArchiveDamaged):
        entries(archive(*parts))


@pytest.mark.parametrize(
    "names",
    [
        (b"snapshot/b", b"snapshot/a"),
        (b"snapshot/a", b"snapshot/a"),
        (b"snapshot/a", b"deleted/a"),
        (b"snapshot/a.txt", b"snapshot/a/b"),  # text order, not path order
        (b"snapshot/a", b"snapshot/./"),
    ],
)
def test_entries_out_of_order_are_damage(names: tuple[bytes, bytes]) -> None:
    with pytest.raises(ArchiveDamaged, match="after"):
        entries(archive(*(part(n) for n in names)))


def test_path_order_is_right() -> None:
    names = (b"snapshot/a", b"snapshot/a/b", b"snapshot/a.txt")
    assert len(entries(archive(*(part(n) for n in names)))) == 3


@pytest.mark.parametrize(
    "name",
    [
        b"snapshot/../etc/passwd",
        b"snapshot/a/../../b",
        b"deleted/..",
        b"multivol_snapshot/../f/1",
        b"diff/a/..",
    ],
)
def test_a_path_out_of_the_archive_is_damage(name: bytes) -> None:
    with pytest.raises(ArchiveDamaged, match=r"\.\."):
        entries(archive(part(name)))


def test_an_absolute_path_is_a_path_below_the_root() -> None:
    (entry,) = read_entries(stream(archive(part(b"snapshot//etc//passwd"))))
    assert entry.info.path == (b"etc", b"passwd")


@pytest.mark.parametrize(
    "name",
    [
        b"a",
        b"snapshot",
        b"signature/a",
        b"snapshots/a",
        b"multivol_a/1",
        b"multivol_snapshot/a",
        b"multivol_snapshot/a/x",
        b"multivol_snapshot/a/",
        b"\xff\xff/a",
    ],
)
def test_a_member_of_no_known_kind_is_damage(name: bytes) -> None:
    with pytest.raises(ArchiveDamaged):
        entries(archive(part(name)))


@pytest.mark.parametrize("kind", [b"1", b"7", b"S", b"D", b"M", b"V"])
def test_a_hard_link_and_other_types_are_refused(kind: bytes) -> None:
    member = part(b"snapshot/a", type=kind, linkname=b"snapshot/b")
    with pytest.raises(ArchiveDamaged, match="type"):
        entries(archive(member))


def test_attributes() -> None:
    volume = archive(
        part(
            b"snapshot/dev",
            type=tar.BLOCKDEV,
            mode=0o4660,
            uid=7,
            gid=2**31,
            mtime_s=5,
            devmajor=8,
            devminor=1_000_000,
            uname=b"u",
            gname=b"g",
        ),
        part(b"snapshot/link", type=tar.SYMLINK, linkname=b"\xff/" + b"x" * 150),
    )
    dev, link = (e.info for e in read_entries(stream(volume)))
    assert dev.type is FileType.BLOCKDEV
    assert (dev.mode, dev.uid, dev.gid, dev.mtime_s) == (0o4660, 7, 2**31, 5)
    assert (dev.devmajor, dev.devminor) == (8, 1_000_000)
    assert (dev.uname, dev.gname) == (b"u", b"g")
    assert link.linkname == b"\xff/" + b"x" * 150


def test_a_volume_may_end_after_one_zero_block_with_junk_behind() -> None:
    header_and_body = archive(part(b"snapshot/a", b"A"))[:1024]
    assert entries(header_and_body + bytes(512) + b"\xaa" * 777) == [
        (SNAPSHOT, b"a", b"A")
    ]


@pytest.mark.parametrize("cut", [1, 511, 513, 1023])
def test_a_volume_that_ends_inside_a_member_is_damage(cut: int) -> None:
    with pytest.raises(ArchiveDamaged):
        entries(archive(part(b"snapshot/a", b"A"))[:cut])


def header(old: bytes, new: bytes) -> bytes:
    """A header with one field changed, and its checksum made right again."""
    block = bytearray(tar.pack_header(tar.Member(name=b"snapshot/a", size=5)))
    at = block.index(old, 100)
    block[at : at + len(new)] = new
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_a_negative_size_is_damage() -> None:
    size = b"%011o\0" % 5
    with pytest.raises(ArchiveDamaged, match="size"):
        entries(header(size, b"\xff" * 12) + bytes(2048))


@pytest.mark.parametrize("record", [b"size=-1", b"mtime=inf", b"mtime=nan", b"uid=x"])
def test_a_number_in_an_extended_header_that_is_none_is_damage(record: bytes) -> None:
    line = b"%02d %b\n" % (len(record) + 4, record)
    extended = tar.Member(name=b"x", type=b"x", size=len(line))
    data = tar.pack_header(extended) + line + tar.padding(len(line))
    with pytest.raises(ArchiveDamaged):
        entries(data + archive(part(b"snapshot/a", b"A")))


def test_prefixes() -> None:
    assert member_prefix(DIFF) == b"diff/"
    assert member_prefix(SNAPSHOT, in_pieces=True) == b"multivol_snapshot/"


def test_a_piece_can_be_read_in_any_portion() -> None:
    for size in (1, 2, 3, 4, 100):
        (entry,) = [
            e
            for e in read_entries(stream(archive(*pieces(1, 2, 3))))
            if check_portions(e, size)
        ]
        assert entry.body.read(1) == b""


def check_portions(entry: Entry, size: int) -> bool:
    data = io.BytesIO()
    while more := entry.body.read(size):
        assert len(more) <= size
        data.write(more)
    return data.getvalue() == b"<1><2><3>"
