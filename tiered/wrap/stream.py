"""Wrappers that have something to do as long as a stream is being read.

`Wrapped.around` ends when get returns; the bytes come later.  A wrapper that
counts, limits or repeats reads subclasses `Streaming` and hands out a `Relay`.
"""

import dataclasses
import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from tiered.store import Copies, Extras, Linkable, Source
from tiered.wrap.base import Wrapped

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

OpenStream = Callable[[], BinaryIO]


class Relay(io.RawIOBase):
    """A stream that takes its bytes from another one.

    A read is as short as the inner stream makes it.  Closing, also by the
    garbage collector, closes the inner stream.
    """

    def __init__(self, inner: BinaryIO) -> None:
        super().__init__()
        self.inner = inner

    def as_binary(self) -> BinaryIO:
        """Itself: typeshed does not know that a RawIOBase is a BinaryIO."""
        return cast(BinaryIO, self)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.inner.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.inner.seek(offset, whence)

    def tell(self) -> int:
        return self.inner.tell()

    def read(self, size: int = -1) -> bytes:
        return self.inner.read(size)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            try:
                self.inner.close()
            finally:
                super().close()


class Tapped:
    """A source whose streams go through `tap`.

    A source that is linked instead of being read does not: no byte moves.
    """

    def __init__(self, inner: Source, tap: Callable[[BinaryIO], BinaryIO]) -> None:
        self.inner, self._tap = inner, tap

    @property
    def size(self) -> int:
        return self.inner.size

    @property
    def md5(self) -> str | None:
        return self.inner.md5

    def open(self) -> BinaryIO:
        return self._tap(self.inner.open())

    def link(self, folder: int, name: str) -> bool:
        return isinstance(self.inner, Linkable) and self.inner.link(folder, name)


class Streaming(Wrapped, ABC):
    """A wrapper that stays with a get until its stream is closed."""

    @abstractmethod
    def around_stream(self, verb: str, name: str, open_stream: OpenStream) -> BinaryIO:
        """Called for the verbs `get` and `get_copy`, instead of `around`."""

    def get(self, name: str) -> BinaryIO:
        return self.around_stream("get", name, lambda: self.inner.get(name))

    @property
    def extras(self) -> Extras:
        extras = super().extras
        if (outer := extras.copies) and (inner := self.inner.extras.copies):
            extras = dataclasses.replace(extras, copies=_Copies(self, outer, inner))
        return extras


class _Copies:
    """The copies of a store, their streams through `around_stream`."""

    def __init__(self, wrapper: Streaming, outer: Copies, inner: Copies) -> None:
        self._wrapper, self._outer, self._inner = wrapper, outer, inner

    def copies(self, name: str) -> tuple[str, ...]:
        return self._outer.copies(name)

    def get_copy(self, name: str, label: str) -> BinaryIO:
        return self._wrapper.around_stream(
            "get_copy", name, lambda: self._inner.get_copy(name, label)
        )
