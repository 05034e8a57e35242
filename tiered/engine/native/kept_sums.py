"""Sums of large files, kept while a set is made: in memory, or in a nameless file.

A file of 1 TiB has 72 MiB of sums, and while it is compared there are those of two
versions.
"""

import os
import weakref
from pathlib import Path

from tiered.engine.spool import make_spool, scratch_errors

_MOST_WAITING = 1 << 20


class KeptSums:
    """Takes sums at its end, and gives any part of them; threads may read at once.

    The file is closed when nothing refers to this any more.

    Args:
        folder: For the file, which is only there beyond 1 MiB.

    Raises (every method):
        ScratchError: The folder is missing, full or read-only.

    Memory: 1 MiB and what was added last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd: int | None = None
        self._stored = 0
        self._waiting = bytearray()

    def __len__(self) -> int:
        return self._stored + len(self._waiting)

    def __getitem__(self, part: slice, /) -> bytes:
        start, end, _ = part.indices(len(self))
        if start >= end:
            return b""
        last = max(end - self._stored, 0)
        rest = bytes(self._waiting[max(start - self._stored, 0) : last])
        if self._fd is None or start >= self._stored:
            return rest
        with scratch_errors(self._folder):
            stored = os.pread(self._fd, min(end, self._stored) - start, start)
        return stored + rest if rest else stored

    def extend(self, data: bytes, /) -> None:
        self._waiting += data
        if len(self._waiting) > _MOST_WAITING:
            with scratch_errors(self._folder):
                self._store()

    def _store(self) -> None:
        if self._fd is None:
            with make_spool(self._folder) as file:
                self._fd = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._fd)
        with memoryview(self._waiting) as left:
            done = 0
            while done < len(left):
                done += os.pwrite(self._fd, left[done:], self._stored + done)
        self._stored += done
        self._waiting.clear()
