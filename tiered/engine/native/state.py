"""The state at the end of a chain: the indexes of its sets, merged.

The full set's index is the base.  What the incs say is merged over it by path,
the newest first; blocks that no inc speaks of are copied as they are.  The cache
keeps the newest state, so that a run reads one index, however long the chain, and
that of another time if somebody asked for it last.
"""

import heapq
import shutil
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, NamedTuple

from tiered.archive.collection import BackupSet, Chain, Collection
from tiered.archive.columns import GONE, Columns, Renumber
from tiered.archive.filename import SetId
from tiered.archive.index import IndexReader
from tiered.archive.index_footer import BlockRow
from tiered.archive.index_writer import IndexWriter
from tiered.archive.paths import order_key as order_key
from tiered.codec.frames import pack_frame
from tiered.engine.context import Context
from tiered.engine.fetch import cache_optional
from tiered.engine.native.hot import index_reader, open_index, open_indexes
from tiered.engine.spool import scratch_file
from tiered.errors import ScratchError

INDEX_LEVEL = 3
"""zstd level of indexes."""


class _Change(NamedTuple):
    """One row of an inc; they sort by path, the newest set first."""

    key: bytes
    age: int
    inc: "_Inc"
    block: BlockRow
    row: int


def pack_block(content: bytes) -> bytes:
    """How blocks of an index are compressed."""
    return pack_frame(content, INDEX_LEVEL)


@contextmanager
def chain_index(
    context: Context, collection: Collection, chain: Chain
) -> Iterator[IndexReader]:
    """The state at the end of a chain, as one index over the volumes of all sets.

    Layouts are not in it: those stand in the index of each set.

    Raises:
        ArchiveDamaged: An index is missing or does not parse.
        StoreError, PassphraseError: An index could not be read.
        ScratchError: There is no room to merge them.

    Cost: One index if the cache has the state; else the indexes of the chain, and the
    cache has it from then on.
    """
    with ExitStack() as stack:
        if len(chain.sets) == 1:
            opening = open_index(context, collection, chain.sets[0])
            yield stack.enter_context(opening)
            return
        if kept := _kept_state(context, collection, chain):
            yield index_reader(stack.enter_context(kept))
            return
        merged = stack.enter_context(scratch_file(context.scratch))
        _merge_chain(context, collection, chain, merged)
        yield index_reader(merged)


def _merge_chain(
    context: Context, collection: Collection, chain: Chain, merged: BinaryIO
) -> None:
    """Make the state, and keep a copy in the cache, if there is room."""
    with open_indexes(context, collection, chain.sets) as readers:
        merge_indexes(readers, merged)
    last = chain.sets[-1]
    newest = max((each.sets[-1].id for each in collection.chains), default=last.id)
    merged.seek(0)
    writing = context.cache.writing_state(
        str(last.id), _index_size(collection, last), newest=str(newest)
    )
    with cache_optional(context), writing as file:
        shutil.copyfileobj(merged, file)


def is_one_index(context: Context, collection: Collection, chain: Chain) -> bool:
    """Is `chain_index` cheap: one index, and none to merge?"""
    if len(chain.sets) == 1:
        return True
    kept = _kept_state(context, collection, chain)
    if kept:
        kept.close()
    return kept is not None


def _kept_state(
    context: Context, collection: Collection, chain: Chain
) -> BinaryIO | None:
    last = chain.sets[-1]
    return context.cache.state(str(last.id), _index_size(collection, last))


def _index_size(collection: Collection, backup_set: BackupSet) -> int:
    index = backup_set.index
    return collection.sizes[index.name].size if index else 0


def keep_state(
    context: Context, set_id: SetId, index_size: int, readers: Sequence[IndexReader]
) -> None:
    """Merge, and keep the result in the cache, if there is room.

    Args:
        index_size: Bytes of the index of that set in the store.
    """
    writing = context.cache.writing_state(str(set_id), index_size)
    with cache_optional(context), writing as file:
        try:
            merge_indexes(readers, file)
        except OSError as e:
            raise ScratchError(
                f"the state of the archive cannot be kept: {e.strerror}",
                hint="The next backup takes longer.",
            ) from e


def merge_indexes(readers: Sequence[IndexReader], target: BinaryIO) -> None:
    """Write the state that the indexes of a chain make, the oldest first.

    Cost: One pass over the paths of each, and over those blocks of which something
    is left; memory of one such block of each.
    """
    base, incs = readers[0], readers[1:]
    writer = IndexWriter(target.write, pack_block)
    for owner in base.owners:
        writer.owner(owner)
    for volume in base.volumes:
        writer.volume(volume)
    changes = _newest(_Inc(inc, writer, -n).changes() for n, inc in enumerate(incs))
    change = next(changes, None)
    blocks = base.block_rows
    for at, block in enumerate(blocks):
        end = order_key(blocks[at + 1].first_path) if at + 1 < len(blocks) else None
        if change is None or (end is not None and change.key >= end):
            writer.add_block(block, base.frame(block))
            continue
        columns = base.block(block)
        keys = [order_key(path) for path in columns.paths]
        start = 0
        while change is not None and (end is None or change.key < end):
            stop = bisect_left(keys, change.key, start)
            writer.add_columns(columns, start, stop)
            start = stop + (stop < len(keys) and keys[stop] == change.key)
            change.inc.add(change.block, change.row)
            change = next(changes, None)
        writer.add_columns(columns, start, len(keys))
    while change is not None:
        change.inc.add(change.block, change.row)
        change = next(changes, None)
    writer.finish()
    target.flush()


class _Inc:
    """The index of an inc that is merged.

    Most of what a block says may have been said anew by later sets.  So only its
    paths are read, until one of its rows is the newest.
    """

    def __init__(self, reader: IndexReader, writer: IndexWriter, age: int) -> None:
        self._reader, self._writer, self._age = reader, writer, age
        self._to = Renumber(
            [writer.owner(owner) for owner in reader.owners],
            [writer.volume(volume) for volume in reader.volumes],
        )
        self._block: BlockRow | None = None
        self._columns = Columns()

    def changes(self) -> Iterator[_Change]:
        for block in self._reader.block_rows:
            for row, path in enumerate(self._reader.paths(block)):
                yield _Change(order_key(path), self._age, self, block, row)

    def add(self, block: BlockRow, row: int) -> None:
        """Write a row, unless it says that the path is gone."""
        if block is not self._block:
            self._block, self._columns = block, self._reader.block(block)
        if self._columns.types[row] != GONE:
            self._writer.add_columns(self._columns, row, row + 1, self._to)


def _newest(streams: Iterable[Iterator[_Change]]) -> Iterator[_Change]:
    """Of the changes of one path the newest."""
    last: bytes | None = None
    for change in heapq.merge(*streams, key=_key_and_age):
        if change.key != last:
            last = change.key
            yield change


def _key_and_age(change: _Change) -> tuple[bytes, int]:
    return change.key, change.age
