"""Temporary files: what is about to be uploaded, and what was downloaded.

None of them has a name, so the disk space is free again when the process ends,
however it ends, and nobody else can read them.
"""

import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tiered.codec.codec import Codec
from tiered.errors import ScratchError, SourceError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_HASH_BYTES = 1 << 20
_ELSEWHERE = "Choose another temporary directory with --tempdir."


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSource:
    """A `tiered.store.Source` over a finished spool file; `close` frees its disk."""

    file: BinaryIO
    size: int
    md5: str | None
    sha1: str

    def open(self) -> BinaryIO:
        return open_spool(self.file)

    def close(self) -> None:
        self.file.close()


def make_spool(folder: Path) -> BinaryIO:
    """A nameless file, which `link_spool` can name where the system knows how to.

    It gets the mode that any new file of this user gets, as a name may be all that
    it lacks to become an object.

    Raises:
        OSError: The folder is missing, full or read-only.
    """
    if sys.platform == "linux":
        flags = os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC
        with suppress(OSError):  # not every file system has them
            return os.fdopen(os.open(folder, flags, 0o666), "w+b")
    return tempfile.TemporaryFile(dir=folder)


def link_spool(file: BinaryIO, folder: int, name: str) -> None:
    """Name the file that `make_spool` made.

    Raises:
        OSError: It lies on another file system, had a name before, or the system
            cannot do this.  Nothing has been done.
    """
    # with a descriptor link follows the symbolic link, as linkat(2) can
    os.link(
        f"/proc/self/fd/{file.fileno()}", name, dst_dir_fd=folder, follow_symlinks=True
    )


def open_spool(file: BinaryIO) -> BinaryIO:
    """The bytes of an open file from byte 0, wherever others read it."""
    return io.BufferedReader(_Reading(file.fileno()), _HASH_BYTES)


def read_part(fd: int, length: int, offset: int) -> bytes:
    """A part of a temporary or cached file; threads may share it.

    Raises:
        ScratchError: It cannot be read.
    """
    try:
        return os.pread(fd, length, offset)
    except OSError as e:
        raise ScratchError(_unreadable(e), hint=_ELSEWHERE) from e


def _unreadable(error: OSError) -> str:
    return f"a temporary file cannot be read: {error.strerror}"


class _Reading(io.RawIOBase):
    """The bytes of an open file from its beginning, with a position of its own."""

    def __init__(self, fd: int) -> None:
        self._fd, self._position = os.dup(fd), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        size = os.fstat(self._fd).st_size
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: size}
        self._position = base[whence] + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # typeshed's WriteableBuffer is not a Buffer to preadv; io gives a memoryview
        try:
            count = os.preadv(self._fd, [buffer], self._position)
        except OSError as e:
            raise SourceError(_unreadable(e), hint=_ELSEWHERE) from e
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()


class SpoolFile:
    """An object that is being written: codec, temporary file, size so far."""

    def __init__(self, folder: Path, codec: Codec) -> None:
        with scratch_errors(folder):
            self._file: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `abort`, or handed on
        self._finished = False
        try:
            self._encoder = codec.encode(self._file)
        except BaseException:
            self._file.close()
            raise

    @property
    def size_bytes(self) -> int:
        """Encoded bytes so far; up to a few buffers behind."""
        return os.fstat(self._file.fileno()).st_size

    def write(self, data: bytes) -> None:
        self._encoder.write(data)

    def finish(self) -> SpoolSource:
        """End the object and hash what will be uploaded."""
        try:
            self._encoder.close()
            source = _hashed(self._file)
        except BaseException:  # Ctrl-C included: hashing a volume takes a while
            self.abort()
            raise
        self._finished = True
        return source

    def abort(self) -> None:
        """Throw it away.  Allowed after `finish` too: then it does nothing."""
        if self._finished:
            return
        self._encoder.abort()
        with suppress(OSError):  # a full disk, told before
            self._file.close()


@contextmanager
def scratch_file(folder: Path) -> Iterator[BinaryIO]:
    """A nameless temporary file, gone at the end of the block.

    Its own methods raise ScratchError, so that no other OSError in the block is
    taken for one of the folder.

    Raises:
        ScratchError: The folder is missing, full or read-only.
    """
    file = io.BufferedRandom(_Scratch(folder))
    try:
        yield file
    finally:
        with suppress(ScratchError):  # nobody misses what was not written yet
            file.close()


class _Scratch(io.FileIO):
    """A nameless file that says of its errors what they are errors of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (
            scratch_errors(folder),
            tempfile.TemporaryFile(dir=folder, buffering=0) as file,
        ):
            super().__init__(os.dup(file.fileno()), "r+b")

    def write(self, data: "ReadableBuffer", /) -> int | None:  # type: ignore[override]
        # typeshed takes a raw file for a BinaryIO, which never writes nothing
        with scratch_errors(self._folder):
            return super().write(data)

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        with scratch_errors(self._folder):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with scratch_errors(self._folder):
            return super().readall()

    def truncate(self, size: int | None = None, /) -> int:
        with scratch_errors(self._folder):
            return super().truncate(size)


@contextmanager
def scratch_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError of the temporary directory into a ScratchError."""
    try:
        yield
    except OSError as e:
        raise ScratchError(
            f"the temporary directory {folder} cannot be used: {e.strerror}",
            hint="Free space there, or choose another with --tempdir.",
        ) from e


def _hashed(file: BinaryIO) -> SpoolSource:
    md5 = hashlib.md5(usedforsecurity=False)
    sha1 = hashlib.sha1(usedforsecurity=False)
    with io.BufferedReader(_Reading(file.fileno()), _HASH_BYTES) as data:
        while chunk := data.read(_HASH_BYTES):
            md5.update(chunk)
            sha1.update(chunk)
    return SpoolSource(
        file=file,
        size=os.fstat(file.fileno()).st_size,
        md5=md5.hexdigest(),
        sha1=sha1.hexdigest(),
    )
