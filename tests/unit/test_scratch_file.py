"""What fails in a scratch file is told as such, and nothing else is."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from tiered.engine.spool import read_part, scratch_file
from tiered.errors import ScratchError

MOST_BYTES = 1 << 16


@contextmanager
def short_files() -> Iterator[None]:
    """No file of this process may grow further than this."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def write_much(file: BinaryIO) -> None:
    file.write(bytes(2 * MOST_BYTES))


def write_bit_by_bit(file: BinaryIO) -> None:
    for _ in range(2 * MOST_BYTES):
        file.write(b"x")


def flush_what_is_too_far(file: BinaryIO) -> None:
    file.seek(MOST_BYTES)
    file.write(b"x")
    file.flush()


def lengthen(file: BinaryIO) -> None:
    file.truncate(2 * MOST_BYTES)


@pytest.mark.parametrize(
    "fill", [write_much, write_bit_by_bit, flush_what_is_too_far, lengthen]
)
def test_no_room(tmp_path: Path, fill: Callable[[BinaryIO], None]) -> None:
    with (
        short_files(),
        pytest.raises(ScratchError, match=r"temporary directory .* too large"),
        scratch_file(tmp_path) as file,
    ):
        fill(file)
    assert list(tmp_path.iterdir()) == []


def read_all(file: BinaryIO) -> bytes:
    return file.read()


def read_some(file: BinaryIO) -> bytes:
    return file.read(10)


def read_at(file: BinaryIO) -> bytes:
    return read_part(file.fileno(), 10, 0)


@pytest.mark.parametrize("read", [read_all, read_some, read_at])
def test_cannot_be_read(tmp_path: Path, read: Callable[[BinaryIO], bytes]) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with scratch_file(tmp_path) as file:
        os.dup2(folder, file.fileno())  # as unreadable as a broken disk
        os.close(folder)
        with pytest.raises(ScratchError):
            read(file)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ScratchError), scratch_file(tmp_path / "missing"):
        pytest.fail("there is no such folder")


def test_other_errors_are_left_alone(tmp_path: Path) -> None:
    """Such as those of a store, of the source, or of what is restored."""
    other = OSError(errno.ENOSPC, "the disk of somebody else is full")
    with (
        pytest.raises(OSError, match="somebody else") as caught,
        scratch_file(tmp_path) as file,
    ):
        fail(file, other)
    assert caught.value is other


def test_what_was_not_written_yet_hides_no_error(tmp_path: Path) -> None:
    other = ValueError("why the block ends")
    with (
        short_files(),
        pytest.raises(ValueError, match="why"),
        scratch_file(tmp_path) as file,
    ):
        fail(file, other, MOST_BYTES)


def fail(file: BinaryIO, error: Exception, at: int = 0) -> None:
    file.seek(at)
    file.write(b"x")
    raise error


def test_reads_what_was_written(tmp_path: Path) -> None:
    with scratch_file(tmp_path) as file:
        file.write(b"0123456789")
        file.seek(4)
        file.truncate()
        file.seek(0)
        assert file.read() == b"0123"
        assert read_part(file.fileno(), 2, 1) == b"12"
