"""What it takes to send a source: exact chunks, part files, and bytes as a source.

A store that can rename is written in two steps: the bytes go to a name that no
listing shows (`tiered.names.RESERVED_END`), and what is whole is then renamed.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tiered.errors import SourceError
from tiered.names import RESERVED_END
from tiered.store import Source

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class InMemory:
    """A `tiered.store.Source` over bytes."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def md5(self) -> str:
        import hashlib  # only for objects that are written

        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


def chunks(source: Source, what: str, chunk_bytes: int) -> Iterator[bytes]:
    """The bytes of `source` in chunks; none for an empty one.

    Args:
        source: Opened here, and closed at the end.
        what: Names the object in errors.
        chunk_bytes: Of each but the last one; in memory, once.

    Raises:
        SourceError: It has not as many bytes as it said.  The last chunk is
            held back until that is known, so a server that was told the size
            never takes a longer source for a whole one.
    """
    left = source.size
    with source.open() as stream:
        while left:
            chunk = _exactly(stream.read, min(chunk_bytes, left))
            left -= len(chunk)
            if not chunk:
                raise SourceError(f"{what}: the source ended {left} bytes early")
            if not left and stream.read(1):
                raise SourceError(f"{what}: the source is longer than it said")
            yield chunk
        if not source.size and stream.read(1):
            raise SourceError(f"{what}: the source is longer than it said")


class Sending:
    """A source as a library reads it that wants a file: counted, as `chunks` does.

    Args:
        what: Names the object in errors.
    """

    def __init__(self, source: Source, what: str) -> None:
        self._chunks = chunks(source, what, _READ_BYTES)
        self._rest = memoryview(b"")
        self._told = 0

    def tell(self) -> int:
        return self._told

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes, or what is left; all if it is negative."""
        parts = io.BytesIO()
        while size < 0 or parts.tell() < size:
            if not self._rest:
                self._rest = memoryview(next(self._chunks, b""))
                if not self._rest:
                    break
            wanted = len(self._rest) if size < 0 else size - parts.tell()
            parts.write(self._rest[:wanted])
            self._rest = self._rest[wanted:]
        self._told += parts.tell()
        return parts.getvalue()


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    """`size` bytes, or what there was: a stream may give less than asked for."""
    first = read(size)
    if len(first) in (0, size):
        return first
    found = bytearray(first)
    while len(found) < size and (more := read(size - len(found))):
        found += more
    return bytes(found)


def part_beside(path: str) -> str:
    """A new name in the folder of `path`, for an upload in progress."""
    folder, slash, _ = path.rpartition("/")
    import secrets  # unlocking a key loads this module, and needs none

    return f"{folder}{slash}.{secrets.token_hex(8)}{RESERVED_END}"
