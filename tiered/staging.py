"""Files with names, for programs that send and receive files and know no streams."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tiered.download import Receiving, buffered
from tiered.errors import ScratchError
from tiered.store import Linkable, Source
from tiered.upload import chunks

_COPY_BYTES = 1 << 20


@contextmanager
def private_folder(scratch: Path) -> Iterator[Path]:
    """A folder that nobody else can read, gone at the end of the block.

    Raises:
        ScratchError: The temporary directory is missing, full or read-only.
    """
    with scratch_errors(scratch):
        folder = Path(tempfile.mkdtemp(prefix="tiered-", dir=scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def staged(source: Source, scratch: Path, name: str, what: str) -> Iterator[Path]:
    """A folder that holds the bytes of `source` as its only file, called `name`.

    Cost: Nothing, if the source is a temporary file on the same file system that
    has had no name yet; a copy otherwise.

    Args:
        name: May have folders in it.
        what: Names the object in errors.

    Raises:
        SourceError: It has not as many bytes as it said.
        ScratchError: The temporary directory is missing, full or read-only.
    """
    with private_folder(scratch) as folder:
        file = folder / name
        with scratch_errors(scratch):
            file.parent.mkdir(parents=True, exist_ok=True)
            if not _linked(source, file):
                _copy(source, file, what)
        yield folder


def opened(file: Path, scratch: Path, what: str) -> BinaryIO:
    """What a program left in a file, which may lose its name while it is read.

    Raises:
        ScratchError: It cannot be read; so does the stream.
    """
    with scratch_errors(scratch):
        stream = file.open("rb", buffering=0)
        size = os.fstat(stream.fileno()).st_size
    return buffered(Receiving(stream, size, lambda: scratch_errors(scratch), what))


@contextmanager
def scratch_errors(scratch: Path) -> Iterator[None]:
    """Turn an OSError of the temporary directory into a ScratchError."""
    try:
        yield
    except OSError as e:
        raise ScratchError(
            f"the temporary directory {scratch} cannot be used: {e.strerror}",
            hint="Free space there, or choose another with --tempdir.",
        ) from e


def _linked(source: Source, file: Path) -> bool:
    if not isinstance(source, Linkable):
        return False
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        return source.link(folder, file.name)
    finally:
        os.close(folder)


def _copy(source: Source, file: Path, what: str) -> None:
    with file.open("xb") as copy:
        for chunk in chunks(source, what, _COPY_BYTES):
            copy.write(chunk)
