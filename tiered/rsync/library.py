"""The system's librsync: loading it, its prototypes and what its answers mean.

Facts this module stands on:
  * names, argument types and result codes: librsync.h of librsync 2.0 to 2.3,
    packaged as librsync-dev; sonames librsync.so.2 on Linux
  * ctypes.CDLL gives up the GIL for every call and takes it again for callbacks
  * with no log function at all librsync logs nothing  [rs_trace_to, src/trace.c]
  * the library keeps no state between jobs but that log function, so separate
    jobs may run in separate threads at once

Nothing is loaded on import: a machine that only lists archives needs no librsync.
"""

import ctypes
import ctypes.util
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tiered.errors import ArchiveDamaged, MissingDependency

OLDEST: Final = (2, 0)
"""Before 1.0 rs_sig_begin and the copy callback had other arguments."""

# rs_result
DONE: Final = 0
BLOCKED: Final = 1
IO_ERROR: Final = 100
RESULTS: Final = frozenset({DONE, BLOCKED, *range(100, 109)})
_MEM_ERROR: Final = 102
_INPUT_ENDED: Final = 103
_BAD_MAGIC: Final = 104
_CORRUPT: Final = 106
_PARAM_ERROR: Final = 108

_DAMAGE: Final = frozenset({_INPUT_ENDED, _BAD_MAGIC, _CORRUPT, _PARAM_ERROR})
"""Answers of a job that parses an archive which say: these bytes are wrong."""

_LOG_EMERGENCY: Final = 0

DAMAGED_HINT: Final = "Its object in the archive is damaged: try another copy of it."


class Buffers(ctypes.Structure):
    """rs_buffers_t: what rs_job_iter may read and fill, and what it left over."""

    _fields_ = [
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_size_t),
        ("eof_in", ctypes.c_int),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_size_t),
    ]
    # What mypy cannot see in _fields_; all in bytes, `next_*` are addresses.
    next_in: int
    avail_in: int
    eof_in: int
    next_out: int
    avail_out: int


class Stats(ctypes.Structure):
    """The head of rs_stats_t: bytes of all commands that a patch job has begun."""

    _fields_ = [
        ("op", ctypes.c_char_p),
        ("lit_cmds", ctypes.c_int),
        ("lit_bytes", ctypes.c_int64),
        ("lit_cmdbytes", ctypes.c_int64),
        ("copy_cmds", ctypes.c_int64),
        ("copy_bytes", ctypes.c_int64),
    ]
    lit_bytes: int
    copy_bytes: int


CopyCallback = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_void_p),
)
"""rs_copy_cb: (opaque, position, length in and out, buffer in and out)."""


@dataclass(frozen=True, slots=True)
class Library:
    """The functions of librsync with their prototypes; pointers are integers.

    A `begin` function gives None when there is no memory.
    """

    version: tuple[int, int]
    sig_begin: Callable[[int, int, int], int | None]
    """(block_len, strong_len, magic)"""
    loadsig_begin: Callable[[object], int | None]
    build_hash_table: Callable[[int], int]
    free_sumset: Callable[[int], None]
    delta_begin: Callable[[int], int | None]
    patch_begin: Callable[[object, None], int | None]
    job_iter: Callable[[int, int], int]
    job_statistics: Callable[[int], int]
    job_free: Callable[[int], int]
    strerror: Callable[[int], bytes]

    def failure(self, result: int, parsed: str | None) -> Exception:
        """The exception for a result other than DONE and BLOCKED.

        Args:
            result: An rs_result.
            parsed: What of the archive the job reads, such as "the delta"; None
                if any input is right, and only a bug can make the job fail.
        """
        text = self.strerror(result).decode("ascii", "replace")
        if result == _MEM_ERROR:
            return MemoryError(f"librsync: {text}")
        if parsed is not None and result in _DAMAGE:
            return ArchiveDamaged(
                f"{parsed} cannot be used: {text}", hint=DAMAGED_HINT, result=result
            )
        return RuntimeError(f"librsync failed with {result}: {text}")

    def require(self, version: tuple[int, int], purpose: str) -> None:
        """Raise MissingDependency if the library is older than `version`."""
        if self.version >= version:
            return
        raise MissingDependency(
            f"librsync {_dotted(self.version)} is too old for {purpose}:"
            f" it needs {_dotted(version)} or newer",
            hint="Install a newer librsync2.",
        )


@functools.cache  # one log setting and one set of prototypes; a failure is not kept
def load_library() -> Library:
    """The system's librsync, loaded and silenced on the first call.

    Raises:
        MissingDependency: It is not installed, cannot be loaded, or is older
            than 2.0.  A later call tries again.
    """
    handle = _open()
    try:
        library = _bound(handle)
    except (AttributeError, ValueError) as e:  # a symbol is missing
        raise MissingDependency(
            f"the librsync that was found cannot be used: {e}",
            hint="Install librsync 2.0 or newer (Debian: librsync2).",
        ) from e
    library.require(OLDEST, "tiered")
    return library


def _open() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("librsync.so.2")
    except OSError as e:
        reason = e
    name = ctypes.util.find_library("rsync")  # slow: it starts programs
    if name is not None:
        try:
            return ctypes.CDLL(name)
        except OSError as e:
            reason = e
    raise MissingDependency(
        f"librsync is not installed, or cannot be loaded: {reason}",
        hint="Install the package librsync2 (Debian, Ubuntu)"
        " or librsync (Fedora, Arch, Homebrew).",
    ) from reason


def _bound(handle: ctypes.CDLL) -> Library:
    pointer, size, code = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    _function(handle, "rs_trace_set_level", None, code)(_LOG_EMERGENCY)
    _function(handle, "rs_trace_to", None, pointer)(None)
    return Library(
        version=_version(handle),
        sig_begin=_function(handle, "rs_sig_begin", pointer, size, size, code),
        loadsig_begin=_function(handle, "rs_loadsig_begin", pointer, pointer),
        build_hash_table=_function(handle, "rs_build_hash_table", code, pointer),
        free_sumset=_function(handle, "rs_free_sumset", None, pointer),
        delta_begin=_function(handle, "rs_delta_begin", pointer, pointer),
        patch_begin=_function(handle, "rs_patch_begin", pointer, CopyCallback, pointer),
        job_iter=_function(handle, "rs_job_iter", code, pointer, pointer),
        job_statistics=_function(handle, "rs_job_statistics", pointer, pointer),
        job_free=_function(handle, "rs_job_free", code, pointer),
        strerror=_function(handle, "rs_strerror", ctypes.c_char_p, code),
    )


def _function(
    handle: ctypes.CDLL, name: str, result: object, *arguments: object
) -> Callable[..., Any]:  # the fields of Library say what it gives
    function = getattr(handle, name)
    function.restype = result
    function.argtypes = arguments
    return function  # type: ignore[no-any-return]  # ctypes types it by name only


def _version(handle: ctypes.CDLL) -> tuple[int, int]:
    first = ctypes.c_char.in_dll(handle, "rs_librsync_version")
    text = ctypes.string_at(ctypes.addressof(first)).decode("ascii", "replace")
    found = re.search(r"(\d+)\.(\d+)", text)  # "librsync 2.3.2"
    if found is None:
        raise ValueError(f"it says its version is {text!r}")
    return int(found[1]), int(found[2])


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
