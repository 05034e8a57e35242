"""Changes -> members in volumes, rows in the index, and signatures.

Small files are packed together into runs: most of a backup's own time goes into
the few microseconds that each of them costs.  What is large is `large.py`'s.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from blake3 import blake3

from tiered.archive.columns import SPARSE
from tiered.archive.extents import Extent
from tiered.archive.fileinfo import TYPE_OF_BYTE, FileType
from tiered.archive.index import IndexReader, VolumeRow
from tiered.archive.index_writer import IndexWriter
from tiered.archive.members import HeaderPacker, PlainHeaders, Role, padding
from tiered.archive.paths import show_path, split_path
from tiered.engine.native.changes import Change, Row, What
from tiered.engine.native.kept_sums import KeptSums
from tiered.engine.native.known import LARGE_BYTES, Found, OwnContents, StateContents
from tiered.engine.native.read_ahead import SmallFile
from tiered.engine.native.reader_process import OPEN_FLAGS
from tiered.engine.native.rows import RowWriter
from tiered.engine.native.sums_queue import MakingSums, SumsQueue
from tiered.engine.native.tree import OwnerTable
from tiered.engine.native.volumes import VolumeWriter
from tiered.engine.native.xattrs import Xattrs, read_xattrs
from tiered.engine.pack import Tally
from tiered.engine.scan import Unreadable
from tiered.monitor import Monitor, Progress
from tiered.rsync.sums import native_block_len, piece_sums

SMALL_BYTES = 256 << 10
"""Files below are packed together; also the most that a run of them holds."""
_FULL_RUN = 192 << 10
_LEAST_COPY = 512
"""A smaller file costs no more than a member that says where it is."""


@dataclass(slots=True, kw_only=True)
class SetPacker:
    """Packs one set.

    Args:
        root: Directory that is backed up.
        set_end_s: Of the set.
        piece_bytes: Files and deltas from here up are cut.
        parent: State that the set builds on; None for a full.
    """

    root: bytes
    set_end_s: int
    piece_bytes: int
    volumes: VolumeWriter
    index: IndexWriter
    rows: RowWriter
    sums: SumsQueue
    headers: HeaderPacker
    owners: OwnerTable
    threads: Executor
    monitor: Monitor
    parent: IndexReader | None
    known: StateContents | None
    tally: Tally = field(default_factory=Tally)
    own: OwnContents = field(default_factory=OwnContents)
    _parts: list[bytes | memoryview] = field(default_factory=list)
    _size: int = 0
    _plain: dict[tuple[int, int], PlainHeaders] = field(default_factory=dict)
    _left_out: set[bytes] = field(default_factory=set)
    _passed: int = 0
    _total: int | None = None
    _packed_before: int = 0

    def begin_batch(self, passed_bytes: int, total_bytes: int | None) -> None:
        """How far the scan's bytes are packed, and how many there are if known."""
        self._passed, self._total = passed_bytes, total_bytes
        self._packed_before = self.tally.source_bytes

    def show_progress(self, more_bytes: int = 0) -> None:
        """Tell; `more_bytes` of a file are packed and not counted yet."""
        packed = self.tally.source_bytes - self._packed_before + more_bytes
        done = self._passed + packed
        self.monitor.progress(Progress("pack", done, self._total, "bytes"))

    def pack_other(self, change: Change) -> None:
        """A path that is gone, or is no regular file."""
        if change.new is None:
            self._gone(change.path)
            return
        row = change.new
        kind = TYPE_OF_BYTE[row.columns.types[row.at]]
        special = row.places.special(row.at)
        if kind is FileType.HARDLINK and special in self._left_out:
            self.skip(change.path, "the file that it is a link to cannot be read")
            return
        xattrs: Xattrs = {}
        if kind is FileType.DIRECTORY:
            xattrs = self.xattrs(self.root + b"/" + change.path, change.path)
        header = self.headers.pack(
            Role.SNAPSHOT,
            change.path,
            type=kind,
            mode=row.columns.modes[row.at],
            owner=self.owners.owners[row.columns.owners[row.at]],
            mtime_ns=row.columns.mtimes_ns[row.at],
            link=special if isinstance(special, bytes) else b"",
            device=special if isinstance(special, tuple) else (0, 0),
            xattrs=tuple(xattrs.items()),
        )
        self.add_to_run(header, b"")
        self.rows.other(row, xattrs)
        self.count(change)

    def pack_small(self, change: Change, row: Row, file: SmallFile | None) -> bool:
        """A regular file that was small when it was looked at.

        Args:
            file: What was read of it, all of it; None to read it.

        Returns:
            False if it is not small any more; nothing has been done then.
        """
        size = row.columns.sizes[row.at]
        path = change.path
        if file is None:
            try:
                file = self._read_small(path, size)
            except OSError as e:
                self.skip(path, e.strerror or str(e))
                return True
            if file is None:
                return False
        data, content, xattrs = file
        self.tally.source_bytes += size
        is_first = (
            change.old is None and self.known is None and self.own.is_new(content)
        )
        if not is_first and self.store_known(change, row, content, size, xattrs):
            return True
        columns, at = row.columns, row.at
        if xattrs or columns.flags[at]:
            header = self.header(Role.SNAPSHOT, row, size, xattrs)
        else:
            headers = self._plain_headers(columns.modes[at], columns.owners[at])
            header = headers.pack(path, size, columns.mtimes_ns[at])
        start = self.add_to_run(header, data)
        self.own.add_waiting(content, path, start, size)
        self.rows.file(row, size, content, start, xattrs)
        if size >= LARGE_BYTES:
            block_len = native_block_len(size)
            made = self.threads.submit(piece_sums, data, block_len)
            making = MakingSums(block_len)
            making.add(made)
            self.sums.add(path, content, making)
        self.count(change)
        return True

    def _read_small(self, path: bytes, size: int) -> SmallFile | None:
        """A file; None if it has another size."""
        fd = os.open(self.root + b"/" + path, OPEN_FLAGS)
        try:
            data = os.read(fd, size + 1)
            xattrs = self.xattrs(fd, path)
        finally:
            os.close(fd)
        if len(data) != size:
            return None
        return SmallFile(data, blake3(data).digest(), xattrs)

    def _plain_headers(self, mode: int, owner: int) -> PlainHeaders:
        key = mode, owner
        found = self._plain.get(key)
        if found is None:
            found = self.headers.plain(mode, self.owners.owners[owner])
            self._plain[key] = found
        return found

    def store_known(
        self, change: Change, row: Row, content: bytes, size: int, xattrs: Xattrs
    ) -> bool:
        """Store a file as a reference, if its content is in the archive already."""
        old = change.old
        if old and content == old.places.hash(old.at):
            where = self.renumbered(old.places.extents(old.at))
            found = Found(change.path, where)
            self._refer(change, row, Role.COPY, found, content, size, xattrs)
            return True
        if size <= _LEAST_COPY:
            return False
        if self.own.is_waiting(content):
            self.end_run()
        if found_own := self.own.find(content, size):
            self._refer(change, row, Role.SAME, found_own, content, size, xattrs)
            return True
        if self.known and (there := self.known.find(content, size)):
            found = Found(there.path, self.renumbered(there.extents))
            self._refer(change, row, Role.COPY, found, content, size, xattrs)
            return True
        return False

    def store_attributes(self, change: Change, row: Row, old: Row) -> None:
        """A regular file whose content is as it was."""
        content = old.places.hash(old.at)
        size = old.columns.sizes[old.at]
        xattrs = self.xattrs(self.root + b"/" + change.path, change.path)
        found = Found(change.path, self.renumbered(old.places.extents(old.at)))
        self._refer(change, row, Role.COPY, found, content, size, xattrs)

    def _refer(
        self,
        change: Change,
        row: Row,
        role: Role,
        found: Found,
        content: bytes,
        size: int,
        xattrs: Xattrs,
    ) -> None:
        body = found.path or b"."
        header = self.header(role, row, len(body), xattrs)
        self.add_to_run(header, body)
        self.rows.file(row, size, content, found.extents, xattrs)
        self.count(change)

    def _gone(self, path: bytes) -> None:
        self.add_to_run(self.headers.pack(Role.DELETED, path), b"")
        self.rows.gone(path)
        self.tally.deleted += 1

    def xattrs(self, file: int | bytes, path: bytes) -> Xattrs:
        """What is stored of the extended attributes of `file`, which is at `path`."""
        return read_xattrs(file, path, self.monitor)

    def header(
        self,
        role: Role,
        row: Row,
        size: int,
        xattrs: Xattrs,
        piece: int | None = None,
    ) -> bytes:
        """The header of a regular file's member."""
        columns, at = row.columns, row.at
        return self.headers.pack(
            role,
            columns.paths[at],
            mode=columns.modes[at],
            owner=self.owners.owners[columns.owners[at]],
            mtime_ns=columns.mtimes_ns[at],
            size=size,
            xattrs=tuple(xattrs.items()) if xattrs else (),
            sparse=columns.flags[at] & SPARSE == SPARSE,
            piece=piece,
        )

    def add_to_run(self, header: bytes, body: bytes) -> int:
        """Append a member to the run; where its body begins in it."""
        pad = padding(len(body))
        size = len(header) + len(body) + len(pad)
        if self._size and self._size + size > SMALL_BYTES:
            self.end_run()
        start = self._size + len(header)
        self._parts.append(header)
        if body:
            self._parts.append(body)
            if pad:
                self._parts.append(pad)
        self._size += size
        return start

    def end_run(self) -> None:
        """Place the run that waits; nothing may be packed between it and the next."""
        self.show_progress()
        if not self._size:
            self.rows.place(0, 0)
            return
        number, offset = self.volumes.make_room(self._size)
        self.volumes.put(self._parts, self._size)
        self.rows.place(number, offset)
        row = self.index.volume(VolumeRow(self.set_end_s, number))
        self.own.place(row, offset)
        self._parts = []
        self._size = 0

    def end_full_run(self) -> None:
        """Place the run that waits if it is large enough."""
        if self._size >= _FULL_RUN:
            self.end_run()

    def renumbered(self, extents: Sequence[Extent]) -> tuple[Extent, ...]:
        """Extents of the parent's state, with the volume numbers of this index."""
        if self.parent is None:
            return tuple(extents)
        rows, volume = self.parent.volumes, self.index.volume
        return tuple(
            Extent(volume(rows[e.volume]), e.offset, e.length) for e in extents
        )

    def keep_sums(self) -> KeptSums:
        """Where the sums of a large file may be kept."""
        return KeptSums(self.volumes.scratch)

    def finish(self) -> None:
        """Place all that waits."""
        self.end_run()
        self.rows.finish()
        self.sums.finish()

    def count(self, change: Change) -> None:
        if change.what is What.NEW:
            self.tally.new += 1
        else:
            self.tally.changed += 1

    def skip(self, path: bytes, reason: str) -> None:
        """Say that a path is left out."""
        self._left_out.add(path)
        self.tally.skipped += 1
        shown = show_path(split_path(path))
        self.monitor.warn(f"cannot read {shown}: {reason}; it is left out")

    def skip_unreadable(self, item: Unreadable) -> None:
        self.tally.skipped += 1
        self.monitor.warn(f"cannot read {show_path(item.path)}: {item.reason}")
