"""The paths that a restore is of, from indexes: all of them, or those below one.

All is read from the merged state, if the cache has it.  If not, one file is looked
up in the index of each set, the newest first: a chain need not be merged for it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tiered.archive.collection import Chain, Collection
from tiered.archive.columns import SPARSE, Columns, IndexRow, Owner
from tiered.archive.fileinfo import FileType
from tiered.archive.index import IndexReader, VolumeRow
from tiered.archive.paths import PathKey, join_path, show_path, split_path
from tiered.engine.context import Context
from tiered.engine.native.hot import open_indexes
from tiered.engine.native.joined import Joined, join_extents
from tiered.engine.native.state import chain_index, is_one_index, order_key
from tiered.errors import ArchiveDamaged, NoBackup

_FEW_EXTENTS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """Rows `start` to `stop` of a block, and the tables that they refer to."""

    columns: Columns
    start: int
    stop: int
    owners: Sequence[Owner]
    volumes: Sequence[VolumeRow]
    joined: dict[int, Joined] = field(default_factory=dict)
    """Row -> what is known by now of a file whose extents are worth joining."""


@dataclass(frozen=True, slots=True)
class Found:
    """One row, and the tables that it refers to."""

    row: IndexRow
    owners: Sequence[Owner]
    volumes: Sequence[VolumeRow]

    def part(self) -> Part:
        columns = Columns()
        columns.add(self.row, 0)
        return Part(columns, 0, 1, (self.row.owner,), self.volumes)


def is_worth_joining(extents: int, flags: int) -> bool:
    """Not if they are few; and of a sparse file zeros are left out, so none may lie
    over anything."""
    return extents > _FEW_EXTENTS and not flags & SPARSE


def joined_extents(part: Part, row: int, first: int, last: int) -> Joined:
    """The extents of a file, joined; volumes are rows of the part's table.

    Args:
        first: The first of them in the columns.
        last: Behind the last one.
    """
    found = part.joined.get(row)
    if found is None:
        columns, here = part.columns, slice(first, last)
        found = part.joined[row] = join_extents(
            zip(
                columns.extent_volumes[here],
                columns.extent_offsets[here],
                columns.extent_lengths[here],
                strict=True,
            )
        )
    return found


class Selection:
    """What to restore.

    Args:
        path: What it is below; () for everything.
        indexes: That hold it; the newest first, or the merged state alone.
        single: The row of `path`, if that is all.
    """

    def __init__(
        self, path: PathKey, indexes: Sequence[IndexReader], single: Found | None
    ) -> None:
        self.path = path
        self._indexes, self._single = indexes, single

    def parts(self) -> Iterator[Part]:
        """All rows, in archive order.

        Raises:
            ArchiveDamaged: See `IndexReader.block`.
        """
        if self._single:
            yield self._single.part()
            return
        for index in self._indexes:
            for columns, start, stop in _below(index, self.path):
                yield Part(columns, start, stop, index.owners, index.volumes)

    def content_of(self, link: bytes) -> Found:
        """The file that a hard link shares its content with.

        Raises:
            ArchiveDamaged: There is no such file.
        """
        found = look_up(self._indexes, split_path(link))
        if found is None or found.row.type is not FileType.REGULAR:
            shown = show_path(split_path(link))
            raise ArchiveDamaged(f"a hard link is to {shown}, which is no file")
        return found


@contextmanager
def select(
    context: Context, collection: Collection, chain: Chain, path: PathKey
) -> Iterator[Selection]:
    """Find `path` at the end of a chain.

    Raises:
        NoBackup: It is not there.
        ArchiveDamaged, StoreError, PassphraseError: See `open_index`.

    Cost: For a single file one block of the merged state, or of each index down to
    the one that has it; of those that the cache lacks, twice as many are fetched.
    """
    with ExitStack() as stack:
        opening = _indexes(context, collection, chain, stack)
        indexes: list[IndexReader] = []
        single: Found | None = None
        for index in opening if path else ():
            indexes.append(index)
            if single := look_up(indexes[-1:], path):
                break
        if single and single.row.type is FileType.HARDLINK:
            indexes += opening
        if path and (single is None or single.row.type is None):
            raise NoBackup(
                f"{show_path(path)} is not in the archive at that time",
                hint="`tiered list-current-files` shows what is.",
            )
        if single is None or single.row.type is FileType.DIRECTORY:
            indexes = [stack.enter_context(chain_index(context, collection, chain))]
            single = None
        yield Selection(path, indexes, single)


def _indexes(
    context: Context, collection: Collection, chain: Chain, stack: ExitStack
) -> Iterator[IndexReader]:
    """What to look a path up in, one after another."""
    if is_one_index(context, collection, chain):
        yield stack.enter_context(chain_index(context, collection, chain))
        return
    left, some = chain.sets[::-1], 1
    while left:
        opening = open_indexes(context, collection, left[:some])
        yield from stack.enter_context(opening)
        left, some = left[some:], 2 * some


def look_up(indexes: Sequence[IndexReader], path: PathKey) -> Found | None:
    """The row of a path in the first index that has one."""
    for index in indexes:
        row = index.row(path)
        if row is not None:
            return Found(row, index.owners, index.volumes)
    return None


def _below(index: IndexReader, path: PathKey) -> Iterator[tuple[Columns, int, int]]:
    """Blocks, and the rows in them that are at or below a path."""
    if not path:
        for columns in index.blocks():
            yield columns, 0, len(columns)
        return
    low = order_key(join_path(path))
    high = low + b"\1"  # all that is below continues with a zero byte
    firsts = [order_key(block.first_path) for block in index.block_rows]
    begin = max(0, bisect_right(firsts, low) - 1)
    for block in index.block_rows[begin : bisect_left(firsts, high)]:
        columns = index.block(block)
        keys = [order_key(p) for p in columns.paths]
        start, stop = bisect_left(keys, low), bisect_left(keys, high)
        if start < stop:
            yield columns, start, stop
