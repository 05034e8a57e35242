"""Temporary files: what is about to be uploaded, and what was downloaded."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tiered.codec.codec import Codec
from tiered.errors import ScratchError, SourceError

_HASH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSource:
    """A `tiered.store.Source` over a finished spool file."""

    path: Path
    size: int
    md5: str | None
    sha1: str

    def open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except OSError as e:
            raise SourceError(
                f"a temporary file disappeared: {e.strerror}",
                hint="Something cleans the temporary directory; choose another "
                "with --tempdir.",
            ) from e

    def delete(self) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()


class SpoolFile:
    """An object that is being written: codec, temporary file, size so far."""

    def __init__(self, folder: Path, codec: Codec) -> None:
        self._path, self._file = _temporary_file(folder)
        try:
            self._encoder = codec.encode(self._file)
        except BaseException:
            self._drop()
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
            self._file.close()
            return _hashed(self._path)
        except BaseException:  # Ctrl-C included: hashing a volume takes a while
            self._encoder.abort()
            self._drop()
            raise

    def abort(self) -> None:
        """Throw it away.  Allowed after `finish` too: then it does nothing."""
        if not self._file.closed:
            self._encoder.abort()
            self._drop()

    def _drop(self) -> None:
        with suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder of one run below `folder`, gone at the end of the block.

    Ctrl-C may come between any two steps of making, handing on and deleting a
    spool file; whatever is left then goes with the folder.

    Raises:
        ScratchError: It cannot be made.
    """
    with scratch_errors(folder):
        made = Path(tempfile.mkdtemp(prefix="tiered-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def scratch_file(folder: Path) -> Iterator[BinaryIO]:
    """A nameless temporary file, gone at the end of the block.

    Raises:
        ScratchError: The folder is missing, full or read-only.
    """
    with scratch_errors(folder), tempfile.TemporaryFile(dir=folder) as file:
        yield file


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


def _temporary_file(folder: Path) -> tuple[Path, BinaryIO]:
    with scratch_errors(folder):
        fd, name = tempfile.mkstemp(prefix="tiered-", dir=folder)
        return Path(name), os.fdopen(fd, "w+b")


def _hashed(path: Path) -> SpoolSource:
    md5 = hashlib.md5(usedforsecurity=False)
    sha1 = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            md5.update(chunk)
            sha1.update(chunk)
    return SpoolSource(
        path=path,
        size=path.stat().st_size,
        md5=md5.hexdigest(),
        sha1=sha1.hexdigest(),
    )
