"""Count what costs: calls, bytes over the line, thaws that were asked for."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import BinaryIO, TypeVar

from tiered.errors import TieredError
from tiered.store import Extras, Frost, Linkable, PutMode, Source, Store, Thaw
from tiered.wrap.stream import OpenStream, Relay, Streaming

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a store was asked to do until some moment."""

    calls: Mapping[str, int]
    """By verb; extras count under the name of their method."""
    failures: Mapping[str, int]
    """By verb; a get whose stream fails later is a failure, too."""
    sent_bytes: int
    """Read from the sources of puts, failed attempts included."""
    received_bytes: int
    """Read from streams and ranges, whether or not anybody needed them."""
    thaws: int
    """Names in all thaw calls that succeeded."""


class Metered(Streaming):
    """`inner`, counted."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._lock = Lock()
        self._calls: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    @property
    def usage(self) -> Usage:
        with self._lock:
            return Usage(
                calls=dict(self._calls),
                failures=dict(self._failures),
                sent_bytes=self._sums["sent"],
                received_bytes=self._sums["received"],
                thaws=self._sums["thaws"],
            )

    @property
    def extras(self) -> Extras:
        extras = super().extras
        if extras.thaw:
            extras = dataclasses.replace(extras, thaw=_CountedThaw(self, extras.thaw))
        return extras

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        with self._lock:
            self._calls[verb] += 1
        try:
            result = run()
        except TieredError:
            self.count_failure(verb)
            raise
        if isinstance(result, bytes):  # of a range: streams are counted as they go
            self.count("received", len(result))
        return result

    def around_stream(self, verb: str, name: str, open_stream: OpenStream) -> BinaryIO:
        stream = self.around(verb, name, open_stream)
        return _Counted(stream, self, verb, "received").as_binary()

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        super().put(name, _CountedSource(source, self), mode)

    def count(self, what: str, amount: int) -> None:
        """Add to one of the sums "sent", "received" and "thaws"."""
        with self._lock:
            self._sums[what] += amount

    def count_failure(self, verb: str) -> None:
        with self._lock:
            self._failures[verb] += 1


class _Counted(Relay):
    """A stream that counts its bytes, and its failure if it is one of a store."""

    def __init__(self, inner: BinaryIO, meter: Metered, verb: str, what: str) -> None:
        super().__init__(inner)
        self._meter, self._verb, self._what = meter, verb, what

    def read(self, size: int = -1) -> bytes:
        try:
            piece = self.inner.read(size)
        except TieredError:
            if self._verb != "put":  # `around` counts the failure of a put
                self._meter.count_failure(self._verb)
            raise
        self._meter.count(self._what, len(piece))
        return piece


class _CountedSource:
    """A source whose streams are counted."""

    def __init__(self, inner: Source, meter: Metered) -> None:
        self._inner, self._meter = inner, meter

    @property
    def size(self) -> int:
        return self._inner.size

    @property
    def md5(self) -> str | None:
        return self._inner.md5

    def open(self) -> BinaryIO:
        return _Counted(self._inner.open(), self._meter, "put", "sent").as_binary()

    def link(self, folder: int, name: str) -> bool:
        if not isinstance(self._inner, Linkable):
            return False
        is_linked = self._inner.link(folder, name)
        if is_linked:
            self._meter.count("sent", self.size)
        return is_linked


class _CountedThaw:
    """A thaw that counts the names it was asked for."""

    def __init__(self, meter: Metered, inner: Thaw) -> None:
        self._meter, self._inner = meter, inner

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        return self._inner.frost(names)

    def thaw(self, names: Iterable[str]) -> None:
        wanted = tuple(names)
        self._inner.thaw(wanted)
        self._meter.count("thaws", len(wanted))
