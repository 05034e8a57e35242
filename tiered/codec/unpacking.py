"""Unpack many frames without a new buffer for each.

The zstd module gives a new object for each frame: it decompresses into a window of
its own, copies that into blocks and joins these, and the system zeroes the memory
of all three.  The function of the library behind it that writes straight into a
buffer takes a quarter less time; so that one is called, if the module lets it be
seen, and else the module  [docs/decisions/0016-zstd-into-buffers.md].
"""

import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

from tiered.codec.buffers import KeptBuffer
from tiered.codec.frames import (
    MAX_FRAME_BYTES,
    FrameSize,
    check_frame,
    unpack_frame,
)
from tiered.errors import ArchiveDamaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Decompress = Callable[[memoryview, memoryview], int]
"""(one frame, target) -> bytes that it wrote there.

Raises:
    ArchiveDamaged: The frame is none, fails its checksum, or holds more.
"""


class FrameUnpacker:
    """Unpacks frame after frame; each thread has its buffer.

    Args:
        decompress: Makes what a thread decompresses with; None: the zstd module.
    """

    def __init__(self, decompress: Callable[[], Decompress] | None) -> None:
        self._new, self._kept = decompress, threading.local()

    def unpack(
        self, frame: memoryview, size: FrameSize, limit: int = MAX_FRAME_BYTES
    ) -> memoryview:
        """The content of one frame, valid until this thread unpacks the next.

        Args:
            frame: Of a buffer that can be written to.

        Raises:
            ArchiveDamaged: As `unpack_frame`.
        """
        if self._new is None:
            return memoryview(unpack_frame(bytes(frame), size, limit))
        check_frame(frame, size, limit)
        try:
            end = zstd.get_frame_size(frame)
        except zstd.ZstdError as e:
            raise ArchiveDamaged(f"a frame does not decompress: {e}") from None
        if end != len(frame):
            raise ArchiveDamaged("something stands behind a frame")
        buffer, decompress = self._mine(self._new)
        target = buffer.sized(max(1, size.content))
        if decompress(frame, target) != size.content:
            raise ArchiveDamaged("a frame has another size than its table says")
        return target[: size.content]

    def _mine(self, new: Callable[[], Decompress]) -> tuple[KeptBuffer, Decompress]:
        if not hasattr(self._kept, "own"):
            self._kept.own = KeptBuffer(), new()
        own: tuple[KeptBuffer, Decompress] = self._kept.own
        return own


def library_decompress() -> Callable[[], Decompress] | None:
    """What a `FrameUnpacker` takes: None if the library cannot be seen."""
    try:
        # the module is private, so untyped, and all that tells where the library is
        library = ctypes.CDLL(zstd._zstd.__file__)  # type: ignore[attr-defined]
        return _Library(library).new
    except (AttributeError, OSError):
        return None


class _Library:
    """Functions of zstd that are part of its stable interface."""

    def __init__(self, library: ctypes.CDLL) -> None:
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.create = _function(library.ZSTD_createDCtx, pointer)
        self.free = _function(library.ZSTD_freeDCtx, size, pointer)
        self.decompress = _function(
            library.ZSTD_decompressDCtx, size, pointer, pointer, size, pointer, size
        )
        self.is_error = _function(library.ZSTD_isError, ctypes.c_uint, size)
        self.error_name = _function(library.ZSTD_getErrorName, ctypes.c_char_p, size)

    def new(self) -> Decompress:
        return _Decompressor(self)


class _Decompressor:
    """One context of the library."""

    def __init__(self, library: _Library) -> None:
        self._library = library
        self._context = library.create()
        if not self._context:
            raise MemoryError

    def __call__(self, frame: memoryview, target: memoryview) -> int:
        source, into = (ctypes.c_char.from_buffer(b) for b in (frame, target))
        done: int = self._library.decompress(
            self._context,
            ctypes.addressof(into),
            len(target),
            ctypes.addressof(source),
            len(frame),
        )
        if self._library.is_error(done):
            name = self._library.error_name(done).decode()
            raise ArchiveDamaged(f"a frame does not decompress: {name}")
        return done

    def __del__(self) -> None:
        if context := getattr(self, "_context", None):
            self._library.free(context)


def _function(
    function: Any,
    result: Any,
    *arguments: Any,
) -> Any:
    function.restype, function.argtypes = result, arguments
    return function
