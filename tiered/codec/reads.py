"""Which bytes of an object to read for many ranges of its content.  Pure.

Requests cost money and time each, so neighbouring frames become one read, and
a small hole between two is read along; no frame is ever read twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tiered.codec.frames import FrameTable


@dataclass(frozen=True, slots=True)
class FrameRun:
    """Frames `first` to `last`, read with one request."""

    first: int
    last: int
    stored_start: int
    stored_length: int


def plan_reads(
    table: FrameTable,
    wanted: Iterable[tuple[int, int]],
    *,
    max_hole_bytes: int,
    max_read_bytes: int,
) -> tuple[FrameRun, ...]:
    """Cover ranges of content with few reads.

    Args:
        table: The frames of the object.
        wanted: (start, length) in the content, in any order; they may overlap.
        max_hole_bytes: Stored bytes between two needed frames that are cheaper
            to read than another request.
        max_read_bytes: A read is not longer, unless it is of one frame.

    Returns:
        Runs by position; each frame that is needed is in exactly one.

    Raises:
        ArchiveDamaged: A range goes beyond the object.
    """
    needed = sorted(
        (span.first, span.first + span.count - 1)
        for span in (table.span(start, length) for start, length in wanted)
    )
    runs: list[FrameRun] = []
    for first, last in needed:
        for frame in range(max(first, runs[-1].last + 1 if runs else 0), last + 1):
            one = _run(table, frame, frame)
            if runs and _joins(runs[-1], one, max_hole_bytes, max_read_bytes):
                runs[-1] = _run(table, runs[-1].first, frame)
            else:
                runs.append(one)
    return tuple(runs)


def _run(table: FrameTable, first: int, last: int) -> FrameRun:
    start, end = table.stored_start(first), table.stored_start(last + 1)
    return FrameRun(first, last, start, end - start)


def _joins(run: FrameRun, one: FrameRun, max_hole: int, max_read: int) -> bool:
    end = run.stored_start + run.stored_length
    length = one.stored_start + one.stored_length - run.stored_start
    return one.stored_start - end <= max_hole and length <= max_read
