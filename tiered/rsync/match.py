"""Which bytes of a new version stand in the old one at a given distance.

The shift is the offset of a byte in the new version minus that in the old one: 0
where a file was overwritten in place, and from an insertion on its length.  With
the shift known, comparing is hashing: first blocks of 64 KiB or more by BLAKE3,
then, only where these differ, the blocks of the old signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiered.rsync.pieces import Pieces
from tiered.rsync.sums import (
    BLOCK_BYTES,
    ENTRY_BYTES,
    SUM_BYTES,
    KnownSums,
    signature_entries,
)

_LOST_BYTES: Final = 256 << 10

Range = tuple[int, int]
"""(start, end) in the new version"""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the new version, and the shift that is tried there."""

    start: int
    end: int
    shift: int


def match_span(
    pieces: Pieces, span: Span, old: KnownSums, block_len: int
) -> list[Range]:
    """What of the span the old version has at its shift, in order, joined.

    Args:
        pieces: They hold the span.
        span: Where, and which shift.
        old: Sums of the old version.
        block_len: Of the new signature.

    Cost: one pass of BLAKE3, and one of librsync over blocks that differ; nearly
    all of it without the GIL.
    """
    start = max(span.start - span.shift, 0)
    end = min(span.end - span.shift, old.size)
    if start >= end:
        return []
    same = _same_blocks(pieces, (start, end), span.shift, old)
    if old.block_len < old.cover_len:
        same = _joined(
            [
                *same,
                *_same_entries(
                    pieces, _between(same, (start, end)), span.shift, old, block_len
                ),
            ]
        )
    return [(a + span.shift, b + span.shift) for a, b in same]


def _same_blocks(
    pieces: Pieces, where: Range, shift: int, old: KnownSums
) -> list[Range]:
    """Blocks of `blocks` that are the same; all ranges in the old version."""
    found: list[Range] = []
    length = old.cover_len
    begin = _up(where[0], length)
    count = (where[1] - begin) // length
    if count > 0 and shift % length == 0 and pieces.unit == length:
        number, last = begin // length, begin + count * length
        new = pieces.block_sums(begin + shift, last + shift)
        was = old.blocks(number, number + count)
        for a, b in _same_runs(new, was, SUM_BYTES):
            _append(found, begin + a * length, begin + b * length)
        begin = last
    for start in range(begin, where[1], length):
        end = min(start + length, old.size)
        if end > where[1]:
            break
        if pieces.block_sum(start + shift, end + shift) == old.block(start // length):
            _append(found, start, end)
    return found


def _same_entries(
    pieces: Pieces, gaps: list[Range], shift: int, old: KnownSums, block_len: int
) -> list[Range]:
    """Blocks of the old signature that are the same, in the gaps.

    At a shift for which the sums are of no other use, it ends where the old
    version seems to be somewhere else by now.
    """
    length = old.block_len
    whole = [(_up(a, length), _down(b, length, old.size)) for a, b in gaps]
    whole = [(a, b) for a, b in whole if a < b]
    # Blocks of the new signature that are blocks of the old one are made only once.
    aligned = length == block_len and shift % length == 0
    if aligned:
        pieces.fill([(a + shift, b + shift) for a, b in whole])
    found: list[Range] = []
    missed = 0
    for start, end in whole if aligned else _in_blocks(whole):
        if aligned and (end % length == 0 or end + shift == pieces.end):
            new = pieces.entries(start + shift, end + shift)
        else:
            view = pieces.view(start + shift, end + shift)
            new = signature_entries([view], length)
        was = old.entries(start // length, -(-end // length))
        same = _same_runs(new, was, ENTRY_BYTES)
        for a, b in same:
            _append(found, start + a * length, min(start + b * length, end))
        missed = 0 if same else missed + end - start
        if missed >= _LOST_BYTES and not aligned:
            break
    return found


def _in_blocks(ranges: list[Range]) -> list[Range]:
    return [
        (at, min(at + BLOCK_BYTES, end))
        for start, end in ranges
        for at in range(start, end, BLOCK_BYTES)
    ]


def _same_runs(new: bytes, was: bytes, width: int) -> Sequence[Range]:
    """Runs of equal sums of `width` bytes, by their numbers from 0."""
    if new == was:
        return [(0, len(was) // width)] if was else []
    runs: list[Range] = []
    for number, at in enumerate(range(0, len(was), width)):
        if new[at : at + width] == was[at : at + width]:
            _append(runs, number, number + 1)
    return runs


def _between(found: list[Range], where: Range) -> list[Range]:
    """What of `where` is not in `found`."""
    edges = [where[0], *(edge for pair in found for edge in pair), where[1]]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def _joined(ranges: list[Range]) -> list[Range]:
    joined: list[Range] = []
    for start, end in sorted(ranges):
        _append(joined, start, end)
    return joined


def _append(ranges: list[Range], start: int, end: int) -> None:
    if ranges and ranges[-1][1] == start:
        ranges[-1] = (ranges[-1][0], end)
    else:
        ranges.append((start, end))


def _down(value: int, step: int, size: int) -> int:
    """The last end of a block up to `value`, in a file of `size`."""
    return value if value == size else value // step * step


def _up(value: int, step: int) -> int:
    return -(-value // step) * step
