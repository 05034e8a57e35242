"""Files that are too large to be packed with others: whole, or as a delta.

A file is read once, a few MiB at a time; hash, sums and compression share what was
read.  What is decided with a second reading (a delta's new bytes) is checked
against the hash of the first, as the file may be written meanwhile.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from blake3 import blake3

from tiered.archive.columns import SPARSE
from tiered.archive.extents import Extent
from tiered.archive.index import VolumeRow
from tiered.archive.members import Role, padding
from tiered.archive.paths import show_path, split_path
from tiered.codec.frames import MAX_FRAME_BYTES
from tiered.engine.native.changes import Change, Row
from tiered.engine.native.delta_extents import (
    is_worth_it,
    place_literals,
    resolve,
)
from tiered.engine.native.known import LARGE_BYTES
from tiered.engine.native.pack import SetPacker
from tiered.engine.native.reader_process import OPEN_FLAGS
from tiered.engine.native.signatures import ChainSums
from tiered.engine.native.source_file import READ_BYTES, SigningReader, SourceFile
from tiered.engine.native.sums_queue import MakingSums
from tiered.engine.spool import scratch_file
from tiered.errors import SourceError
from tiered.rsync import compare as comparing
from tiered.rsync.compare import compare
from tiered.rsync.encoding import delta_layout, encode_delta
from tiered.rsync.sums import cover_len, native_block_len

_SETTLED_S = 60
"""Written as long ago, a file's holes are believed."""
_HEAD_BYTES = 64 << 10
_MOST_IN_MEMORY = 16 << 20
"""Of a delta, before it is stored; a larger one waits in a file."""


class _Body(Protocol):
    """What is stored in pieces: a file, or its delta."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; fewer than `size` only at the end."""


@dataclass(slots=True)
class LargeFiles:
    """Stores large files through a packer.

    Args:
        packer: Has the volumes, rows and signatures.
        sums: Of the parent's state; None for a full set.
    """

    packer: SetPacker
    sums: ChainSums | None

    def pack(self, change: Change, row: Row) -> None:
        """Store a regular file of any size.

        What cannot be read is told and left out; a file whose end cannot be read
        is stored as far as it can be, and looked at again by the next set.
        """
        path = self.packer.root + b"/" + change.path
        try:
            fd = os.open(path, OPEN_FLAGS)
        except OSError as e:
            self.packer.skip(change.path, e.strerror or str(e))
            return
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                self.packer.skip(change.path, "it is not a regular file any more")
                return
            settled = status.st_ctime < self.packer.set_end_s - _SETTLED_S
            may_skip = settled and bool(row.columns.flags[row.at] & SPARSE)
            xattrs = self.packer.xattrs(fd, change.path)
            file = SourceFile(fd, change, row, status, xattrs, may_skip)
            if not self._as_delta(file) and not self._as_known(file):
                self._whole(file)
            if file.changed():
                self._warn(change.path, "changed while it was read")
        except OSError as e:
            self.packer.skip(change.path, e.strerror or str(e))
        finally:
            os.close(fd)

    def _as_known(self, file: SourceFile) -> bool:
        """Refer to the content, if a size says that it may be worth a reading."""
        packer, size = self.packer, file.size
        if size < LARGE_BYTES:
            return False
        head = blake3(os.pread(file.fd, _HEAD_BYTES, 0)).digest()
        may_be_own = packer.own.may_have(size, head)
        known = packer.known
        if not may_be_own and not (known and known.may_have_size(size)):
            return False
        content = blake3()
        read = 0
        while data := file.read(read, READ_BYTES):
            content.update(data)
            read += len(data)
        digest = content.digest()
        found = packer.store_known(file.change, file.row, digest, read, file.xattrs)
        packer.tally.source_bytes += read if found else 0
        return found

    def _as_delta(self, file: SourceFile) -> bool:
        """Store what is new, if the version before is known and it pays."""
        packer, old = self.packer, file.change.old
        if old is None or self.sums is None:
            return False
        old_size, old_hash = old.columns.sizes[old.at], old.places.hash(old.at)
        if min(old_size, file.size) < LARGE_BYTES:
            return False
        before = self.sums.find(split_path(file.change.path), old_hash, old_size)
        if before is None:
            return False
        found = compare(
            file.fd,
            file.size,
            before,
            old_size,
            packer.threads,
            packer.keep_sums,
            may_skip=file.may_skip,
        )
        if packer.store_known(
            file.change, file.row, found.hash, found.size, file.xattrs
        ):
            packer.tally.source_bytes += found.size
            return True
        size, commands = delta_layout(found.commands)
        extents = resolve(commands, packer.renumbered(old.places.extents(old.at)))
        if not is_worth_it(extents, found.size, size):
            return False
        with _body(packer.volumes.scratch, size) as body:
            if not self._write_delta(file, found, body):
                return False  # it changed meanwhile; what is stored must fit together
            body.seek(0)
            places = self._put_pieces(file, Role.DIFF, body, packer.piece_bytes)
        packer.tally.source_bytes += found.size
        packer.rows.file(
            file.row,
            found.size,
            found.hash,
            place_literals(extents, places),
            file.xattrs,
        )
        packer.rows.place(0, 0)
        if found.size >= LARGE_BYTES:
            packer.sums.add(file.change.path, found.hash, found.sums)
        packer.count(file.change)
        return True

    def _write_delta(
        self, file: SourceFile, found: comparing.Change, body: BinaryIO
    ) -> bool:
        """Write the delta; False if its new bytes are others than before."""
        literals = blake3()

        def read(offset: int, length: int) -> bytes:
            try:
                data = os.pread(file.fd, length, offset)
            except OSError as e:
                raise SourceError(e.strerror or str(e)) from e
            literals.update(data)
            return data

        try:
            for part in encode_delta(found.commands, read):
                body.write(part)
        except SourceError:  # it has become shorter, or cannot be read any more
            return False
        return literals.digest() == found.literal_hash

    def _put_pieces(
        self, file: SourceFile, role: Role, body: _Body, piece_bytes: int
    ) -> list[Extent]:
        """Store a body in pieces; where they lie, of volumes by our numbers."""
        places: list[Extent] = []
        packer = self.packer
        packer.end_run()
        while True:
            chunks = list(_chunks(body, piece_bytes))
            is_last = sum(map(len, chunks)) < piece_bytes
            piece = None if is_last and not places else len(places) + 1
            places.append(self._put_piece(file, role, chunks, piece))
            if is_last:
                return places

    def _put_piece(
        self, file: SourceFile, role: Role, chunks: Sequence[bytes], piece: int | None
    ) -> Extent:
        packer = self.packer
        size = sum(map(len, chunks))
        header = packer.header(role, file.row, size, file.xattrs, piece)
        pad = padding(size)
        number, offset = packer.volumes.make_room(len(header) + size + len(pad))
        runs: list[list[bytes]] = [[chunk] for chunk in chunks] or [[]]
        if len(header) + len(pad) <= MAX_FRAME_BYTES - READ_BYTES:
            runs[0].insert(0, header)
        else:
            runs.insert(0, [header])
        if pad:
            runs[-1].append(pad)
        for run in runs:
            packer.volumes.put(run, sum(map(len, run)))
        volume = packer.index.volume(VolumeRow(packer.set_end_s, number))
        return Extent(volume, offset + len(header), size)

    def _whole(self, file: SourceFile) -> None:
        packer = self.packer
        block_len = native_block_len(file.size)
        fits = packer.piece_bytes % cover_len(block_len) == 0
        signs = fits and file.size >= LARGE_BYTES
        making = MakingSums(block_len, packer.keep_sums) if signs else None
        source = SigningReader(file, packer, making)
        places = self._put_pieces(
            file,
            Role.SNAPSHOT,
            source,
            packer.piece_bytes,
        )
        content = source.hash.digest()
        packer.tally.source_bytes += source.size
        if source.failure:
            self._warn(file.change.path, f"{source.failure}; it is stored in part")
            packer.tally.skipped += 1
        packer.rows.file(
            file.row,
            source.size,
            content,
            [p for p in places if p.length],
            file.xattrs,
            ctime_ns=0 if source.failure else None,
        )
        packer.rows.place(0, 0)
        if making and source.size and native_block_len(source.size) == block_len:
            packer.sums.add(file.change.path, content, making)
        lying = tuple(p for p in places if p.length)
        packer.own.add_placed(content, file.change.path, lying)
        packer.count(file.change)

    def _warn(self, path: bytes, what: str) -> None:
        self.packer.monitor.warn(
            f"{show_path(split_path(path))} {what}", "The next backup stores it again."
        )


def _body(scratch: Path, size: int) -> AbstractContextManager[BinaryIO]:
    """Where a delta of `size` bytes waits until it is known that all of it fits."""
    return BytesIO() if size <= _MOST_IN_MEMORY else scratch_file(scratch)


def _chunks(body: _Body, most: int) -> Iterator[bytes]:
    left = most
    while left and (data := body.read(min(left, READ_BYTES))):
        left -= len(data)
        yield data
