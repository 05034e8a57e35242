"""The sums of a file by which its next version is compared: `signature`, `blocks`.

Two sums of the same bytes, because they do different work.  BLAKE3 of aligned
blocks of 64 KiB or more runs at memory speed and finds what did not change; the
librsync signature finds the rest, at any offset, and lets `rdiff` make a delta
from it.

Both are made piece by piece, in any order and in many threads, and then joined:
every sum covers one block, and pieces begin at block boundaries.

Format: docs/format/native.md "Signatures".
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from blake3 import blake3

from tiered.rsync.borrow import Data
from tiered.rsync.header import (
    HEADER_BYTES,
    Kind,
    damaged_signature,
    signature_header,
)
from tiered.rsync.signature import SignatureMaker

BLOCK_BYTES: Final = 1 << 16
"""Least content of one sum in `blocks`."""

SUM_BYTES: Final = 16
"""Bytes of a sum in `blocks`, and of a strong sum in `signature`."""

ENTRY_BYTES: Final = 4 + SUM_BYTES
"""Bytes that a signature has for each of its blocks: weak sum, strong sum."""

_LEAST_BLOCK_LEN: Final = 4096
_MOST_BLOCK_LEN: Final = 512 << 10
_MOST_BLOCKS: Final = 1 << 21
_MOST_KNOWN: Final = 1 << 10
_PART_BYTES: Final = 1 << 20
_WINDOW_BYTES: Final = 32 << 10
_BLOCK_LENS: Final = frozenset(1 << n for n in range(12, 20))
_HEADER: Final = struct.Struct(">III")


def native_block_len(size_bytes: int) -> int:
    """Block length in bytes of the signature of a file of `size_bytes`.

    The smallest power of two from 4 KiB up with which it has at most 2,097,152
    blocks, and at most 512 KiB: a signature has up to 40 MiB for a file of 1 TiB.
    """
    block_len = _LEAST_BLOCK_LEN
    while block_len < _MOST_BLOCK_LEN and size_bytes > block_len * _MOST_BLOCKS:
        block_len *= 2
    return block_len


def cover_len(block_len: int) -> int:
    """Content in bytes of one sum in `blocks`, beside a signature of `block_len`.

    So `blocks` has at most 32 MiB for a file of 1 TiB.
    """
    return max(BLOCK_BYTES, block_len)


def most_sums_bytes(size_bytes: int) -> tuple[int, int]:
    """What signature and `blocks` of a file of `size_bytes` have at most."""
    entries = ENTRY_BYTES * -(-size_bytes // _LEAST_BLOCK_LEN)
    return HEADER_BYTES + entries, SUM_BYTES * -(-size_bytes // BLOCK_BYTES)


class SumBytes(Protocol):
    """Many sums, joined: `bytes`, or a file of which parts are read."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes | bytearray: ...


class GrowingSums(SumBytes, Protocol):
    """Takes sums in order: `bytearray`, or a file."""

    def extend(self, data: bytes, /) -> None: ...


class PieceSums(NamedTuple):
    """The sums of one piece of a file, for `join_sums`."""

    entries: bytes
    """20 for each block of the signature"""
    blocks: bytes
    """16 for each `cover_len`"""


@dataclass(frozen=True, slots=True)
class Sums:
    """What an archive keeps of a file's content, to compare the next version with."""

    signature: SumBytes
    """Whole, as `rdiff signature` writes it: RK_BLAKE2, strong sums of 16 bytes"""
    blocks: SumBytes
    """16 bytes for each `cover_len`; the last may cover less"""


class KnownSums:
    """Sums that were read from an archive, checked against the file's size.

    Raises:
        ArchiveDamaged: They are not the sums of a file of that size.
    """

    def __init__(self, sums: Sums, size_bytes: int) -> None:
        header = signature_header(sums.signature[:HEADER_BYTES])
        if header.kind is not Kind.RK_BLAKE2 or header.strong_len != SUM_BYTES:
            raise damaged_signature("it is of a kind that no set is written with")
        if header.block_len not in _BLOCK_LENS:
            raise damaged_signature(f"its block length is {header.block_len}")
        self.size = size_bytes
        self.block_len = header.block_len
        self.cover_len = cover_len(self.block_len)
        self._sums = sums
        self._signature, self._blocks = _Window(sums.signature), _Window(sums.blocks)
        expected = HEADER_BYTES + ENTRY_BYTES * -(-size_bytes // self.block_len)
        if len(sums.signature) != expected:
            raise damaged_signature(f"it is not that of {size_bytes} bytes")
        if len(sums.blocks) != SUM_BYTES * -(-size_bytes // self.cover_len):
            raise damaged_signature(f"its blocks are not those of {size_bytes} bytes")

    def block(self, number: int) -> bytes:
        """The sum of the aligned `cover_len` bytes with this number, from 0."""
        return self._blocks.get(number * SUM_BYTES, (number + 1) * SUM_BYTES)

    def blocks(self, start: int, end: int) -> bytes:
        """The sums of the aligned blocks start .. end - 1."""
        return self._blocks.get(start * SUM_BYTES, end * SUM_BYTES)

    def entries(self, start: int, end: int) -> bytes:
        """The signature's part for blocks start .. end - 1."""
        first, last = (
            HEADER_BYTES + start * ENTRY_BYTES,
            HEADER_BYTES + end * ENTRY_BYTES,
        )
        return self._signature.get(first, last)

    def signature_parts(self) -> Iterator[bytes | bytearray]:
        """The whole signature, in parts."""
        return cut_sums(self._sums.signature)


class _Window:
    """Parts of many sums, mostly asked for in order; threads may share one.

    Args:
        sums: A part of them may cost a system call.
    """

    def __init__(self, sums: SumBytes) -> None:
        self._sums = sums
        self._kept = 0, b""

    def get(self, start: int, end: int) -> bytes:
        """A part, from byte to byte."""
        first, data = self._kept
        if start < first or end > first + len(data):
            first = start - start % _WINDOW_BYTES
            data = bytes(self._sums[first : max(end, first + 2 * _WINDOW_BYTES)])
            self._kept = first, data
        return data[start - first : end - first]


def cut_sums(sums: SumBytes) -> Iterator[bytes | bytearray]:
    """All of them, in parts of 1 MiB."""
    for start in range(0, len(sums), _PART_BYTES):
        yield sums[start : start + _PART_BYTES]


class KnownEntries:
    """The signature's part for blocks of `cover_len` that came before.

    Files repeat themselves, above all in zeros, and a signature costs four times
    what finding an equal block does.  Threads may share one.

    Memory: 0.4 MiB for each file that is being signed.
    """

    def __init__(self) -> None:
        self._entries: dict[bytes, bytes] = {}

    def get(self, block: bytes) -> bytes | None:
        """Of the block with this sum."""
        return self._entries.get(block)

    def add(self, block: bytes, entries: bytes) -> None:
        if len(self._entries) < _MOST_KNOWN:
            self._entries[block] = entries


def piece_sums(
    data: Data, block_len: int, known: KnownEntries | None = None
) -> PieceSums:
    """The sums of a piece of a file.

    Args:
        data: It begins at a multiple of `cover_len` in the file, and ends at one
            or with the file.
        block_len: Bytes, from `native_block_len` of the whole file.
        known: Of the same block length; learns, and makes no difference to what is
            returned.

    Raises:
        MissingDependency: There is no librsync.

    Cost: about 3 ms for each MiB, nearly all of it without the GIL; no state, so any
    thread may do it.
    """
    sums = block_sums(data, cover_len(block_len))
    if known is None:
        entries = signature_entries([data], block_len)
    else:
        entries = _join_entries(memoryview(data), block_len, sums, known)
    return PieceSums(entries, b"".join(sums))


def _join_entries(
    data: memoryview, block_len: int, sums: Sequence[bytes], known: KnownEntries
) -> bytes:
    found = {block: entries for block in set(sums) if (entries := known.get(block))}
    first = {block: at for at, block in reversed(list(enumerate(sums)))}
    new = sorted(at for block, at in first.items() if block not in found)
    length = cover_len(block_len)
    parts = [data[at * length : (at + 1) * length] for at in new]
    made = signature_entries(parts, block_len)
    step = length // block_len * ENTRY_BYTES
    for number, at in enumerate(new):  # only the last can be short, and is last here
        entries = found[sums[at]] = made[number * step : (number + 1) * step]
        known.add(sums[at], entries)
    return b"".join([found[block] for block in sums])


def signature_entries(parts: Iterable[Data], block_len: int) -> bytes:
    """The signature of the parts, joined, without its head.

    Parts that are whole blocks need not be neighbours in their file.
    """
    maker = SignatureMaker(block_len, Kind.RK_BLAKE2, SUM_BYTES)
    for part in parts:
        maker.feed(part)
    return maker.finish()[HEADER_BYTES:]


def block_sums(data: Data, length: int) -> list[bytes]:
    """The sum of each `length` bytes of `data`."""
    view = memoryview(data)
    return [
        block_sum(view[start : start + length]) for start in range(0, len(view), length)
    ]


def block_sum(data: Data) -> bytes:
    """BLAKE3, cut to SUM_BYTES."""
    return blake3(data).digest(SUM_BYTES)


class SumsJoiner:
    """Joins the sums of a file's pieces, which come in order.

    Args:
        block_len: Of the signature.
        make: Opens what the sums are kept in; what it raises passes through.

    Memory: up to 72 MiB for a file of 1 TiB, if it is memory that they are kept in.
    """

    def __init__(
        self, block_len: int, make: Callable[[], GrowingSums] = bytearray
    ) -> None:
        self._signature, self._blocks = make(), make()
        self._signature.extend(_HEADER.pack(Kind.RK_BLAKE2.value, block_len, SUM_BYTES))

    def add(self, piece: PieceSums) -> None:
        self._signature.extend(piece.entries)
        self._blocks.extend(piece.blocks)

    def done(self) -> Sums:
        """After the last piece."""
        return Sums(self._signature, self._blocks)


def join_sums(pieces: Iterable[PieceSums], block_len: int) -> Sums:
    """The sums of a file from those of its pieces, in order."""
    joiner = SumsJoiner(block_len)
    for piece in pieces:
        joiner.add(piece)
    return joiner.done()
