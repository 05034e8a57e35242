"""A stream that goes on where it was cut.

A volume of 200 MB should not start again because the line broke after 190.
The stream is opened anew behind what was delivered, but only if the store
says that the object is the one that was opened: bytes of two objects must
never be joined.  A store without `stat` cannot say so; there, a read that has
delivered something fails as it did.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from tiered.errors import Retry, StoreError, TieredError
from tiered.store import Entry, Ranges, Stat
from tiered.wrap.patience import Patience
from tiered.wrap.stream import Relay

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE_BYTES = 1 << 20
_RANGE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """What it takes to open one object again, behind its first bytes."""

    name: str
    before: Entry | None
    """The object as it was before it was first opened."""
    open: Callable[[], BinaryIO]
    stat: Stat | None
    ranges: Ranges | None

    def at(self, position: int) -> BinaryIO:
        """A stream of the same object from byte `position`.

        Raises:
            StoreError: It is another object now.
        """
        if position == 0:
            return self.open()
        now = self._checked()  # before opening: an open stream would hold a slot
        if self.ranges:
            rest = _Ranges(self.ranges, now, position)
            return io.BufferedReader(rest, _RANGE_BYTES)
        stream = self.open()
        try:
            _skip(stream, position, self.name)
        except BaseException:
            stream.close()
            raise
        return stream

    def can_be_at(self, position: int) -> bool:
        return position == 0 or (self.stat is not None and self.before is not None)

    def _checked(self) -> Entry:
        assert self.stat is not None
        assert self.before is not None
        now = self.stat.stat(self.name)
        if (now.size, now.md5) != (self.before.size, self.before.md5):
            raise StoreError(
                f"{self.name!r} was replaced while it was read",
                hint="Read it again from its start.",
                name=self.name,
            )
        return now


class Resuming(Relay):
    """A stream whose reads are repeated; one read is one call to the policy."""

    def __init__(self, inner: BinaryIO, reopen: Reopen, patience: Patience) -> None:
        super().__init__(inner)
        self._reopen, self._patience = reopen, patience
        self._position = 0
        self._is_cut = False

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        """As many bytes as were asked for, or all there are."""
        pieces = []
        got = 0
        while size < 0 or got < size:
            piece = self._some(size - got if size >= 0 else _PIECE_BYTES)
            if not piece:
                break
            pieces.append(piece)
            got += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _some(self, size: int) -> bytes:
        if self._reopen.can_be_at(self._position):
            piece = self._patience.repeat(lambda _: self._attempt(size))
        else:
            piece = self.inner.read(size)
        self._position += len(piece)
        return piece

    def _attempt(self, size: int) -> bytes:
        if self._is_cut:
            self.inner = self._reopen.at(self._position)
            self._is_cut = False
        try:
            return self.inner.read(size)
        except TieredError as e:
            if e.retry is Retry.SOON:
                self._is_cut = True
                self.inner.close()  # gives back its slot (Limited) before we wait
            raise


class _Ranges(io.RawIOBase):
    """The rest of an object, as ranges of the size of the buffer above it."""

    def __init__(self, ranges: Ranges, entry: Entry, position: int) -> None:
        super().__init__()
        self._ranges, self._entry, self._position = ranges, entry, position

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        size = min(len(view), _RANGE_BYTES, self._entry.size - self._position)
        if size:
            view[:size] = self._ranges.get_range(self._entry.name, self._position, size)
        self._position += size
        return size


def _skip(stream: BinaryIO, size: int, name: str) -> None:
    left = size
    while left:
        piece = stream.read(min(left, _PIECE_BYTES))
        if not piece:
            raise StoreError(
                f"{name!r} ended at byte {size - left}, and was read to {size} before",
                hint="Read it again from its start.",
                name=name,
            )
        left -= len(piece)
