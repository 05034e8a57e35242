"""Driving a librsync job: bytes in, bytes out, with bounded memory.

A job is a state machine in C that takes what it can from an input buffer and
puts what it can into an output buffer.  `Job.run` turns that into "here are some
bytes, give me what they make", and holds to these rules:

  * The GIL is free while librsync works.
  * Input is lent, not copied; output is copied once, out of a buffer that is
    used again.
  * librsync sees at most _PIECE_BYTES at once: a delta job keeps all it is shown,
    and counts some lengths in C ints.
  * A job that was left in the middle, by an error, Ctrl-C or a generator that was
    not read to its end, is closed; using it again is a ValueError, never a
    wrong byte.
  * One job belongs to one thread at a time.  A second one gets a RuntimeError,
    because librsync would crash the process.
"""

import ctypes
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Final

from tiered.errors import ArchiveDamaged
from tiered.rsync.borrow import Data, borrowed
from tiered.rsync.library import BLOCKED, DAMAGED_HINT, DONE, Buffers, Library

_PIECE_BYTES: Final = 1 << 20


class Output:
    """The memory a job writes to, used again for every step."""

    def __init__(self, size_bytes: int) -> None:
        self._array = (ctypes.c_char * size_bytes)()
        self.address = ctypes.addressof(self._array)
        self.size_bytes = size_bytes
        self.view = memoryview(self._array).cast("B")


class Job:
    """One librsync job and its memory.

    Args:
        library: Where the job comes from.
        pointer: The rs_job_t, which this object frees.
        output: Where the job writes.  Size it for one step: too small costs
            calls, too large costs clearing it for every small file.
        parsed: See `Library.failure`.
        keep: What must outlive the job in C: a callback, a signature.
        iterate: Does a step instead of `library.job_iter`, with its arguments.
        inspect: Called after each step with the bytes made and the result; may
            raise.
    """

    def __init__(
        self,
        library: Library,
        pointer: int | None,
        output: Output,
        *,
        parsed: str | None = None,
        keep: object = None,
        iterate: Callable[[int, int], int] | None = None,
        inspect: Callable[[int, int], None] | None = None,
    ) -> None:
        if pointer is None:
            raise MemoryError("librsync has no memory for a job")
        self._library = library
        self._pointer: int | None = pointer
        self._free = weakref.finalize(self, _free, library, pointer, keep)
        self._output = output
        self._parsed = parsed
        self._iterate = iterate or library.job_iter
        self._inspect = inspect
        self._buffers = Buffers()
        self._buffers_address = ctypes.addressof(self._buffers)
        self._lock = threading.Lock()
        self.done = False

    def run(self, data: Data, *, eof: bool) -> Iterator[bytes]:
        """What the job makes of `data`, in parts that fit the output.

        Args:
            data: The next bytes of the input; must not change meanwhile.
            eof: They are the last.

        Raises:
            ArchiveDamaged: The job parses an archive, and `data` is not right.
            ValueError: The job is closed.
        """
        complete = False
        try:
            with borrowed(data) as (address, size):
                if size and self.done:
                    raise self._too_long()
                if size or (eof and not self.done):
                    yield from self._steps(address, address + size, eof=eof)
            complete = True
        finally:
            if not complete:
                self.close()

    def close(self) -> None:
        """Free the job; again does nothing."""
        with self._lock:
            self._pointer = None
            self._inspect = None
            self._free()

    def _steps(self, address: int, end: int, *, eof: bool) -> Iterator[bytes]:
        while True:
            size = min(end - address, _PIECE_BYTES)
            taken, made, full = self._step(address, size, eof and address + size == end)
            address += taken
            if made:
                yield made
            if self.done:
                break
            if address == end and not full and not eof:
                return
            if not (taken or made):
                raise RuntimeError("librsync neither goes on nor ends")
        if address < end:
            raise self._too_long()

    def _step(self, address: int, size: int, last: bool) -> tuple[int, bytes, bool]:  # noqa: FBT001 - private, and called for every 256 KiB
        """Bytes taken, bytes made, and whether more may be waiting to be made."""
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("two threads use one librsync job")
        try:
            if self._pointer is None:
                raise ValueError("this librsync job is closed")
            buffers, output = self._buffers, self._output
            buffers.next_in = address
            buffers.avail_in = size
            buffers.eof_in = last
            buffers.next_out = output.address
            buffers.avail_out = output.size_bytes
            result = self._iterate(self._pointer, self._buffers_address)
            self.done = result == DONE
            made = output.size_bytes - buffers.avail_out
            if self._inspect is not None:
                self._inspect(made, result)
            if result not in (DONE, BLOCKED):
                raise self._library.failure(result, self._parsed)
            part = ctypes.string_at(output.address, made) if made else b""
            return size - buffers.avail_in, part, not buffers.avail_out
        finally:
            self._lock.release()

    def _too_long(self) -> ArchiveDamaged:
        return ArchiveDamaged(
            f"{self._parsed} goes on after its end", hint=DAMAGED_HINT
        )


def _free(library: Library, pointer: int, _keep: object) -> None:
    library.job_free(pointer)
