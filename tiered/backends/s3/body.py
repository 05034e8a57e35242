"""The two directions of an object's bytes, counted.

`Sending` is a source as botocore reads it: it can go back to its beginning,
because a request over http is signed with a hash of the body, and it checks
the size before the last bytes leave.  `Receiving` raises if fewer bytes come
than the server announced (rule R7).
"""

import hashlib
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from tiered.errors import SourceError, Unavailable
from tiered.store import Source

_BUFFER_BYTES = 1 << 18


class Readable(Protocol):
    """Part of a file; close it when done."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Sending:
    """A source that is not empty, from its beginning; `close` it."""

    def __init__(self, source: Source, what: str) -> None:
        self._source, self._what = source, what
        self._stream: BinaryIO | None = None
        self._left = source.size

    def __len__(self) -> int:
        return self._source.size

    def tell(self) -> int:
        return self._source.size - self._left

    def seek(self, position: int) -> int:
        """Back to the beginning, which is all that botocore asks for."""
        if position == self.tell():
            return position
        if position != 0:
            raise io.UnsupportedOperation(f"seek to {position}")
        self.close()
        return 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; all that are left if it is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_BUFFER_BYTES), b""))
        if self._stream is None:
            self._stream = self._source.open()
        chunk = self._stream.read(min(size, self._left))
        self._left -= len(chunk)
        if not chunk and self._left and size:
            raise SourceError(
                f"{self._what}: the source ended {self._left} bytes early"
            )
        if chunk and not self._left and self._stream.read(1):
            raise SourceError(f"{self._what}: the source is longer than it said")
        return chunk

    def read_part(self, size: int) -> bytes:
        """Exactly `size` bytes, or what is left."""
        part = bytearray()
        while len(part) < size and (chunk := self.read(size - len(part))):
            part += chunk
        return bytes(part)

    def close(self) -> None:
        """Or begin again: the next read opens the source once more."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._left = None, self._source.size


def md5_of(sending: Sending) -> str:
    """Hex digest of the whole source, which is at its beginning again then."""
    md5 = hashlib.md5(usedforsecurity=False)
    while chunk := sending.read(_BUFFER_BYTES):
        md5.update(chunk)
    sending.seek(0)
    return md5.hexdigest()


class Receiving(io.RawIOBase):
    """The body of one answer.

    Args:
        answer: What is left to read.
        size_bytes: What the server announced.
        guard: Translates the errors of one read.
        what: Names the object in errors.
    """

    def __init__(
        self,
        answer: Readable,
        size_bytes: int,
        guard: Callable[[], AbstractContextManager[None]],
        what: str,
    ) -> None:
        self._answer, self._left = answer, size_bytes
        self._guard, self._what = guard, what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # typeshed's WriteableBuffer cannot be measured; io gives a memoryview
        if not self._left:
            return 0
        with self._guard():
            chunk = self._answer.read(min(len(buffer), self._left))
        if not chunk:
            raise Unavailable(
                f"{self._what}: the connection ended {self._left} bytes early"
            )
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        return len(chunk)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(_BUFFER_BYTES) or b"", b""))

    def close(self) -> None:
        if not self.closed:
            self._answer.close()
        super().close()


def buffered(body: Receiving) -> BinaryIO:
    """A stream with the whole interface of a file opened for reading."""
    return io.BufferedReader(body, _BUFFER_BYTES)
