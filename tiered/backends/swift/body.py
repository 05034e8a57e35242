"""The two directions of an object's bytes, counted.

`Sending` reads a source for an upload: it checks that the source has the size
it promised before the last bytes leave, so that a server which counts them
never commits a wrong object.  `Receiving` reads a download: it raises if fewer
bytes come than the server announced (rule R7).
"""

import hashlib
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from tiered.errors import SourceError, Unavailable

_BUFFER_BYTES = 1 << 18


class Readable(Protocol):
    """Part of a file; close it when done."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Sending:
    """A source of `size_bytes`, as the HTTP client reads it."""

    def __init__(self, stream: BinaryIO, size_bytes: int, what: str) -> None:
        self._stream, self._left, self._what = stream, size_bytes, what
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def complete(self) -> bool:
        """Has every byte been handed out?"""
        return self._left == 0

    @property
    def md5(self) -> str:
        """Of what was handed out."""
        return self._md5.hexdigest()

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(min(size, self._left))
        self._left -= len(chunk)
        if not chunk and self._left:
            raise SourceError(
                f"{self._what}: the source ended {self._left} bytes early"
            )
        if chunk and not self._left and self._stream.read(1):
            raise SourceError(f"{self._what}: the source is longer than it said")
        self._md5.update(chunk)
        return chunk


class Receiving(io.RawIOBase):
    """The body of one answer.

    Args:
        answer: What is left to read.
        size_bytes: What the server announced.
        guard: Translates the errors of one read.
        done: Called once, at the end or when the reader gives up.
        what: Names the object in errors.
    """

    def __init__(
        self,
        answer: Readable,
        size_bytes: int,
        guard: Callable[[], AbstractContextManager[None]],
        done: Callable[[], None],
        what: str,
    ) -> None:
        self._answer, self._left = answer, size_bytes
        self._guard, self._done, self._what = guard, done, what

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
            self._done()
        super().close()


def buffered(body: Receiving) -> BinaryIO:
    """A stream with the whole interface of a file opened for reading."""
    return io.BufferedReader(body, _BUFFER_BYTES)
