"""An index survives a round trip, is found by path, and stays small."""

import hashlib
import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiered.archive import index_writer
from tiered.archive.columns import IndexRow, Owner, Renumber
from tiered.archive.extents import Extent
from tiered.archive.fileinfo import FileType
from tiered.archive.index import IndexReader, VolumeLayout, VolumeRow
from tiered.archive.index_footer import MAGIC
from tiered.archive.index_writer import IndexWriter
from tiered.codec.frames import FrameSize, pack_frame, unpack_frame
from tiered.errors import ArchiveDamaged, ConfigError

components = st.binary(min_size=1, max_size=8).filter(
    lambda c: b"/" not in c and b"\0" not in c and c not in (b".", b"..")
)
paths = st.lists(components, max_size=4).map(tuple)
names = st.binary().filter(lambda name: b"\0" not in name)
owners = st.builds(Owner, st.integers(0, 2**32 - 2), st.integers(0, 5), names)
extents = st.lists(
    st.builds(Extent, st.integers(0, 2), st.integers(0, 2**45), st.integers(1, 2**42)),
    max_size=4,
).map(tuple)


links = {
    FileType.SYMLINK: st.binary(max_size=9),
    FileType.HARDLINK: paths.filter(bool).map(b"/".join),
}


@st.composite
def rows(draw: st.DrawFn) -> IndexRow:
    kind = draw(st.sampled_from([None, *FileType]))
    path = draw(paths)
    if kind is None:
        return IndexRow(path=path, type=None)
    where = draw(extents) if kind is FileType.REGULAR else ()
    is_device = kind in (FileType.CHARDEV, FileType.BLOCKDEV)
    return IndexRow(
        path=path,
        type=kind,
        mode=draw(st.integers(0, 0o7777)),
        owner=draw(owners),
        mtime_ns=draw(st.integers(-(2**62), 2**62)),
        ctime_ns=draw(st.just(0) | st.integers(2**60, 2**61)),
        size=sum(e.length for e in where),
        hash=draw(st.binary(min_size=32, max_size=32))
        if kind is FileType.REGULAR
        else b"",
        link=draw(links[kind]) if kind in links else b"",
        xattrs=tuple(draw(st.dictionaries(st.binary(max_size=3), st.binary())).items()),
        sparse=draw(st.booleans()),
        device=draw(st.tuples(st.integers(0, 99), st.integers(0, 9)))
        if is_device
        else (0, 0),
        extents=where,
    )


trees = st.lists(rows(), max_size=40, unique_by=lambda r: r.path).map(
    lambda found: sorted(found, key=lambda r: r.path)
)


def pack(data: bytes) -> bytes:
    return pack_frame(data, 3)


def unpack(frame: bytes, size: int) -> bytes:
    return unpack_frame(frame, FrameSize(len(frame), size))


def written(tree: list[IndexRow], layouts: Iterable[VolumeLayout] = ()) -> bytes:
    data = bytearray()
    writer = IndexWriter(data.extend, pack)
    for number in range(3):
        assert writer.volume(VolumeRow(1_700_000_000, number + 1)) == number
    for row in tree:
        writer.add(row)
    for layout in layouts:
        writer.add_layout(layout)
    writer.finish()
    return bytes(data)


def reading(data: bytes) -> Callable[[int, int], bytes]:
    return lambda start, size: data[start : start + size]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_writer, "BLOCK_ROWS", 7)


@given(trees, paths)
def test_rows_survive_a_round_trip(tree: list[IndexRow], wanted: tuple[bytes]) -> None:
    data = written(tree)
    reader = IndexReader(reading(data), len(data), unpack)
    assert list(reader) == tree
    assert reader.rows == len(tree)
    assert reader.row(wanted) == next((r for r in tree if r.path == wanted), None)
    for row in tree[::5]:
        assert reader.row(row.path) == row


layouts = st.builds(
    VolumeLayout,
    number=st.just(0),
    size=st.integers(2**24, 2**40),
    front=st.binary(max_size=9),
    stored=st.lists(st.integers(1, 2**22), min_size=3, max_size=3),
    content=st.lists(st.integers(1, 2**22), min_size=3, max_size=3),
)


numbered = st.lists(layouts, max_size=3).map(
    lambda found: [replace(v, number=n) for n, v in enumerate(found, 1)]
)


@given(trees, numbered)
def test_layouts_survive_a_round_trip(
    tree: list[IndexRow], found: list[VolumeLayout]
) -> None:
    data = written(tree, found)
    reader = IndexReader(reading(data), len(data), unpack)
    assert [reader.layout(n) for n in reader.layout_numbers] == found
    with pytest.raises(ArchiveDamaged, match="does not know"):
        reader.layout(0)


def test_a_block_is_cut_where_attributes_are_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index_writer, "BLOCK_ROWS", 4096)
    attribute = ((b"user.icon", bytes(60_000)),)
    tree = [
        IndexRow(path=(b"%04d" % n,), type=FileType.DIRECTORY, xattrs=attribute)
        for n in range(200)
    ]
    data = written(tree)
    reader = IndexReader(reading(data), len(data), unpack)
    assert list(reader) == tree
    assert {block.rows for block in reader.block_rows} == {50}


@given(trees, st.data())
def test_rows_are_copied_from_block_to_block(
    tree: list[IndexRow], data: st.DataObject
) -> None:
    """By slices of any size, into an index whose tables are numbered otherwise."""
    old = written(tree)
    reader = IndexReader(reading(old), len(old), unpack)
    new = bytearray()
    writer = IndexWriter(new.extend, pack)
    writer.owner(Owner(77))
    writer.volume(VolumeRow(5, 5))
    to = Renumber(
        [writer.owner(o) for o in reader.owners],
        [writer.volume(v) for v in reader.volumes],
    )
    for columns in reader.blocks():
        middle = data.draw(st.integers(0, len(columns)))
        writer.add_columns(columns, 0, middle, to)
        writer.add_columns(columns, middle, len(columns), to)
    writer.finish()
    again = IndexReader(reading(bytes(new)), len(new), unpack)
    moved = [
        replace(r, extents=tuple(replace(e, volume=e.volume + 1) for e in r.extents))
        for r in tree
    ]
    assert list(again) == moved


@given(trees.filter(bool), st.data())
def test_damage_is_never_a_wrong_row(tree: list[IndexRow], data: st.DataObject) -> None:
    damaged = bytearray(written(tree))
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = list(IndexReader(reading(bytes(damaged)), len(damaged), unpack))
    except ArchiveDamaged:
        return
    except ConfigError:
        assert position == MAGIC.index(b"1")
        return
    assert found == tree


@given(trees.filter(bool), st.data())
def test_a_cut_index_is_damaged(tree: list[IndexRow], data: st.DataObject) -> None:
    whole = written(tree)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(ArchiveDamaged):
        list(IndexReader(reading(cut), len(cut), unpack))


def test_a_file_takes_less_than_120_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 files with names, sizes, hashes and times as trees have them."""
    monkeypatch.setattr(index_writer, "BLOCK_ROWS", 4096)
    chance, offset, tree = random.Random(1), 0, []
    for number in range(20_000):
        name = hashlib.md5(b"%d" % number).hexdigest()[: 4 + number % 13].encode()
        size = chance.randrange(200, 60_000)
        offset += 512
        tree.append(
            IndexRow(
                path=(
                    b"dir%02d" % (number // 1000),
                    b"sub%02d" % (number // 50 % 20),
                    b"%05d-%s.txt" % (number, name),
                ),
                type=FileType.REGULAR,
                mode=0o644,
                mtime_ns=chance.randrange(10**18, 2 * 10**18),
                size=size,
                hash=chance.randbytes(32),
                extents=(Extent(0, offset, size),),
            )
        )
        offset += size + -size % 512
    data = written(tree)
    assert len(data) / len(tree) < 75
