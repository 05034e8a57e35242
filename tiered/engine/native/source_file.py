"""A file of the source that is open: read in parts, its holes passed over."""

import os
from dataclasses import dataclass

from blake3 import blake3

from tiered.engine.native.changes import Change, Row
from tiered.engine.native.pack import SetPacker
from tiered.engine.native.sums_queue import MakingSums
from tiered.engine.native.xattrs import Xattrs
from tiered.rsync.holes import is_hole
from tiered.rsync.sums import KnownEntries, piece_sums

READ_BYTES = 7 << 19
"""Content of one frame, to which a header may come: a reader takes at most 4 MiB.  A
multiple of every block length, as sums are made of whole blocks."""
_ZEROS = bytes(READ_BYTES)


@dataclass(slots=True)
class SourceFile:
    """An open file that is to be stored."""

    fd: int
    change: Change
    row: Row
    status: os.stat_result
    xattrs: Xattrs
    may_skip: bool
    """Holes need not be read."""

    @property
    def size(self) -> int:
        return self.status.st_size

    def read(self, start: int, length: int) -> bytes:
        """Exactly so many bytes, fewer only at the end."""
        if self.may_skip and is_hole(self.fd, start, start + length):
            return _ZEROS[:length]
        data = os.pread(self.fd, length, start)
        while len(data) < length and (
            more := os.pread(self.fd, length - len(data), start + len(data))
        ):
            data += more
        return data

    def changed(self) -> bool:
        now, then = os.fstat(self.fd), self.status
        return (now.st_mtime_ns, now.st_ctime_ns, now.st_size) != (
            then.st_mtime_ns,
            then.st_ctime_ns,
            then.st_size,
        )


class SigningReader:
    """Reads a file to its end; hashes and signs what it reads.

    Args:
        sums: Get those of the file; None if it needs none.
    """

    def __init__(
        self, file: SourceFile, packer: SetPacker, sums: MakingSums | None
    ) -> None:
        self._file, self._packer, self._sums = file, packer, sums
        self.hash = blake3()
        self.size = 0
        self._known = KnownEntries()
        self.failure: str | None = None
        """Why reading ended before the end of the file, if it did."""

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer only at the end: sums are of whole blocks."""
        try:
            data = self._file.read(self.size, size)
        except OSError as e:
            self.failure = e.strerror or str(e)
            return b""
        self.hash.update(data)
        self.size += len(data)
        if self._sums and data:
            submit, block_len = self._packer.threads.submit, self._sums.block_len
            self._sums.add(submit(piece_sums, data, block_len, self._known))
        self._packer.show_progress(self.size)
        return data
