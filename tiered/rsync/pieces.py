"""The part of a new version that is in memory while it is compared.

A file is read once, in pieces that are multiples of every block: what was hashed
is what was compared, even while someone writes to the file.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Final

from tiered.rsync.holes import is_hole
from tiered.rsync.sums import (
    ENTRY_BYTES,
    SUM_BYTES,
    block_sum,
    block_sums,
    cover_len,
    signature_entries,
)

PIECE_BYTES: Final = 1 << 20
_ZEROS: Final = bytes(PIECE_BYTES)


class Piece:
    """A run of the file and the sums of it that are known so far.

    Two threads may make the same sum at once; they make the same bytes.
    """

    def __init__(self, offset: int, data: memoryview, block_len: int) -> None:
        self.offset = offset
        self.data = data
        self.end = offset + len(data)
        self.unit = cover_len(block_len)
        """Bytes of a block; entries are made for as many at once"""
        self._block_len = block_len
        self._blocks: bytes | None = None
        self._entries: list[bytes | None] = [None] * -(-len(data) // self.unit)

    def blocks(self) -> bytes:
        """The sums of the aligned blocks, joined."""
        if self._blocks is None:
            self._blocks = b"".join(block_sums(self.data, self.unit))
        return self._blocks

    def fill(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Make the entries of all units that these file ranges touch, in order."""
        missing = [
            number
            for number in dict.fromkeys(n for r in ranges for n in self._units(*r))
            if self._entries[number] is None
        ]
        if not missing:
            return
        unit = self.unit
        # All as one: a job of librsync costs as much as the sums of 16 KiB.
        made = signature_entries(
            [self.data[a * unit : b * unit] for a, b in _runs(missing)], self._block_len
        )
        size = unit // self._block_len * ENTRY_BYTES
        for place, number in enumerate(missing):
            self._entries[number] = made[place * size : (place + 1) * size]

    def entries(self, start: int, end: int) -> bytes:
        """Signature entries of file range [start, end), which is whole blocks."""
        units = self._units(start, end)
        if None in self._entries[units.start : units.stop]:
            self.fill([(start, end)])
        made = b"".join(filter(None, self._entries[units.start : units.stop]))
        origin = self.offset + units.start * self.unit
        first = max(start - origin, 0) // self._block_len
        last = -(-(min(end, self.end) - origin) // self._block_len)
        return made[first * ENTRY_BYTES : last * ENTRY_BYTES]

    def put_entries(self, start: int, entries: bytes) -> None:
        """Tell entries of whole units from file offset `start` on."""
        number = (start - self.offset) // self.unit
        size = self.unit // self._block_len * ENTRY_BYTES
        for at in range(0, len(entries), size):
            self._entries[number] = entries[at : at + size]
            number += 1

    def lacking(self) -> list[tuple[int, int]]:
        """Runs of units without entries, as file ranges."""
        missing = [n for n, made in enumerate(self._entries) if made is None]
        unit, origin = self.unit, self.offset
        return [
            (origin + a * unit, min(origin + b * unit, self.end))
            for a, b in _runs(missing)
        ]

    def _units(self, start: int, end: int) -> range:
        """Numbers of the units that a file range touches."""
        first = max(start - self.offset, 0) // self.unit
        return range(first, -(-(min(end, self.end) - self.offset) // self.unit))


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Neighbours as (first, after the last)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


class Pieces:
    """Neighbouring pieces, as one run of bytes."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = tuple(pieces)

    @property
    def unit(self) -> int:
        """Bytes of an aligned block."""
        return self._pieces[0].unit

    @property
    def start(self) -> int:
        return self._pieces[0].offset

    @property
    def end(self) -> int:
        return self._pieces[-1].end

    def touching(self, start: int, end: int) -> list[Piece]:
        return [p for p in self._pieces if p.offset < end and start < p.end]

    def views(self, start: int, end: int) -> list[memoryview]:
        """The bytes of file range [start, end), without a copy."""
        return [
            piece.data[max(start - piece.offset, 0) : end - piece.offset]
            for piece in self.touching(start, end)
        ]

    def view(self, start: int, end: int) -> memoryview:
        """The bytes of file range [start, end); a copy if it lies in two pieces."""
        parts = self.views(start, end)
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def block_sum(self, start: int, end: int) -> bytes:
        """The sum of a file range, remembered if it is an aligned block."""
        piece = self._pieces[(start - self.start) // PIECE_BYTES]
        if start % piece.unit == 0 and end == min(start + piece.unit, piece.end):
            at = (start - piece.offset) // piece.unit * SUM_BYTES
            return piece.blocks()[at : at + SUM_BYTES]
        return block_sum(self.view(start, end))

    def block_sums(self, start: int, end: int) -> bytes:
        """The sums of a file range of whole aligned blocks, joined."""
        parts = []
        for piece in self.touching(start, end):
            first = max(start - piece.offset, 0) // piece.unit
            last = (min(end, piece.end) - piece.offset) // piece.unit
            parts.append(piece.blocks()[first * SUM_BYTES : last * SUM_BYTES])
        return b"".join(parts)

    def fill(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Make the signature entries of these file ranges, in order."""
        for piece in self._pieces:
            piece.fill(r for r in ranges if r[0] < piece.end and piece.offset < r[1])

    def entries(self, start: int, end: int) -> bytes:
        """Signature entries of a file range of whole blocks of the new signature."""
        return b"".join(
            piece.entries(max(start, piece.offset), min(end, piece.end))
            for piece in self.touching(start, end)
        )


class PieceReader:
    """Reads a file front to end, into memory that is used again.

    Args:
        fd: Open for reading; its position is not used, and moved if it may have holes.
        size: Bytes to read at most.
        block_len: Of the new signature.
        may_skip: Holes need not be read.
    """

    def __init__(
        self, fd: int, size: int, block_len: int, *, may_skip: bool = False
    ) -> None:
        self._fd = fd
        self._may_skip = may_skip
        self._size = size
        self._block_len = block_len
        self._buffers: list[bytearray] = []
        self.position = 0
        self.ended = False

    def read(self) -> Piece | None:
        """The next piece; None at the end, or where the file has become shorter.

        Raises:
            OSError: Reading failed.
        """
        data = self._next(min(PIECE_BYTES, self._size - self.position))
        self.ended = len(data) < PIECE_BYTES
        if not data:
            return None
        piece = Piece(self.position, data, self._block_len)
        self.position = piece.end
        return piece

    def give_back(self, piece: Piece) -> None:
        """No thread uses this piece any more."""
        buffer = piece.data.obj
        if isinstance(buffer, bytearray):
            self._buffers.append(buffer)

    def _next(self, length: int) -> memoryview:
        start = self.position
        if self._may_skip and is_hole(self._fd, start, start + length):
            return memoryview(_ZEROS)[:length]
        buffer = self._buffers.pop() if self._buffers else bytearray(PIECE_BYTES)
        return memoryview(buffer)[: self._fill(memoryview(buffer)[:length])]

    def _fill(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view):
            got = os.preadv(self._fd, [view[filled:]], self.position + filled)
            if not got:
                break
            filled += got
        return filled
