"""A walk that another process does, while this one loads what it needs and compares.

[docs/decisions/0019-small-files-read-by-processes.md]
"""

from collections.abc import Iterator
from contextlib import suppress

from tiered.archive.columns import Columns, Renumber
from tiered.archive.paths import join_path, order_key
from tiered.engine.native.tree import OwnerTable, Walk
from tiered.engine.native.walk_process import Batch, unpack_item
from tiered.engine.native.worker import Worker, WorkerLost
from tiered.engine.scan import Unreadable
from tiered.errors import SourceError

_MODULE = "tiered.engine.native.walk_process"
_MEMORY_BYTES = 4096
"""It needs none."""
_ANSWERS_BYTES = 1 << 20
"""What may wait to be heard: 10,000 paths, as a rule."""


class WalkAhead:
    """As `tree.Walk`, in a process that is started at once and waits for `begin`.

    If the process is lost, the rest is walked here.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self) -> None:
        self.root = b""
        self.owners: OwnerTable
        self.paths = self.file_bytes = 0
        self.ended = False
        self._worker = Worker(_MODULE, _MEMORY_BYTES, _ANSWERS_BYTES)

    def close(self) -> None:
        """Let the process end."""
        self._worker.close()

    def begin(self, root: bytes) -> None:
        """Let it walk.

        Args:
            root: The directory; it may be a link to one.
        """
        self.root = root
        with suppress(WorkerLost):  # it is noticed again when nothing is heard
            self._worker.send(root)

    def over(self, _: bytes, owners: OwnerTable) -> "WalkAhead":
        """The walk that was begun, with numbers for owners: called as `Walk` is."""
        self.owners = owners
        return self

    def batches(self) -> Iterator[Columns | Unreadable]:
        """As `Walk.batches`.

        Raises:
            SourceError: As `Walk`.
        """
        last: bytes | None = None
        for item in self._heard():
            if isinstance(item, Columns):
                self.paths += len(item)
                self.file_bytes += sum(item.sizes)
                last = item.paths[-1] if item.paths else last
            else:
                last = join_path(item.path)
            yield item
        if not self.ended:
            yield from self._rest(last)

    def _heard(self) -> Iterator[Columns | Unreadable]:
        """What the process says; `ended` tells whether that was all."""
        rows: list[int] = []
        while True:
            try:
                message = self._worker.receive()
            except WorkerLost:
                return
            if message == ("end",):
                self.ended = True
                return
            item = unpack_item(message)
            if isinstance(item, SourceError):
                raise item
            if isinstance(item, Batch):
                rows += [self.owners.row(*ids) for ids in item.new_ids]
                item.columns.owners = Renumber(owners=rows).owner_rows(
                    item.columns.owners
                )
                yield item.columns
            else:
                yield item

    def _rest(self, last: bytes | None) -> Iterator[Columns | Unreadable]:
        """All behind `last`, walked here."""
        walk = Walk(self.root, self.owners)
        key = None if last is None else order_key(last)
        for item in walk.batches():
            if isinstance(item, Unreadable):
                if key is None or order_key(join_path(item.path)) > key:
                    yield item
                continue
            rest = item if key is None else _behind(item, key)
            self.paths += len(rest)
            self.file_bytes += sum(rest.sizes)
            self.ended = walk.ended
            yield rest


def _behind(batch: Columns, key: bytes) -> Columns:
    """The rows whose paths come later."""
    first = next(
        (at for at, path in enumerate(batch.paths) if order_key(path) > key),
        len(batch),
    )
    rest = Columns()
    rest.extend(batch, first, len(batch), Renumber())
    return rest
