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

from tiered.engine.native.arrivals import Arrivals
from tiered.engine.native.joined import Joins
from tiered.engine.native.layers import Layers, Piece
from tiered.engine.native.whole_files import write_all

_WORTH_BYTES = 64 << 10
"""A piece that is hashed from memory, and not with its neighbours, read back."""
_READ_BYTES = 1 << 20
_HOLE_BYTES = 4096
_HOLE = bytes(_HOLE_BYTES)


class Growing:
    """A file of which some pieces have arrived; any number of threads may use it.

    Args:
        part: Its temporary name.
        sparse: Leave blocks of zeros out; then it has no joins, as zeros that lie
            over old bytes must be written.
    """

    def __init__(
        self,
        part: bytes,
        size: int,
        sparse: bool,  # noqa: FBT001 - of a job
        joins: Joins,
    ) -> None:
        self.part = part
        self._write = _write_around_holes if sparse else _write_pieces
        self._layers = Layers(size, joins) if joins.gaps else None
        self._lock = Lock()
        self._hasher = blake3()
        self._arrivals = Arrivals(size, joins.gaps)
        self._hashed = 0
        """Bytes from the front; only the thread that is hashing changes it."""
        self._hashing = False

    def add(
        self, fd: int, pieces: Sequence[Piece], joined: Sequence[Piece], in_turn: Lock
    ) -> int:
        """Write pieces, and hash as far as the file has arrived.

        Args:
            pieces: None of them has come before.
            joined: More of them, with gaps.
            in_turn: Held for many short calls: threads that all make them wait for
                the interpreter, mostly.

        Returns:
            Bytes hashed by now; -1 if another thread goes on with it.

        Raises:
            OSError: A piece could not be written, or read back.
        """
        if self._layers:
            for at, data in joined:
                with self._layers.below(at, at + len(data)) as ranges:
                    parts = [(a, data[a - at : b - at]) for a, b in ranges]
                    self._write_in_turn(fd, parts, in_turn)
            self._layers.begin_above(pieces)
        self._write_in_turn(fd, pieces, in_turn)
        return self._hash(fd, pieces, joined)

    def digest(self) -> bytes:
        """BLAKE3 of what is hashed."""
        return self._hasher.digest()

    def _write_in_turn(self, fd: int, pieces: Sequence[Piece], in_turn: Lock) -> None:
        with in_turn if len(pieces) > 1 else nullcontext():
            self._write(fd, pieces)

    def _hash(self, fd: int, pieces: Sequence[Piece], joined: Sequence[Piece]) -> int:
        at_hand = [piece for piece in pieces if len(piece[1]) >= _WORTH_BYTES]
        with self._lock:
            self._arrivals.add(pieces)
            self._arrivals.add(joined)
            if self._hashing:
                return -1
            self._hashing = True
        while True:
            here = self._hashed
            for at, data in at_hand:
                if at <= here < at + len(data):
                    self._hasher.update(data[here - at :])
                    self._hashed = here = at + len(data)
            with self._lock:
                end = self._arrivals.end(here, _READ_BYTES)
                if end == here:
                    self._hashing = False
                    return here
            end = min([end, *(at for at, _ in at_hand if at > here)])
            self._read_back(fd, end - here)

    def _read_back(self, fd: int, length: int) -> None:
        while length:
            data = os.pread(fd, length, self._hashed)
            if not data:
                raise OSError(errno.EIO, "a file lost what was written to it")
            self._hasher.update(data)
            self._hashed += len(data)
            length -= len(data)


def _write_pieces(fd: int, pieces: Sequence[Piece]) -> None:
    write = os.pwrite
    for at, data in pieces:
        written = write(fd, data, at)
        if written != len(data):
            write_all(fd, at + written, data[written:])


def _write_around_holes(fd: int, pieces: Sequence[Piece]) -> None:
    """Write, and leave out blocks of zeros: the file is as long as it should be."""
    for at, data in pieces:
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
