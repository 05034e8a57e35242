"""Contents that need not be stored again: found by BLAKE3 and size.

Of the parent's state every file is known: 8 bytes each, made when the first new
file asks.  Of the set that is being written the first `MOST_OWN` files are.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from itertools import accumulate
from typing import NamedTuple

from tiered.archive.columns import HASH_BYTES, REGULAR, Columns, Places
from tiered.archive.extents import Extent
from tiered.archive.index import IndexReader

MOST_OWN = 1 << 17
"""300 bytes of memory each."""
LARGE_BYTES = 64 << 10
"""Files from here up are not hashed twice unless a size says that it may pay."""
_BLOCKS_KEPT = 8
_PREFIX_BYTES = 4


class Found(NamedTuple):
    """A path with the content that was looked for."""

    path: bytes
    extents: tuple[Extent, ...]


class StateContents:
    """The contents of the parent's state."""

    def __init__(self, reader: IndexReader) -> None:
        self._reader = reader
        self._keys: list[int] | array[int] | None = None
        self._large_sizes: frozenset[int] = frozenset()
        self._ends: list[int] = []
        self._blocks: OrderedDict[int, tuple[Columns, Places, list[int]]]
        self._blocks = OrderedDict()

    def find(self, content: bytes, size: int) -> Found | None:
        """A file with this BLAKE3 and size."""
        keys = self._load()
        prefix = int.from_bytes(content[:_PREFIX_BYTES]) << 32
        at = bisect_left(keys, prefix)
        while at < len(keys) and keys[at] >> 32 == prefix >> 32:
            if found := self._look(keys[at] & 0xFFFFFFFF, content, size):
                return found
            at += 1
        return None

    def may_have_size(self, size: int) -> bool:
        """Is there a file of this size, `LARGE_BYTES` or more?"""
        self._load()
        return size in self._large_sizes

    def _load(self) -> "list[int] | array[int]":
        if self._keys is None:
            keys: list[int] = []
            counts: list[int] = []
            large: set[int] = set()
            for columns in self._reader.blocks():
                prefixes = array("I", bytes(columns.hashes))[:: HASH_BYTES // 4]
                if sys.byteorder == "little":
                    prefixes.byteswap()
                start = len(keys)
                keys += [p << 32 | n for n, p in enumerate(prefixes, start)]
                counts.append(len(prefixes))
                large.update(s for s in columns.sizes if s >= LARGE_BYTES)
            keys.sort()
            self._ends = list(accumulate(counts))
            self._large_sizes = frozenset(large)
            self._keys = array("Q", keys)
        return self._keys

    def _look(self, number: int, content: bytes, size: int) -> Found | None:
        """The file with this number, if it is the one that is looked for."""
        block = bisect_right(self._ends, number)
        columns, places, files = self._block(block)
        row = files[number - (self._ends[block - 1] if block else 0)]
        if places.hash(row) != content or columns.sizes[row] != size:
            return None
        return Found(columns.paths[row], places.extents(row))

    def _block(self, number: int) -> tuple[Columns, Places, list[int]]:
        found = self._blocks.get(number)
        if found is None:
            columns = self._reader.block(self._reader.block_rows[number])
            files = [n for n, kind in enumerate(columns.types) if kind == REGULAR]
            found = columns, Places(columns), files
            self._blocks[number] = found
            if len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return found


class OwnContents:
    """The contents of the set that is being written.

    A file whose run is not placed yet waits: it is found once it is placed.
    """

    def __init__(self) -> None:
        self._placed: dict[bytes, tuple[bytes, int, int, int] | Found] = {}
        self._waiting: dict[bytes, tuple[bytes, int, int]] = {}
        self._heads: set[tuple[int, bytes]] = set()

    def add_waiting(self, content: bytes, path: bytes, start: int, size: int) -> None:
        """A file at `start` of the run that waits."""
        if len(self._placed) < MOST_OWN:
            self._waiting.setdefault(content, (path, start, size))

    def add_placed(
        self, content: bytes, path: bytes, extents: tuple[Extent, ...]
    ) -> None:
        """A file that is placed already."""
        if len(self._placed) < MOST_OWN:
            self._placed.setdefault(content, Found(path, extents))

    def is_new(self, content: bytes) -> bool:
        """No earlier file of this set has this BLAKE3."""
        return content not in self._placed and content not in self._waiting

    def is_waiting(self, content: bytes) -> bool:
        return content in self._waiting

    def place(self, volume: int, offset: int) -> None:
        """The run that waits lies there; `volume` is a row of the table."""
        for content, (path, start, size) in self._waiting.items():
            self._placed.setdefault(content, (path, volume, offset + start, size))
        self._waiting.clear()

    def find(self, content: bytes, size: int) -> Found | None:
        """An earlier file of this set with this BLAKE3 and size."""
        found = self._placed.get(content)
        if found is None:
            return None
        if not isinstance(found, Found):
            path, volume, offset, length = found
            found = Found(path, (Extent(volume, offset, length),))
        return found if sum(e.length for e in found.extents) == size else None

    def may_have(self, size: int, head: bytes) -> bool:
        """Did an earlier large file have this size, and begin like this?"""
        key = size, head
        if key in self._heads:
            return True
        if len(self._heads) < MOST_OWN:
            self._heads.add(key)
        return False
