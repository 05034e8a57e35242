"""The index of a set: every path with its attributes, its hash and its extents.

    magic  block*  layout*  footer  tail

A block holds up to `BLOCK_ROWS` paths as columns; a column compresses several
times better than rows, and a block is read alone.  The footer holds what
columns refer to (owners, volumes) and where blocks and layouts begin; it stands
at the end, so that an index is written in one pass, and the tail tells its size
[docs/format/native.md, "Index"].
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from tiered.archive.block import decode, dump_columns, parse_columns, parse_paths
from tiered.archive.columns import Columns, IndexRow, Owner, Places, Renumber
from tiered.archive.index_footer import BLOCK_ROWS as BLOCK_ROWS
from tiered.archive.index_footer import (
    HEAD_BYTES,
    MAGIC,
    MAX_BLOCK_BYTES,
    MAX_TABLE_BYTES,
    Footer,
    LayoutRow,
    check_footer,
    check_magic,
)
from tiered.archive.index_footer import BlockRow as BlockRow
from tiered.archive.paths import PathKey, check_order, split_path
from tiered.errors import ArchiveDamaged

_BLOCK_EXTENTS = 1 << 16
_BLOCK_BYTES = 4 << 20
"""Of content: a block that has more, as paths or attributes are long, is cut in two."""
_KEPT_ROWS = 1 << 16
"""Up to three times a backup looks at all of the index before it."""
_KEPT_BYTES = 8 << 20
"""Of content: what it takes in memory is a few times as much."""
_TAIL = struct.Struct("<II")
_TAIL_MAGIC = 0x58444954
_SAME = Renumber()

Pack = Callable[[bytes], bytes]
"""Content -> one compressed frame."""
Unpack = Callable[[bytes, int], bytes]
"""Frame and the size of its content -> content."""


@dataclass(frozen=True, slots=True, order=True)
class VolumeRow:
    """A volume that extents point into: of which set, and which number."""

    set_end_s: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeLayout:
    """Where the frames of a volume lie, so that a range of it can be read."""

    number: int
    size: int
    """Bytes of the object."""
    front: bytes
    """Its age header and nonce; empty if it is not encrypted."""
    stored: list[int]
    """Bytes of each frame."""
    content: list[int]
    """Bytes of what each frame holds."""


@dataclass(slots=True)
class IndexWriter:
    """Writes an index in one pass; rows come in archive order.

    Args:
        write: Takes the bytes of the object, in order.
        pack: Compresses one block.

    Cost: Memory of one block and of the footer.
    """

    write: Callable[[bytes], object]
    pack: Pack
    rows: int = 0
    _columns: Columns = field(default_factory=Columns)
    _owners: dict[Owner, int] = field(default_factory=dict)
    _volumes: dict[VolumeRow, int] = field(default_factory=dict)
    _blocks: list[BlockRow] = field(default_factory=list)
    _layouts: list[LayoutRow] = field(default_factory=list)
    _position: int = 0

    def volume(self, row: VolumeRow) -> int:
        """The number by which extents of this index refer to a volume."""
        return self._volumes.setdefault(row, len(self._volumes))

    def owner(self, owner: Owner) -> int:
        """The number by which rows of this index refer to an owner."""
        return self._owners.setdefault(owner, len(self._owners))

    def add(self, row: IndexRow) -> None:
        """Append a path; its extents use the numbers of `volume`."""
        self._columns.add(row, self.owner(row.owner))
        self._end_full_block()

    def add_columns(
        self, columns: Columns, start: int, stop: int, to: Renumber = _SAME
    ) -> None:
        """Append rows of a block."""
        while start < stop:
            end = min(stop, start + BLOCK_ROWS - len(self._columns))
            self._columns.extend(columns, start, end, to)
            start = end
            self._end_full_block()

    def add_block(self, block: BlockRow, frame: bytes) -> None:
        """Append a block as another index holds it: its numbers must be ours."""
        self._end_block()
        self._put_block(block.first_path, block.rows, frame, block.content)

    def add_layout(self, layout: VolumeLayout) -> None:
        """Say where the frames of a volume of this set lie; after all rows."""
        self._end_block()
        content = msgspec.msgpack.encode((layout.stored, layout.content))
        frame = self.pack(content)
        self._layouts.append(
            LayoutRow(
                layout.number,
                layout.size,
                layout.front,
                self._position,
                len(frame),
                len(content),
            )
        )
        self._put(frame)

    def finish(self) -> None:
        """Write what is left, and the footer."""
        self._end_block()
        if not self._position:
            self._put(MAGIC)
        owners = [(o.uid, o.gid, o.uname, o.gname) for o in self._owners]
        volumes = [(v.set_end_s, v.number) for v in self._volumes]
        content = msgspec.msgpack.encode(
            Footer(owners, volumes, self._blocks, self._layouts)
        )
        frame = self.pack(content)
        self._put(_TAIL.pack(len(content), len(frame)) + frame)
        self._put(_TAIL.pack(len(frame), _TAIL_MAGIC))

    def _end_full_block(self) -> None:
        """A block ends at a number of rows, or where a few have many extents."""
        columns = self._columns
        if len(columns) >= BLOCK_ROWS or len(columns.extent_volumes) >= _BLOCK_EXTENTS:
            self._end_block()

    def _end_block(self) -> None:
        if not self._position:
            self._put(MAGIC)
        if len(self._columns):
            self._write_block(self._columns)
            self._columns = Columns()

    def _write_block(self, columns: Columns) -> None:
        content, count = dump_columns(columns), len(columns)
        if len(content) > _BLOCK_BYTES and count > 1:
            for start, stop in ((0, count // 2), (count // 2, count)):
                half = Columns()
                half.extend(columns, start, stop, _SAME)
                self._write_block(half)
            return
        if len(content) > MAX_BLOCK_BYTES:
            raise ValueError(f"a path with {len(content)} bytes of attributes")
        self._put_block(columns.paths[0], count, self.pack(content), len(content))

    def _put_block(self, first: bytes, rows: int, frame: bytes, content: int) -> None:
        self._blocks.append(BlockRow(first, self._position, len(frame), content, rows))
        self.rows += rows
        self._put(frame)

    def _put(self, data: bytes) -> None:
        self.write(data)
        self._position += len(data)


class IndexReader:
    """Reads an index, whole or by path.

    Args:
        read: (position, size) -> exactly these bytes of the object.
        size: Bytes of the object.
        unpack: Decompresses one block.

    Raises:
        ArchiveDamaged: It is not an index, or its footer does not parse, or does not
            fit to the object.
        ConfigError: It is of another version.

    Cost: Three reads; then one for each block that is asked for.  An index of up to
    65,536 rows and 8 MiB of content is kept in memory as far as it was asked for:
    half a KiB for each row, or 100 bytes for each extent.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], size: int, unpack: Unpack
    ) -> None:
        self._read, self._unpack = read, unpack
        check_magic(read(0, min(size, HEAD_BYTES)))
        footer, end = self._read_footer(size)
        check_footer(footer, end)
        self.owners = tuple(Owner(*o) for o in footer.owners)
        self.volumes = tuple(VolumeRow(*v) for v in footer.volumes)
        self.block_rows = tuple(footer.blocks)
        firsts = [b.first_path for b in footer.blocks]
        self._firsts = [split_path(first) for first in firsts]
        self._next = dict(
            zip((b.offset for b in footer.blocks), firsts[1:], strict=False)
        )
        self._layouts = {row.number: row for row in footer.layouts}
        self._kept: dict[int, Columns] = {}
        content = sum(b.content for b in footer.blocks)
        self._keeps = self.rows <= _KEPT_ROWS and content <= _KEPT_BYTES

    @property
    def rows(self) -> int:
        return sum(b.rows for b in self.block_rows)

    @property
    def layout_numbers(self) -> tuple[int, ...]:
        """The volumes of this set, in order."""
        return tuple(self._layouts)

    def __iter__(self) -> Iterator[IndexRow]:
        """All rows, in archive order; one block is in memory at a time."""
        for columns in self.blocks():
            yield from columns.rows(self.owners)

    def blocks(self) -> Iterator[Columns]:
        """All blocks, in archive order."""
        return map(self.block, self.block_rows)

    def block(self, block: BlockRow) -> Columns:
        """One block; nobody changes what is returned.

        Raises:
            ArchiveDamaged: It does not decompress or parse, holds what no writer
                makes, or its paths are not between those of its neighbours.
        """
        if kept := self._kept.get(block.offset):
            return kept
        content = self._unpack(self.frame(block), block.content)
        columns = parse_columns(content, len(self.owners), len(self.volumes))
        self._check_place(block, columns.paths)
        if self._keeps:
            self._kept[block.offset] = columns
        return columns

    def paths(self, block: BlockRow) -> Sequence[bytes]:
        """The paths of one block; errors as in `block`, but for what is not looked at.

        Cost: Less time and memory than the block; nothing is kept.
        """
        if kept := self._kept.get(block.offset):
            return kept.paths
        paths = parse_paths(self._unpack(self.frame(block), block.content))
        self._check_place(block, paths)
        return paths

    def _check_place(self, block: BlockRow, paths: Sequence[bytes]) -> None:
        if len(paths) != block.rows or paths[0] != block.first_path:
            raise ArchiveDamaged("a block of an index is not the one it should be")
        if after := self._next.get(block.offset):
            check_order((paths[-1], after))

    def frame(self, block: BlockRow) -> bytes:
        """One block as it is stored."""
        return self._read(block.offset, block.stored)

    def below(self, path: PathKey) -> Iterator[IndexRow]:
        """The row of `path` and of everything below it; reads only their blocks."""
        depth = len(path)
        first = max(0, bisect_right(self._firsts, path) - 1)
        pairs = zip(self.block_rows[first:], self._firsts[first:], strict=True)
        for block, start in pairs:
            if start[:depth] > path:
                return
            columns = self.block(block)
            places = Places(columns)
            for at, joined in enumerate(columns.paths):
                if split_path(joined)[:depth] == path:
                    yield places.row(at, self.owners)

    def layout(self, number: int) -> VolumeLayout:
        """Where the frames of a volume of this set lie.

        Raises:
            ArchiveDamaged: The index has no such volume, or it does not parse.
        """
        row = self._layouts.get(number)
        if row is None:
            raise ArchiveDamaged(f"an index does not know volume {number} of its set")
        content = self._unpack(self._read(row.offset, row.stored), row.content)
        stored, contents = decode(content, tuple[list[int], list[int]])
        fit = len(stored) == len(contents) > 0 and sum(stored) < row.size
        if not fit or min(*stored, *contents) < 1:
            raise ArchiveDamaged(f"an index has wrong frames for volume {number}")
        return VolumeLayout(
            number=number,
            size=row.size,
            front=row.front,
            stored=stored,
            content=contents,
        )

    def _read_footer(self, size: int) -> tuple[Footer, int]:
        """The footer, and where it begins."""
        start = size - 2 * _TAIL.size
        if start < len(MAGIC):
            raise _without_end()
        stored, magic = _TAIL.unpack(self._read(size - _TAIL.size, _TAIL.size))
        start -= stored
        if magic != _TAIL_MAGIC or start < len(MAGIC):
            raise _without_end()
        data = self._read(start, _TAIL.size + stored)
        content, again = _TAIL.unpack(data[: _TAIL.size])
        if again != stored or content > MAX_TABLE_BYTES:
            raise ArchiveDamaged("the end of an index is damaged")
        return decode(self._unpack(data[_TAIL.size :], content), Footer), start


def _without_end() -> ArchiveDamaged:
    return ArchiveDamaged("the end of an index is missing")
