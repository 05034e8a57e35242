"""What changed: the tree on disk against the state after the last set.  Pure.

Both sides come in archive order, so one pass and constant memory are enough.
Beyond type, mode, owner and time (whole seconds), two things are looked at,
because time alone is not to be trusted:

  * a signature tells how many blocks the file had, so most changes of size
    under an unchanged time are seen
  * a file whose time is not older than the last backup may have been written
    again in the same second, after it was read: it is `in_doubt`, and its
    content decides
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tiered.archive.fileinfo import FileType
from tiered.archive.paths import PathKey
from tiered.archive.sigtar import State
from tiered.engine.scan import Scanned, Unreadable
from tiered.rsync import signature_header
from tiered.rsync.header import HEADER_BYTES


@dataclass(frozen=True, slots=True)
class New:
    """Store it whole: it is new, of another type, or not a regular file."""

    scanned: Scanned
    known: bool = False
    """The path was there before, with other attributes or as something else."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A regular file before and after; store the difference."""

    scanned: Scanned
    signature: bytes
    """librsync signature of the old content."""
    in_doubt: bool
    """Attributes say that it is unchanged."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """It was there, and is not any more."""

    path: PathKey


Change = New | Changed | Deleted | Unreadable


def find_changes(
    scanned: Iterator[Scanned | Unreadable], before: Iterator[State], before_s: int
) -> Iterator[Change]:
    """Merge the two sides.

    Args:
        scanned: The tree, in archive order.
        before: The state after the parent set, in archive order; empty for a
            full.
        before_s: Time of the parent set, seconds since 1970.

    Returns:
        Changes in archive order.  What is unchanged is left out.  Below an
        unreadable path nothing counts as deleted.
    """
    state = next(before, None)
    for item in scanned:
        path = item.path if isinstance(item, Unreadable) else item.info.path
        while state is not None and state.info.path < path:
            yield Deleted(state.info.path)
            state = next(before, None)
        if isinstance(item, Unreadable):
            yield item
            while state is not None and state.info.path[: len(path)] == path:
                state = next(before, None)
            continue
        if state is None or state.info.path != path:
            yield New(item)
            continue
        if change := _compare(item, state, before_s):
            yield change
        state = next(before, None)
    while state is not None:
        yield Deleted(state.info.path)
        state = next(before, None)


def _compare(item: Scanned, state: State, before_s: int) -> Change | None:
    same = item.info.same_as(state.info)
    if item.info.type is not FileType.REGULAR:
        return None if same else New(item, known=True)
    if state.info.type is not FileType.REGULAR:
        return New(item, known=True)
    head = state.body.read(HEADER_BYTES)
    same = same and _size_fits(item.size_bytes, head, state.body_bytes)
    if same and item.info.mtime_s < before_s:
        return None
    return Changed(item, head + state.body.read(), in_doubt=same)


def _size_fits(size_bytes: int, head: bytes, signature_bytes: int) -> bool:
    """Could a file of this size have a signature of that length?"""
    header = signature_header(head)
    row_bytes = 4 + header.strong_len
    blocks = (signature_bytes - HEADER_BYTES) // row_bytes
    return -(-size_bytes // header.block_len) == blocks
