"""Writes the index of a set, in one pass  [`tiered.archive.index`]."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from tiered.archive.block import dump_columns
from tiered.archive.columns import Columns, IndexRow, Owner, Renumber
from tiered.archive.index import VolumeLayout, VolumeRow
from tiered.archive.index_footer import (
    BLOCK_EXTENTS,
    BLOCK_ROWS,
    MAGIC,
    MAX_BLOCK_BYTES,
    TAIL,
    TAIL_MAGIC,
    BlockRow,
    Footer,
    LayoutRow,
)

_BLOCK_BYTES = 4 << 20
"""Of content: a block that has more, as paths or attributes are long, is cut in two."""
_SAME = Renumber()

Pack = Callable[[bytes], bytes]
"""Content -> one compressed frame."""


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
        self._put(TAIL.pack(len(content), len(frame)) + frame)
        self._put(TAIL.pack(len(frame), TAIL_MAGIC))

    def _end_full_block(self) -> None:
        """A block ends at a number of rows, or where a few have many extents."""
        columns = self._columns
        if len(columns) >= BLOCK_ROWS or len(columns.extent_volumes) >= BLOCK_EXTENTS:
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
