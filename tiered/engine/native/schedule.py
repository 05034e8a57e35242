"""Which frames to read, and what of each goes where.  Pure.

Files are lists of extents, and many files share a frame; so the work is turned
round: runs of frames, each with the segments that are cut out of it.  However
many files want a frame, it is read and unpacked once.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from tiered.archive.index import VolumeRow
from tiered.codec.frames import FrameTable
from tiered.codec.reads import FrameRun, plan_reads

Segment = tuple[int, int, int, int, int]
"""Volume, offset in its content, number of the file, offset in the file, length.

A plain tuple: there is one for each extent, and sorting them is the work."""

Range = tuple[int, int]
"""Start and end in the content of a volume."""

_OFFSET, _LENGTH = itemgetter(1), itemgetter(4)
_TOUCHING_BYTES = 8192
"""Ranges this close are one: between them are headers, as a rule no whole frame."""
_NOWHERE = -1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """What a read of a cold volume costs."""

    max_hole_bytes: int = 256 << 10
    """Stored bytes that are cheaper to read along than to ask again."""
    max_read_bytes: int = 8 << 20


@dataclass(slots=True, eq=False)
class Run:
    """One read of one volume, and what is cut out of it."""

    volume: int
    frames: FrameRun
    start: int
    """Of its content in that of the volume."""
    segments: list[Segment]
    """By offset; each touches the run, and may reach beyond it."""
    next_frame: int = 0
    """The first one that is not written yet: all before are."""


class VolumeNumbers:
    """One numbering of the volumes of all sets, whatever index speaks of them."""

    def __init__(self) -> None:
        self._rows: list[VolumeRow] = []
        self._numbers: dict[VolumeRow, int] = {}
        self._last: tuple[Sequence[VolumeRow], list[int]] = (), []

    def row(self, number: int) -> VolumeRow:
        return self._rows[number]

    def of(self, rows: Sequence[VolumeRow]) -> list[int]:
        """Row of an index's table -> number."""
        if self._last[0] is not rows:
            self._last = rows, [self._number(row) for row in rows]
        return self._last[1]

    def _number(self, row: VolumeRow) -> int:
        number = self._numbers.setdefault(row, len(self._rows))
        if number == len(self._rows):
            self._rows.append(row)
        return number


class JoinedRanges:
    """Ranges of one volume; those that overlap or nearly touch become one.

    They may come in any order, and are few if they come nearly sorted.
    """

    def __init__(self) -> None:
        self._ranges: list[Range] = []
        self._start = self._end = _NOWHERE

    def add(self, start: int, end: int) -> None:
        if self._start <= start <= self._end + _TOUCHING_BYTES:
            if end > self._end:
                self._end = end
            return
        if self._end != _NOWHERE:
            self._ranges.append((self._start, self._end))
        self._start, self._end = start, end

    def done(self) -> list[Range]:
        """All ranges, sorted, none of them near another."""
        joined = JoinedRanges()
        for start, end in sorted([*self._ranges, (self._start, self._end)]):
            joined.add(start, end)
        last = joined._start, joined._end
        return [*joined._ranges, last] if last[1] != _NOWHERE else []


def join_neighbours(
    extents: Iterable[tuple[int, int, int]],
) -> Iterator[tuple[int, int, int]]:
    """(volume, offset, length) -> (volume, start, end): those that follow each other
    and nearly touch are one.  Most do, and most of the work is done here.
    """
    last, start, end = -1, 0, 0
    for volume, offset, length in extents:
        if volume == last and start <= offset <= end + _TOUCHING_BYTES:
            if offset + length > end:
                end = offset + length
            continue
        if last >= 0:
            yield last, start, end
        last, start, end = volume, offset, offset + length
    if last >= 0:
        yield last, start, end


def cover(
    table: FrameTable, ranges: Iterable[Range], settings: ReadSettings
) -> tuple[FrameRun, ...]:
    """The reads that hold ranges of one volume.

    Args:
        ranges: By where they begin.

    Raises:
        ArchiveDamaged: A range goes beyond the volume.
    """
    return plan_reads(
        table,
        _by_frames(table, ranges),
        max_hole_bytes=settings.max_hole_bytes,
        max_read_bytes=settings.max_read_bytes,
    )


def _by_frames(table: FrameTable, ranges: Iterable[Range]) -> Iterator[tuple[int, int]]:
    """(start, length): without ranges that lie in the last frame of one before."""
    end = 0
    for start, stop in ranges:
        if stop > end:
            span = table.span(start, stop - start)
            end = table.content_start(span.first + span.count)
            yield start, stop - start


def plan_runs(
    segments: Iterable[Segment],
    table: Callable[[int], FrameTable],
    settings: ReadSettings,
) -> list[Run]:
    """Runs for all segments, by volume and position.

    Args:
        table: Number of a volume -> its frames.

    Raises:
        ArchiveDamaged: A segment goes beyond its volume.

    Cost: 0.5 microseconds for each segment.
    """
    by_volume: defaultdict[int, list[Segment]] = defaultdict(list)
    for segment in segments:
        by_volume[segment[0]].append(segment)
    runs: list[Run] = []
    for volume in sorted(by_volume):
        wanted = by_volume.pop(volume)
        wanted.sort()  # mostly it is: files and volumes are in the same order
        frames = table(volume)
        reads = cover(frames, _touching(wanted), settings)
        ends = [frames.content_start(read.last + 1) for read in reads]
        runs += [
            Run(volume, read, frames.content_start(read.first), part)
            for read, part in zip(reads, split_segments(wanted, ends), strict=True)
            if part
        ]
    return runs


def _touching(segments: Sequence[Segment]) -> Iterator[Range]:
    """What segments of one volume, by offset, are of it; those that nearly touch are
    one."""
    start = end = segments[0][1]
    for _, offset, _, _, length in segments:
        if offset > end + _TOUCHING_BYTES:
            yield start, end
            start = offset
        if offset + length > end:
            end = offset + length
    yield start, end


def split_segments(
    segments: Sequence[Segment], ends: Iterable[int]
) -> Iterator[list[Segment]]:
    """For each stretch of content, those that touch it.

    Args:
        segments: Of one volume, by offset.
        ends: Where each stretch ends; it begins where the one before ended, or
            at a hole that nobody wants.
    """
    first = 0
    over: list[Segment] = []
    longest = max(map(_LENGTH, segments), default=0)
    for end in ends:
        stop = bisect_left(segments, end, first, key=_OFFSET)
        part = [*over, *segments[first:stop]]
        yield part
        near = bisect_left(part, end - longest, key=_OFFSET)
        over = [s for s in part[near:] if s[1] + s[4] > end]
        first = stop
