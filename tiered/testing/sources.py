"""Sources for checks: bytes in memory, and a stream that tears."""

import hashlib
import io
from typing import BinaryIO

from tiered.errors import SourceError


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
