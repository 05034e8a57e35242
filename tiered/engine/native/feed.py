"""From the source to the packer: scan, compare, read ahead, pack.

What is done of a change, and who reads the file, is decided here.
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import islice

from tiered.archive.columns import REGULAR, Columns
from tiered.archive.index import IndexReader
from tiered.engine.native.changes import Change, What, find_changes
from tiered.engine.native.known import LARGE_BYTES
from tiered.engine.native.large import LargeFiles
from tiered.engine.native.pack import SMALL_BYTES, SetPacker
from tiered.engine.native.read_ahead import ReadAhead, SmallFile
from tiered.engine.native.tree import TreeWalk
from tiered.engine.scan import Unreadable

_BATCHES_AHEAD = 32
"""How far the scan runs ahead, so that the end is known: 130,000 paths."""


class Feed:
    """Feeds a packer.

    Args:
        large: Stores what is not small, through the same packer.
    """

    def __init__(self, packer: SetPacker, large: LargeFiles) -> None:
        self._packer, self._large = packer, large

    def run(
        self,
        walk: TreeWalk,
        before: IndexReader | None,
        before_ns: int,
        ahead: ReadAhead,
    ) -> None:
        """Pack all that changed.

        Args:
            walk: Over the source.
            ahead: Hands changes to `pack`.
            before: The state after the parent set; None for a full set.
            before_ns: When the parent set began, nanoseconds since 1970.

        Raises:
            SourceError: The source itself cannot be read.
            ArchiveDamaged: The state does not parse.
        """
        batches = self._scan(walk, ahead, all_new=before is None)
        for change in find_changes(batches, before, before_ns):
            ahead.add(change, _small_size(change))
        ahead.finish()

    def pack(self, change: Change | Unreadable, small: SmallFile | None) -> None:
        """Pack one change; `small` is what was read of a small file."""
        packer = self._packer
        if isinstance(change, Unreadable):
            packer.skip_unreadable(change)
            return
        row = change.new
        if row is None or row.columns.types[row.at] != REGULAR:
            packer.pack_other(change)
        elif change.old and change.what is What.ATTRIBUTES:
            packer.store_attributes(change, row, change.old)
        elif _small_size(change) is None or not packer.pack_small(change, row, small):
            self._large.pack(change, row)
        packer.end_full_run()

    def _scan(
        self, walk: TreeWalk, ahead: ReadAhead, *, all_new: bool
    ) -> Iterator[Columns | Unreadable]:
        """The scan, running ahead of the packing, so that the end can be told."""
        batches = walk.batches()
        waiting: deque[Columns | Unreadable] = deque()
        passed = 0
        while True:
            room = min(2, _BATCHES_AHEAD - len(waiting))
            waiting.extend(islice(batches, room))
            if not waiting:
                return
            batch = waiting.popleft()
            total = walk.file_bytes if walk.ended else None
            ahead.call(partial(self._packer.begin_batch, passed, total))
            if all_new and isinstance(batch, Columns):
                ahead.expect(len(batch))
            yield batch
            if isinstance(batch, Columns):
                passed += sum(batch.sizes)


def _small_size(change: Change | Unreadable) -> int | None:
    """Of a file that is read at once and packed with others; None if it is none."""
    if isinstance(change, Unreadable) or change.what is What.ATTRIBUTES:
        return None
    row = change.new
    if row is None or row.columns.types[row.at] != REGULAR:
        return None
    size = row.columns.sizes[row.at]
    may_be_delta = change.old is not None and size >= LARGE_BYTES
    return None if size >= SMALL_BYTES or may_be_delta else size
