"""The tasks of a restore: what one thread does from end to end.

A task never speaks to anybody and decides nothing: it returns what it did and what
went wrong.  Every task may be repeated.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from tiered.engine.native.cold import ColdVolumes, OpenRun
from tiered.engine.native.files import FileJob, FileWriter, has_content
from tiered.engine.native.folders import SpecialJob, make_special
from tiered.engine.native.layers import Piece
from tiered.engine.native.schedule import Run, Segment, split_segments
from tiered.engine.native.small_files import SMALL_BYTES, Small, SmallFiles
from tiered.engine.native.turns import Turns
from tiered.engine.native.whole_files import Dresser, TemporaryNames
from tiered.engine.restoration import NO_USE_TO_GO_ON
from tiered.errors import ArchiveDamaged, Frozen, TargetError

J = TypeVar("J", FileJob, SpecialJob, FileJob | SpecialJob)

_FILE, _AT = itemgetter(2), itemgetter(3)

BATCH = 256
"""Paths without content that are one task."""


@dataclass(slots=True)
class Outcome:
    """What a task did."""

    files: int = 0
    specials: int = 0
    failed: list[tuple[bytes, Exception]] = field(default_factory=list)
    """Files that could not be restored, and why."""
    frozen: str = ""
    """The volume that was sealed: nothing was done."""


class Pourer:
    """Does tasks; any number of threads may use it."""

    def __init__(
        self, volumes: ColdVolumes, names: TemporaryNames, dresser: Dresser
    ) -> None:
        self._volumes, self._names, self._dresser = volumes, names, dresser
        self._writer = FileWriter(names, dresser)
        self._small = SmallFiles(self._writer, dresser)

    def start(self, processes: int) -> None:
        """Have processes write small files; before the first of them."""
        self._small.start(processes)

    def close(self) -> None:
        """Nothing is written afterwards."""
        self._small.close()

    def pour(self, files: Sequence[FileJob], run: Run) -> Outcome:
        """Read a run, and write what it holds and has not been written of it.

        Raises:
            TargetError: The target is full or gone.
            StoreError: The store does not answer.
        """
        pouring = _Pouring(self._writer, self._small, files)
        try:
            opened = self._volumes.open_run(run.volume, run.frames)
            frames = range(run.frames.first, run.frames.last + 1)
            table = self._volumes.table(run.volume)
            ends = [table.content_start(frame + 1) for frame in frames]
            parts = split_segments(run.segments, ends)
            for frame, part in zip(frames, parts, strict=True):
                if part and frame >= run.next_frame:
                    pouring.frame(opened, frame, table.content_start(frame), part)
                run.next_frame = max(run.next_frame, frame + 1)
        except Frozen:
            pouring.outcome.frozen = self._volumes.name(run.volume).name
        finally:
            pouring.end()
        return pouring.outcome

    def make(self, jobs: Sequence[FileJob | SpecialJob]) -> Outcome:
        """Write empty files, links, devices and FIFOs."""
        outcome = Outcome()
        for job in jobs:
            try:
                if isinstance(job, FileJob):
                    self._writer.write_whole(job, memoryview(b""))
                    outcome.files += 1
                else:
                    make_special(job, self._names, self._dresser)
                    outcome.specials += 1
            except (OSError, ArchiveDamaged) as e:
                fail(outcome, job.file, e)
        return outcome

    def find(self, jobs: Sequence[FileJob]) -> Outcome:
        """Mark files that are there already, and give them their attributes."""
        outcome = Outcome()
        for job in jobs:
            with suppress(OSError):  # then it is written anew
                if has_content(job, self._dresser):
                    job.done = True
                    outcome.files += 1
        return outcome

    def abandon(self, files: Sequence[FileJob]) -> None:
        self._writer.abandon(files)


class Turn:
    """One run, whichever it is: it is chosen when a thread has time for it."""

    def __init__(self, turns: Turns, pourer: Pourer, files: Sequence[FileJob]) -> None:
        self._turns, self._pourer, self._files = turns, pourer, files
        self._run: Run | None = None

    def __call__(self) -> Outcome:
        if self._run:  # again, as its volume was frozen
            return self._pourer.pour(self._files, self._run)
        file, self._run = self._turns.take()
        try:
            return self._pourer.pour(self._files, self._run)
        finally:
            self._turns.end(file, self._run)


class _Pouring:
    """One run on its way into files."""

    def __init__(
        self, writer: FileWriter, small: SmallFiles, files: Sequence[FileJob]
    ) -> None:
        self._writer, self._small, self._files = writer, small, files
        self.outcome = Outcome()
        self._part: FileJob | None = None
        """The file whose part is open: as a rule the next piece is of it, too."""
        self._fd = -1

    def frame(
        self, opened: OpenRun, frame: int, start: int, segments: Sequence[Segment]
    ) -> None:
        """Write what lies in a frame, whose content begins at `start`."""
        files = self._files
        try:
            content = opened.content(frame)
        except ArchiveDamaged as e:
            for segment in segments:
                self._fail(files[segment[2]], e)
            return
        size = len(content)
        small: list[Small] = []
        for number, group in groupby(segments, key=_FILE):
            job = files[number]
            if job.done or job.failed:
                continue
            some = list(group)
            _, offset, _, _, length = some[0]
            first, last = offset - start, offset - start + length
            is_whole = length == job.size and first >= 0 and last <= size
            if not is_whole or job.sparse or job.joins.gaps:
                self._pieces(job, content, start, some)
            elif length <= SMALL_BYTES:
                small.append((job, first, last))
            else:
                self._whole(job, content[first:last])
        if small:
            failed = self._small.write(content, small)
            self.outcome.files += len(small) - len(failed)
            for job, error in failed:
                self._fail(job, error)

    def end(self) -> None:
        if self._part is not None:
            self._part = None
            os.close(self._fd)

    def _whole(self, job: FileJob, data: memoryview) -> None:
        try:
            self._writer.write_whole(job, data)
            self.outcome.files += 1
        except (OSError, ArchiveDamaged) as e:
            self._fail(job, e)

    def _pieces(
        self,
        job: FileJob,
        content: memoryview,
        start: int,
        segments: Sequence[Segment],
    ) -> None:
        joined: Sequence[Piece] = ()
        starts = job.joins.starts
        if not starts.isdisjoint(map(_AT, segments)):
            joined = _cut(content, start, [s for s in segments if s[3] in starts])
            segments = [s for s in segments if s[3] not in starts]
        pieces = _cut(content, start, segments)
        try:
            if job is not self._part:
                self.end()
                self._fd = self._writer.open_part(job)
                self._part = job
            self.outcome.files += self._writer.write_pieces(
                job, self._fd, pieces, joined
            )
        except (OSError, ArchiveDamaged) as e:
            self._fail(job, e)

    def _fail(self, job: FileJob, error: OSError | ArchiveDamaged) -> None:
        if not job.failed:
            job.failed = True
            fail(self.outcome, job.file, error)


def _cut(
    content: memoryview, start: int, segments: Iterable[Segment]
) -> Sequence[Piece]:
    """What of segments lies in a frame, whose content begins at `start`."""
    return [
        (at, content[(first := offset - start) : first + length])
        if offset >= start
        else (at + start - offset, content[: offset + length - start])
        for _, offset, _, at, length in segments
    ]


def fail(outcome: Outcome, file: bytes, error: OSError | ArchiveDamaged) -> None:
    """Note that a file cannot be restored; give up if no file can."""
    check_hope(file, error)
    outcome.failed.append((file, error))


def check_hope(file: bytes, error: Exception) -> None:
    """May the next file be luckier?

    Raises:
        TargetError: Not after this error.
    """
    if isinstance(error, OSError) and error.errno in NO_USE_TO_GO_ON:
        raise TargetError(
            f"cannot restore {os.fsdecode(file)!r}: {error.strerror}",
            hint="Free space there and restore again, with --force or to a new place.",
        ) from error


def batches(jobs: Sequence[J]) -> Iterator[Sequence[J]]:
    for at in range(0, len(jobs), BATCH):
        yield jobs[at : at + BATCH]
