"""Which frames to read, and what of each goes where.  Pure.

Files are lists of extents, and many files share a frame; so the work is turned
round: runs of frames, each with the segments that are cut out of it.  However
many files want a frame, it is read and unpacked once.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from threading import Lock

from tiered.archive.index import VolumeRow
from tiered.codec.frames import FrameTable
from tiered.codec.reads import FrameRun, plan_reads

Segment = tuple[int, int, int, int, int]
"""Volume, offset in its content, number of the file, offset in the file, length.

A plain tuple: there is one for each extent, and sorting them is the work."""

Range = tuple[int, int]
"""Start and end in the content of a volume."""

_TOUCHING_BYTES = 8192
"""Ranges this close are one: between them are headers, as a rule no whole frame."""
_NOWHERE = -1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """What a read of a cold volume costs."""

    max_hole_bytes: int = 256 << 10
    """Stored bytes that are cheaper to read along than to ask again."""
    max_read_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """One read of one volume, and what is cut out of it."""

    volume: int
    frames: FrameRun
    segments: list[Segment]
    """By offset; each touches the run, and may reach beyond it."""


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
    table: FrameTable, ranges: Sequence[Range], settings: ReadSettings
) -> tuple[FrameRun, ...]:
    """The reads that hold ranges of one volume.

    Raises:
        ArchiveDamaged: A range goes beyond the volume.
    """
    return plan_reads(
        table,
        [(start, end - start) for start, end in ranges],
        max_hole_bytes=settings.max_hole_bytes,
        max_read_bytes=settings.max_read_bytes,
    )


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

    Cost: 1 microsecond for each segment.
    """
    runs: list[Run] = []
    for volume, group in groupby(sorted(segments), key=itemgetter(0)):
        wanted = list(group)
        frames, ranges = table(volume), JoinedRanges()
        for _, start, end in join_neighbours((v, o, n) for v, o, _, _, n in wanted):
            ranges.add(start, end)
        reads = cover(frames, ranges.done(), settings)
        ends = [frames.content_start(read.last + 1) for read in reads]
        parts = split_segments(wanted, ends)
        runs += [
            Run(volume, read, part)
            for read, part in zip(reads, parts, strict=True)
            if part
        ]
    return runs


class Turns:
    """Hands out runs in the order in which files want them, so that files get done.

    As long as there are enough files, no two runs at a time are of the same one:
    so the parts of a file arrive in order, and none waits to be hashed until it
    has to be read back.  What counts more, if volumes lie on several stores, is
    that all of these are busy: the next run is of the one that is read least at
    the time.  Any number of threads may use it.

    Args:
        runs: All there are.
        home: Number of a volume -> the store that it is read from.
    """

    def __init__(
        self, runs: Sequence[Run], home: Callable[[int], str] = lambda _: ""
    ) -> None:
        self._runs: dict[str, dict[int, deque[Run]]] = {}
        """By store, and by the file that wants them first."""
        self._home = {run.volume: home(run.volume) for run in runs}
        for (file, _), run in _needs(runs):
            files = self._runs.setdefault(self._home[run.volume], {})
            files.setdefault(file, deque()).append(run)
        self._busy: Counter[int] = Counter()
        self._reads: Counter[str] = Counter()
        self._lock = Lock()

    def take(self) -> tuple[int, Run]:
        """The next run, and its file, which is busy until `end`."""
        with self._lock:
            home = min(self._runs, key=self._rank)
            runs = self._runs[home]
            free = (file for file in runs if not self._busy[file])
            file = next(free, next(iter(runs)))
            run = runs[file].popleft()
            if not runs[file]:
                del runs[file]
            if not runs:
                del self._runs[home]
            self._busy[file] += 1
            self._reads[home] += 1
            return file, run

    def end(self, file: int, run: Run) -> None:
        with self._lock:
            self._busy[file] -= 1
            self._reads[self._home[run.volume]] -= 1

    def _rank(self, home: str) -> tuple[int, int]:
        return self._reads[home], next(iter(self._runs[home]))


def _needs(runs: Sequence[Run]) -> list[tuple[tuple[int, int], Run]]:
    """Runs by the first file that wants them, and where in it.

    A run in which one file ends and another begins, which goes on in others, is the
    other's: all of that would wait for it.
    """
    firsts = [min(segment[2:4] for segment in run.segments) for run in runs]
    heads = {file for file, _ in firsts}
    needs = []
    for run, first in zip(runs, firsts, strict=True):
        last = run.segments[-1][2]
        begins = last in heads and any(s[2:4] == (last, 0) for s in run.segments)
        needs.append(((last, 0) if begins else first, run))
    return sorted(needs, key=itemgetter(0))


def split_segments(
    segments: list[Segment], ends: Iterable[int]
) -> Iterator[list[Segment]]:
    """For each stretch of content, those that touch it.

    Args:
        segments: Of one volume, by offset.
        ends: Where each stretch ends; it begins where the one before ended, or
            at a hole that nobody wants.
    """
    at, count = 0, len(segments)
    over: list[Segment] = []
    for end in ends:
        part = over
        first = at
        while at < count and segments[at][1] < end:
            at += 1
        part = over + segments[first:at] if over else list(segments[first:at])
        yield part
        over = [s for s in part if s[1] + s[4] > end]
