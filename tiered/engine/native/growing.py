"""A file that comes in pieces, in any order and from several threads.

It is hashed from its front as far as it has arrived: large pieces from memory, and
what came too early, or in small pieces, is read back while the kernel still has it.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from threading import Lock

from blake3 import blake3

from tiered.engine.native.whole_files import write_all

Piece = tuple[int, memoryview]
"""Offset in the file, and what stands there."""

_WORTH_BYTES = 64 << 10
"""A piece that is hashed from memory, and not with its neighbours, read back."""
_READ_BYTES = 1 << 20
_HOLE_BYTES = 4096
_HOLE = bytes(_HOLE_BYTES)


class Growing:
    """A file of which some pieces have arrived; any number of threads may use it.

    Args:
        part: Its temporary name.
        sparse: Leave blocks of zeros out.
    """

    def __init__(self, part: bytes, sparse: bool) -> None:  # noqa: FBT001 - of a job
        self.part = part
        self._write = _write_around_holes if sparse else write_all
        self._lock = Lock()
        self._hasher = blake3()
        self._hashed = 0
        """Bytes from the front; only the thread that is hashing changes it."""
        self._hashing = False
        self._waiting: dict[int, int] = {}
        """Written and not hashed: offset -> length."""

    def add(self, fd: int, pieces: Sequence[Piece], in_turn: Lock) -> int:
        """Write pieces, and hash as far as the file has arrived.

        A piece that has come before is ignored.

        Args:
            in_turn: Held for many short calls: threads that all make them wait for
                the interpreter, mostly.

        Returns:
            Bytes hashed by now; -1 if another thread goes on with it, or nothing
            was new.

        Raises:
            OSError: A piece could not be written, or read back.
        """
        new = {
            at: data
            for at, data in pieces
            if at >= self._hashed and at not in self._waiting
        }
        with in_turn if len(new) > 1 else nullcontext():
            for at, data in new.items():
                self._write(fd, at, data)
        return self._hash(fd, new) if new else -1

    def digest(self) -> bytes:
        """BLAKE3 of what is hashed."""
        return self._hasher.digest()

    def _hash(self, fd: int, new: dict[int, memoryview]) -> int:
        with self._lock:
            self._waiting.update((at, len(data)) for at, data in new.items())
            if self._hashing:
                return -1
            self._hashing = True
        while True:
            with self._lock:
                first, length = self._hashed, self._arrived(new)
                if not length:
                    self._hashing = False
                    return first
            if length == len(new.get(first, b"")):
                self._hasher.update(new[first])
                self._hashed += length
            else:
                self._read_back(fd, length)

    def _arrived(self, new: dict[int, memoryview]) -> int:
        """How much more is there: a piece that is at hand, or many to read back."""
        first, length = self._hashed, 0
        while found := self._waiting.pop(first + length, 0):
            length += found
            if length == found >= _WORTH_BYTES and first in new:
                break
        return length

    def _read_back(self, fd: int, length: int) -> None:
        while length:
            data = os.pread(fd, min(length, _READ_BYTES), self._hashed)
            if not data:
                raise OSError(errno.EIO, "a file lost what was written to it")
            self._hasher.update(data)
            self._hashed += len(data)
            length -= len(data)


def _write_around_holes(fd: int, at: int, data: memoryview) -> None:
    """Write, and leave out blocks of zeros: the file is as long as it should be."""
    start = 0
    for first, last in _holes(at, bytes(data)):
        write_all(fd, at + start, data[start:first])
        start = last
    write_all(fd, at + start, data[start:])


def _holes(at: int, data: bytes) -> Iterator[tuple[int, int]]:
    """Blocks of zeros, and parts of blocks at either end, as the other part comes
    with another piece.

    Cost: Next to none where there are few zeros: `find` looks at each 4096th byte.
    """
    size = len(data)
    head = min(-at % _HOLE_BYTES, size)
    if data[:head] == _HOLE[:head]:
        yield 0, head
    here = head
    while (found := data.find(_HOLE, here)) >= 0:
        first = last = found + -(at + found) % _HOLE_BYTES
        while data[last : last + _HOLE_BYTES] == _HOLE:
            last += _HOLE_BYTES
        yield first, last
        here = max(last, first + 1)
    tail = max(head, size - (at + size) % _HOLE_BYTES)
    if data[tail:] == _HOLE[: size - tail]:
        yield tail, size
