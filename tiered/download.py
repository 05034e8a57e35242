"""A download that is counted: rule R7, once for all backends that stream.

Raises if fewer bytes come than the server announced: a cut connection never
looks like the end of an object.
"""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol, cast

from tiered.errors import Unavailable

_BUFFER_BYTES = 1 << 18


class Readable(Protocol):
    """Part of an answer; close it when done."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Undecoded:
    """What is left of an answer of requests, as it is stored; who gave it closes it.

    Args:
        raw: Of urllib3, which has no types here.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def read(self, size: int, /) -> bytes:
        return cast(bytes, self._raw.read(size, decode_content=False))

    def close(self) -> None:
        """Nothing: `Receiving` is told what to do at the end."""


class Receiving(io.RawIOBase):
    """The body of one answer.

    Args:
        answer: What is left to read.
        size_bytes: What the server announced.
        guard: Translates the errors of one read.
        what: Names the object in errors.
        done: Called once, at the end or when the reader gives up.
    """

    def __init__(
        self,
        answer: Readable,
        size_bytes: int,
        guard: Callable[[], AbstractContextManager[None]],
        what: str,
        done: Callable[[], None] = lambda: None,
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


def read_at_most(stream: BinaryIO, most_bytes: int) -> bytes:
    """All of a stream, which is closed; of a longer one, one byte more than allowed."""
    parts, missing = [], most_bytes + 1
    with stream:
        while missing and (part := stream.read(missing)):
            parts.append(part)
            missing -= len(part)
    return b"".join(parts)
