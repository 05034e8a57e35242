"""Sources for checks: bytes in memory, a stream that tears, and one that is large."""

import hashlib
import io
from random import Random
from typing import TYPE_CHECKING, BinaryIO, cast

from tiered.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 1 << 20


class BytesSource:
    """A `tiered.store.Source` over bytes that counts how often it is opened."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)
        self.md5: str | None = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.opened = 0

    def open(self) -> BinaryIO:
        self.opened += 1
        return io.BytesIO(self._data)


class TornSource(BytesSource):
    """A source whose stream fails half way, like a disk that is pulled."""

    def open(self) -> BinaryIO:
        return _Torn(self._data[: self.size // 2])


class _Torn(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if chunk := super().read(size):
            return chunk
        raise SourceError("torn on purpose")


class BlockSource:
    """A large source in little memory: one random block, again and again."""

    md5 = None

    def __init__(self, size: int) -> None:
        self.size = size
        self._block = Random(size).randbytes(_BLOCK_BYTES)

    def open(self) -> BinaryIO:
        return cast(BinaryIO, _Blocks(self._block, self.size))


class _Blocks(io.RawIOBase):
    def __init__(self, block: bytes, size: int) -> None:
        super().__init__()
        self._block, self._size, self._position = memoryview(block), size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = origin[whence] + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and (left := self._size - self._position) > 0:
            start = self._position % len(self._block)
            piece = self._block[start : start + min(left, len(view) - done)]
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done
