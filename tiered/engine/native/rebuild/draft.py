"""The rows of a set while they are made: on disk, in order, and found by path.

A member may say that its content is that of an earlier one, so rows are looked up
while others still come.  What is in memory is a block, a few that were looked at,
and where each begins.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from tiered.archive.block import dump_columns, parse_columns
from tiered.archive.columns import Columns, IndexRow, Owner, Places
from tiered.archive.extents import Extent
from tiered.archive.index import IndexReader, VolumeRow
from tiered.archive.index_footer import BLOCK_EXTENTS, BLOCK_ROWS
from tiered.archive.paths import PathKey, join_path
from tiered.codec.frames import FrameSize, unpack_frame
from tiered.engine.native.state import order_key, pack_block

_BLOCKS_KEPT = 8
_MOST_BLOCK_BYTES = 1 << 28


class RowFinder:
    """Finds rows by path in blocks that are loaded one by one.

    Args:
        firsts: `order_key` of the first path of each block; may grow.
        load: Reads a block.
        owners: What the owners of its rows mean; may grow.

    Cost: A block for each path, unless it is one of those that were asked for last.
    """

    def __init__(
        self,
        firsts: Sequence[bytes],
        load: Callable[[int], Columns],
        owners: Sequence[Owner],
    ) -> None:
        self._firsts, self._load, self._owners = firsts, load, owners
        self._blocks: OrderedDict[int, tuple[Places, dict[bytes, int]]]
        self._blocks = OrderedDict()

    def find(self, path: PathKey) -> IndexRow | None:
        joined = join_path(path)
        number = bisect_right(self._firsts, order_key(joined)) - 1
        if number < 0:
            return None
        places, rows = self._block(number)
        row = rows.get(joined)
        return None if row is None else places.row(row, self._owners)

    def _block(self, number: int) -> tuple[Places, dict[bytes, int]]:
        found = self._blocks.get(number)
        if found is None:
            columns = self._load(number)
            rows = {path: row for row, path in enumerate(columns.paths)}
            found = self._blocks[number] = Places(columns), rows
            if len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return found


class Before:
    """The state that a set builds on."""

    def __init__(self, reader: IndexReader) -> None:
        self._volumes = reader.volumes
        firsts = [order_key(block.first_path) for block in reader.block_rows]
        self._finder = RowFinder(
            firsts, lambda n: reader.block(reader.block_rows[n]), reader.owners
        )

    def find(self, path: PathKey) -> IndexRow | None:
        """The row of a path; its extents are for `volume`."""
        return self._finder.find(path)

    def volume(self, number: int) -> VolumeRow:
        return self._volumes[number]


class Draft:
    """Rows, on their way to an index.

    Args:
        file: A scratch file of its own.

    Raises (every method):
        ScratchError: The scratch file cannot be used.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._columns = Columns()
        self._recent: dict[bytes, IndexRow] = {}
        self._owners: dict[Owner, int] = {}
        self._owner_list: list[Owner] = []
        self._volumes: dict[VolumeRow, int] = {}
        self._firsts: list[bytes] = []
        self._places: list[tuple[int, FrameSize]] = []
        self._end = 0
        self._finder = RowFinder(self._firsts, self._load, self._owner_list)

    @property
    def owners(self) -> Sequence[Owner]:
        return self._owner_list

    @property
    def volumes(self) -> tuple[VolumeRow, ...]:
        return tuple(self._volumes)

    def volume(self, row: VolumeRow) -> int:
        """The number by which extents of this draft refer to a volume."""
        return self._volumes.setdefault(row, len(self._volumes))

    def renumbered(
        self, extents: Sequence[Extent], before: Before
    ) -> tuple[Extent, ...]:
        """Extents of the state before, with the numbers of this draft."""
        return tuple(
            replace(e, volume=self.volume(before.volume(e.volume))) for e in extents
        )

    def add(self, row: IndexRow) -> None:
        """Append a path."""
        owner = self._owners.setdefault(row.owner, len(self._owner_list))
        if owner == len(self._owner_list):
            self._owner_list.append(row.owner)
        self._columns.add(row, owner)
        self._recent[self._columns.paths[-1]] = row
        columns = self._columns
        if len(columns) >= BLOCK_ROWS or len(columns.extent_volumes) >= BLOCK_EXTENTS:
            self._end_block()

    def find(self, path: PathKey) -> IndexRow | None:
        """An earlier row."""
        return self._recent.get(join_path(path)) or self._finder.find(path)

    def blocks(self) -> Iterator[Columns]:
        """All rows; nothing may be added meanwhile."""
        self._end_block()
        return map(self._load, range(len(self._places)))

    def _end_block(self) -> None:
        columns = self._columns
        if not len(columns):
            return
        content = dump_columns(columns)
        frame = pack_block(content)
        self._file.seek(self._end)
        self._file.write(frame)
        self._firsts.append(order_key(columns.paths[0]))
        self._places.append((self._end, FrameSize(len(frame), len(content))))
        self._end += len(frame)
        self._columns, self._recent = Columns(), {}

    def _load(self, number: int) -> Columns:
        offset, size = self._places[number]
        self._file.seek(offset)
        content = unpack_frame(self._file.read(size.stored), size, _MOST_BLOCK_BYTES)
        return parse_columns(content, len(self._owner_list), len(self._volumes))
