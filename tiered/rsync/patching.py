"""Patching: old version + delta = new version, as a stream.

librsync asks for bytes of the old version through a callback, and ctypes drops
an exception that leaves a callback: librsync then takes an undefined answer, at
worst "here they are", and unwritten memory becomes part of the file.  So

  * the callback's body catches all, and the error is raised after the step;
  * signals wait until after the step (`tiered.rsync.defer`);
  * what may still go wrong before the body, such as a lack of memory, is found by
    counting.  With `served` counted by us, `copy_bytes` and `lit_bytes` by librsync
    when it begins a command, and `made` bytes of output, each step ends either
    with no copy open (served = copy_bytes) or within one, with all literals
    written (made = lit_bytes + served); at the end no copy is open; and the result
    is one that librsync has.
"""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, BinaryIO, Final, Protocol

from tiered.errors import ArchiveDamaged
from tiered.rsync.borrow import Data
from tiered.rsync.defer import signals_deferred
from tiered.rsync.job import Job, Output
from tiered.rsync.library import (
    DAMAGED_HINT,
    DONE,
    IO_ERROR,
    RESULTS,
    CopyCallback,
    Library,
    Stats,
    load_library,
)

_OUTPUT_BYTES: Final = 1 << 18
_READ_BYTES: Final = 1 << 18


class Readable(Protocol):
    """All that a delta has to offer."""

    def read(self, size: int, /) -> bytes: ...


_ReadInto = Callable[[memoryview, int], int]
"""(where to put the bytes, position) -> bytes read, 0 at the end."""


def patch(basis: BinaryIO, delta: Readable) -> Iterator[bytes]:
    """The new version, in parts of at most 256 KiB.

    Args:
        basis: The old version, seekable.  A plain file is read with `pread`, so
            its position stays and several patches may share it; any other
            object is moved by seeking.
        delta: Read from its position to its end.

    Returns:
        An iterator for one thread at a time.  What it gave before it raised is
        part of nothing: write it where it can be thrown away.

    Raises:
        ArchiveDamaged: The delta is no delta, ends early, goes on after its end,
            or copies from beyond the end of the basis.  A delta that was changed
            in other ways gives wrong bytes: check the result's size and hash.
        MissingDependency: There is no librsync; raised at once.

        What `basis` and `delta` raise comes out unchanged.

    Cost: about 1 MiB of memory, whatever the sizes.
    """
    library = load_library()
    output = Output(_OUTPUT_BYTES)
    copies = _Copies(basis, output)
    callback = CopyCallback(copies.answer)
    pointer = library.patch_begin(callback, None)
    job = Job(
        library,
        pointer,
        output,
        parsed="the delta",
        keep=callback,
        iterate=partial(_step_without_signals, library),
        inspect=copies.check,
    )
    if pointer is not None:
        copies.stats = Stats.from_address(library.job_statistics(pointer))
    return _patched(job, delta)


def patch_bytes(basis: Data, delta: Data) -> bytes:
    """`patch` in memory; errors as there."""
    return b"".join(patch(io.BytesIO(basis), io.BytesIO(delta)))


def _patched(job: Job, delta: Readable) -> Iterator[bytes]:
    with closing(job):
        while part := delta.read(_READ_BYTES):
            yield from job.run(part, eof=False)
        yield from job.run(b"", eof=True)


def _step_without_signals(library: Library, job: int, buffers: int) -> int:
    with signals_deferred():
        return library.job_iter(job, buffers)


class _Copies:
    """Answers what librsync asks of the basis, and checks that it got all."""

    stats: Stats
    """Of the job; its memory goes with the job, and so does the last check."""

    def __init__(self, basis: BinaryIO, output: Output) -> None:
        self._size, self._read_into = _opened(basis)
        self._output = output
        self._error: BaseException | None = None
        self._served = 0
        self._made = 0

    def answer(self, _opaque: None, position: int, length: Any, buffer: Any) -> int:
        """rs_copy_cb; `length` and `buffer` are pointers, which ctypes cannot type."""
        try:
            start = buffer[0] - self._output.address
            view = self._output.view[start : start + length[0]]
            length[0] = got = self._read(view, position)
            self._served += got
        except BaseException as e:  # noqa: BLE001 - C cannot carry it; `check` raises it
            self._error = e
            return IO_ERROR
        return DONE

    def check(self, made: int, result: int) -> None:
        """Raise what a callback could not; see the head of the module."""
        self._made += made
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        whole = self._served == self.stats.copy_bytes
        within = self._made == self.stats.lit_bytes + self._served and result != DONE
        if result not in RESULTS or not (whole or within):
            raise RuntimeError("librsync did not get what it asked of the old version")

    def _read(self, view: memoryview, position: int) -> int:
        """Fill the start of `view`, and say how much: at least one byte."""
        # Far beyond the end, preadv would call a damaged position EINVAL.
        got = self._read_into(view, position) if position < self._size else 0
        if got:
            return got
        raise ArchiveDamaged(
            f"the delta copies from byte {position} of an old version"
            f" that ends at {self._size}",
            hint=DAMAGED_HINT,
            position=position,
            size_bytes=self._size,
        )


def _opened(basis: BinaryIO) -> tuple[int, _ReadInto]:
    """Size in bytes of the basis, and how to read it.

    A `fileno` alone proves nothing: that of a GzipFile is the compressed file's.
    """
    here = basis.tell()
    size = basis.seek(0, os.SEEK_END)  # fstat gives 0 for a block device
    basis.seek(here)
    if not _is_plain(basis):
        return size, _by_seeking(basis)
    basis.flush()  # pread does not see what Python has not written yet
    fd = basis.fileno()
    return size, lambda view, position: os.preadv(fd, [view], position)


def _is_plain(basis: object) -> bool:
    if isinstance(basis, io.BufferedReader | io.BufferedRandom):
        return isinstance(basis.raw, io.FileIO)
    return isinstance(basis, io.FileIO)


def _by_seeking(basis: BinaryIO) -> _ReadInto:
    def read_into(view: memoryview, position: int) -> int:
        basis.seek(position)
        part = basis.read(len(view))
        view[: len(part)] = part
        return len(part)

    return read_into
