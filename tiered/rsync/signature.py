"""Making signatures and loading them; `tiered.rsync.header` has the layout."""

import ctypes
import itertools
import weakref
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import BinaryIO, Final, Self

from tiered.rsync.borrow import Data
from tiered.rsync.header import (
    HEADER_BYTES,
    MAX_BLOCK_LEN,
    Kind,
    SignatureHeader,
    damaged_signature,
    signature_header,
)
from tiered.rsync.job import Job, Output
from tiered.rsync.library import DONE, Library, load_library

_READ_BYTES: Final = 1 << 16
_OUTPUT_BYTES: Final = 1 << 14


class SignatureMaker:
    """The signature of bytes that are read for something else at the same time.

    Push the file's bytes through `feed`, in parts of any size, then `finish`.
    After an exception the maker cannot be used again.

    Args:
        block_len: Bytes, 1 .. MAX_BLOCK_LEN; see `block_len_for`.
        kind: Which sums.
        strong_len: Bytes of each strong sum; None is the kind's default.

    Cost: memory for the signature and one block.
    """

    def __init__(
        self, block_len: int, kind: Kind = Kind.MD4, strong_len: int | None = None
    ) -> None:
        strong_len = kind.default_strong_len if strong_len is None else strong_len
        if not 1 <= block_len <= MAX_BLOCK_LEN:
            raise ValueError(f"block_len is {block_len}, expected 1 to {MAX_BLOCK_LEN}")
        if not 1 <= strong_len <= kind.max_strong_len:
            raise ValueError(f"{kind.name} has no strong sum of {strong_len} bytes")
        library = load_library()
        _require(library, kind)
        pointer = library.sig_begin(block_len, strong_len, kind.value)
        self._job = Job(library, pointer, Output(_OUTPUT_BYTES))
        self._made = bytearray()

    def feed(self, data: Data) -> None:
        """Add the next bytes of the file."""
        for part in self._job.run(data, eof=False):
            self._made += part

    def finish(self) -> bytes:
        """The whole signature; byte for byte what `rdiff signature` writes."""
        for part in self._job.run(b"", eof=True):
            self._made += part
        self._job.close()
        return bytes(self._made)


class _Sumset:
    """An rs_signature_t with its hash table; freed when nothing refers to it."""

    def __init__(self, library: Library, pointer: int) -> None:
        self.library = library
        self.pointer = pointer
        weakref.finalize(self, library.free_sumset, pointer)


class Signature:
    """A loaded signature, from which any number of deltas can be made.

    Deltas in several threads at once want a Signature each: librsync counts
    lookups in it.  `close` frees the memory as soon as no delta needs it.

    Args:
        data: The whole signature.

    Raises:
        ArchiveDamaged: It is not a signature, or ends within a block.
        MissingDependency: There is no librsync, or none that knows this kind.

    Cost: memory of one to three times the signature, whatever the file's size.
    """

    _header: SignatureHeader
    _sumset: _Sumset | None

    def __init__(self, data: Data) -> None:
        self._load(signature_header(data), [data])

    @classmethod
    def from_stream(cls, stream: BinaryIO) -> Self:
        """Load from the stream's position to its end; errors as in the class."""
        head = b""
        while len(head) < HEADER_BYTES and (part := stream.read(_READ_BYTES)):
            head += part
        rest = iter(partial(stream.read, _READ_BYTES), b"")
        new = cls.__new__(cls)
        new._load(signature_header(head), itertools.chain([head], rest))
        return new

    @classmethod
    def from_parts(cls, parts: Iterable[Data]) -> Self:
        """Load parts, of which the first has the whole head; errors as in the class."""
        rest = iter(parts)
        first = next(rest, b"")
        new = cls.__new__(cls)
        new._load(signature_header(first), itertools.chain([first], rest))
        return new

    @property
    def magic(self) -> int:
        return self._header.magic

    @property
    def kind(self) -> Kind:
        return self._header.kind

    @property
    def block_len(self) -> int:
        """Bytes of each block but the last."""
        return self._header.block_len

    @property
    def strong_len(self) -> int:
        """Bytes of each strong sum."""
        return self._header.strong_len

    @property
    def sumset(self) -> _Sumset:
        """What C needs; whoever keeps it keeps the memory."""
        if self._sumset is None:
            raise ValueError("this signature is closed")
        return self._sumset

    def close(self) -> None:
        """No more deltas; those that were begun can be finished."""
        self._sumset = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _load(self, header: SignatureHeader, parts: Iterable[Data]) -> None:
        self._header = header
        library = load_library()
        _require(library, header.kind)
        place = ctypes.c_void_p()
        pointer = library.loadsig_begin(ctypes.addressof(place))
        if pointer is None or place.value is None:
            raise MemoryError("librsync has no memory for a signature")
        sumset = _Sumset(library, place.value)
        job = Job(library, pointer, Output(1), parsed="the signature", keep=sumset)
        size = 0
        for part in parts:
            size += memoryview(part).nbytes
            for _ in job.run(part, eof=False):
                pass  # loading makes nothing
        # librsync takes 1 to 3 bytes too many for the end, so count here
        if (size - HEADER_BYTES) % header.sums_bytes:
            raise damaged_signature("it ends within a block")
        for _ in job.run(b"", eof=True):
            pass
        job.close()
        result = library.build_hash_table(sumset.pointer)
        if result != DONE:
            raise library.failure(result, "the signature")
        self._sumset = sumset


def signature_of(
    data: Data, block_len: int, kind: Kind = Kind.MD4, strong_len: int | None = None
) -> bytes:
    """The signature of bytes in memory; arguments as in `SignatureMaker`."""
    maker = SignatureMaker(block_len, kind, strong_len)
    maker.feed(data)
    return maker.finish()


def _require(library: Library, kind: Kind) -> None:
    library.require(kind.since, f"signatures of kind {kind.name}")
