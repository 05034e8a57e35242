"""Objects that are not encrypted: as they are, or gzip.

gzip is written with time 0, so equal content gives equal bytes.
"""

import gzip
import zlib
from typing import BinaryIO

from tiered.codec.codec import Decoder, Encoder
from tiered.errors import ArchiveDamaged, ScratchError


class Plain:
    """Bytes as they are."""

    suffix = ""

    def encode(self, target: BinaryIO) -> Encoder:
        return _Writer(target)

    def decode(self, source: BinaryIO, name: str) -> Decoder:
        return _Reader(source, name)


class Gzip:
    """One gzip member."""

    suffix = ".gz"

    def __init__(self, level: int = 6) -> None:
        self._level = level

    def encode(self, target: BinaryIO) -> Encoder:
        return _Writer(target, gzip.GzipFile("", "wb", self._level, target, mtime=0))

    def decode(self, source: BinaryIO, name: str) -> Decoder:
        if not source.read(1):  # zlib takes it for the end of what has no members
            raise ArchiveDamaged(f"{name!r} is empty")
        source.seek(0)
        return _Reader(source, name, gzip.GzipFile(fileobj=source, mode="rb"))


class _Writer:
    def __init__(self, target: BinaryIO, wrapped: gzip.GzipFile | None = None) -> None:
        self._target, self._wrapped = target, wrapped
        self._stream = wrapped or target

    def write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except OSError as e:
            raise _scratch(e) from e

    def close(self) -> None:
        try:
            if self._wrapped:
                self._wrapped.close()
            self._target.flush()
        except OSError as e:
            raise _scratch(e) from e

    def abort(self) -> None:
        """The file is the caller's; there is nothing else to end."""


class _Reader:
    def __init__(
        self, source: BinaryIO, name: str, wrapped: gzip.GzipFile | None = None
    ) -> None:
        self._name = name
        self._stream = wrapped or source

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as e:
            raise ArchiveDamaged(
                f"{self._name!r} is not whole: {e}",
                hint="Read another copy of it, if there is one.",
            ) from e
        except OSError as e:
            raise _scratch(e) from e

    def close(self) -> None:
        while self.read(1 << 16):
            pass

    def abort(self) -> None:
        """The file is the caller's; there is nothing else to end."""


def _scratch(error: OSError) -> ScratchError:
    return ScratchError(
        f"the temporary directory cannot be used: {error.strerror}",
        hint="Free space there, or choose another with --tempdir.",
    )
