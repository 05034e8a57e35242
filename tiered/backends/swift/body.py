"""A source on its way into Swift, counted.

It is checked that the source has the size it promised before the last bytes
leave, so that a server which counts them never commits a wrong object.
"""

import hashlib
from typing import BinaryIO

from tiered.errors import SourceError

_BUFFER_BYTES = 1 << 18


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
