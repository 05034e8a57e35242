"""What changed: the tree on disk against the state after the last set.  Pure.

Both sides come in archive order as columns.  Where runs of them are equal, no row
is looked at, which is what makes an unchanged tree cheap.

Content counts as unchanged if size, mtime and ctime say so; a ctime cannot be set
back by a program.  A file that was touched in the second in which the parent set
began, or later, may have been written again after it was read: it is read again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tiered.archive.columns import REGULAR, Columns, Places
from tiered.archive.fileinfo import FileType
from tiered.archive.index import IndexReader
from tiered.archive.paths import join_path
from tiered.engine.native.state import order_key
from tiered.engine.scan import Unreadable

_RUNS = (256, 16)
"""Rows that are compared at once; fewer where some differ."""
_LEAST_RUN = _RUNS[-1]
_HARDLINK = FileType.HARDLINK.value[0]
_PLAIN = bytes((REGULAR, FileType.DIRECTORY.value[0], FileType.FIFO.value[0]))
"""Types of which fixed columns say everything."""


class What(Enum):
    """What is to be done about a path."""

    NEW = "new"
    """It was not there, or not of this type."""
    ATTRIBUTES = "attributes"
    """Its content is as it was."""
    CONTENT = "content"
    """A regular file whose content must be looked at."""
    GONE = "gone"


class Row(NamedTuple):
    """A row of a block, and what finds the columns that not every row has."""

    columns: Columns
    places: Places
    at: int

    @property
    def path(self) -> bytes:
        return self.columns.paths[self.at]


class Change(NamedTuple):
    """One path that differs."""

    what: What
    path: bytes
    new: Row | None
    """On disk; None if it is gone."""
    old: Row | None
    """In the state before; None if it is new or of another type."""


@dataclass(slots=True)
class _State:
    """Goes through the blocks of an index."""

    reader: IndexReader
    columns: Columns
    places: Places
    at: int = 0
    _block: int = 0

    @classmethod
    def of(cls, reader: IndexReader) -> "_State":
        state = cls(reader, Columns(), Places(Columns()))
        state.settle()
        return state

    def settle(self) -> bool:
        """Go to the next block if this one is through; False at the end."""
        while self.at == len(self.columns):
            if self._block == len(self.reader.block_rows):
                return False
            self.columns = self.reader.block(self.reader.block_rows[self._block])
            self.places = Places(self.columns)
            self._block += 1
            self.at = 0
        return True

    def row(self) -> Row:
        return Row(self.columns, self.places, self.at)


def find_changes(
    tree: Iterable[Columns | Unreadable], before: IndexReader | None, before_ns: int
) -> Iterator[Change | Unreadable]:
    """Merge the two sides.

    Args:
        tree: What is on disk, in archive order; owners by the numbers of `before`.
        before: The state after the parent set; None for a full set.
        before_ns: When the parent set began, nanoseconds since 1970.

    Returns:
        Changes in archive order.  Below an unreadable path nothing counts as gone.

    Raises:
        ArchiveDamaged: A block of the state does not parse.
    """
    state = _State.of(before) if before else None
    for item in tree:
        if isinstance(item, Unreadable):
            yield item
            if state:
                yield from _skip_below(state, join_path(item.path))
        elif state:
            yield from _compare(item, state, before_ns)
        else:
            places = Places(item)
            for at, path in enumerate(item.paths):
                yield Change(What.NEW, path, Row(item, places, at), None)
    while state and state.settle():
        yield Change(What.GONE, state.columns.paths[state.at], None, state.row())
        state.at += 1


def _skip_below(state: _State, path: bytes) -> Iterator[Change]:
    key, below = order_key(path), order_key(path) + b"\0"
    while state.settle():
        found = order_key(state.columns.paths[state.at])
        if found > key and not found.startswith(below):
            return
        if found < key:
            yield Change(What.GONE, state.columns.paths[state.at], None, state.row())
        state.at += 1


def _compare(batch: Columns, state: _State, before_ns: int) -> Iterator[Change]:
    places = Places(batch)
    at = passed = 0
    while at < len(batch):
        if not state.settle():
            yield Change(What.NEW, batch.paths[at], Row(batch, places, at), None)
            at += 1
            continue
        if at >= passed:
            rows = _count_equal(batch, at, state, before_ns)
            at += rows
            state.at += rows
            if rows:
                continue
            passed = at + _LEAST_RUN  # one of these differs
        path, other = batch.paths[at], state.columns.paths[state.at]
        if path == other:
            new, old = Row(batch, places, at), state.row()
            if what := _difference(new, old, before_ns):
                yield Change(what, path, new, None if what is What.NEW else old)
            at += 1
            state.at += 1
        elif order_key(path) < order_key(other):
            yield Change(What.NEW, path, Row(batch, places, at), None)
            at += 1
        else:
            yield Change(What.GONE, other, None, state.row())
            state.at += 1


def _count_equal(batch: Columns, at: int, state: _State, before_ns: int) -> int:
    """How many rows are equal, if a whole run of them is; else 0."""
    most = min(len(batch) - at, len(state.columns) - state.at)
    for run in _RUNS:
        count = min(run, most)
        if _runs_equal(batch, at, state.columns, state.at, count, before_ns):
            return count
    return 0


def _runs_equal(
    one: Columns, i: int, two: Columns, j: int, count: int, before_ns: int
) -> bool:
    """Are these rows equal and beyond doubt, as far as whole columns can say?"""
    m, n = i + count, j + count
    return (
        one.paths[i:m] == two.paths[j:n]
        and one.mtimes_ns[i:m] == two.mtimes_ns[j:n]
        and one.ctimes_ns[i:m] == two.ctimes_ns[j:n]
        and one.sizes[i:m] == two.sizes[j:n]
        and one.types[i:m] == two.types[j:n]
        and one.modes[i:m] == two.modes[j:n]
        and one.owners[i:m] == two.owners[j:n]
        and max(one.ctimes_ns[i:m]) < before_ns
        and max(one.mtimes_ns[i:m]) < before_ns
        and not one.types[i:m].strip(_PLAIN)
    )


def _difference(new: Row, old: Row, before_ns: int) -> What | None:
    one, i, two, j = new.columns, new.at, old.columns, old.at
    kind = one.types[i]
    if kind != two.types[j]:
        return What.NEW
    mtime, ctime = one.mtimes_ns[i], one.ctimes_ns[i]
    same_times = mtime == two.mtimes_ns[j] and ctime == two.ctimes_ns[j]
    in_doubt = max(mtime, ctime) >= before_ns
    doubtful = in_doubt or not same_times or one.sizes[i] != two.sizes[j]
    if kind == REGULAR and doubtful:
        return What.CONTENT
    same = (
        same_times
        and not (in_doubt and kind == _HARDLINK)  # it comes with its file
        and one.modes[i] == two.modes[j]
        and one.owners[i] == two.owners[j]
        and new.places.special(i) == old.places.special(j)
    )
    return None if same else What.ATTRIBUTES
