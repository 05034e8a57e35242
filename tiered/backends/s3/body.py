"""A source as botocore reads it, counted.

It can go back to its beginning, because a request over http is signed with a
hash of the body, and it checks the size before the last bytes leave.
"""

import hashlib
import io
from typing import BinaryIO

from tiered.errors import SourceError
from tiered.store import Source

_BUFFER_BYTES = 1 << 18


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
