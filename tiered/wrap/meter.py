"""Count what costs: calls, bytes over the line, thaws, early deletions."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import BinaryIO, Protocol, TypeVar, runtime_checkable

from tiered.errors import TieredError
from tiered.store import Extras, Frost, PutMode, Source, Store, Thaw
from tiered.wrap.stream import OpenStream, Relay, Streaming, Tapped
from tiered.wrap.usage import Usage

T = TypeVar("T")


@runtime_checkable
class _Tier(Protocol):
    """A thaw that asks for a retrieval tier, which has a price of its own."""

    @property
    def tier(self) -> str: ...


class Metered(Streaming):
    """`inner`, counted."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._lock = Lock()
        self._calls: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._thaws: Counter[str] = Counter()

    @property
    def usage(self) -> Usage:
        with self._lock:
            return Usage(
                calls=dict(self._calls),
                failures=dict(self._failures),
                sent_bytes=self._sums["sent"],
                received_bytes=self._sums["received"],
                thaws=dict(self._thaws),
                cold_removals=self._sums["cold_removals"],
            )

    @property
    def extras(self) -> Extras:
        extras = super().extras
        if extras.thaw:
            inner = self.inner.extras.thaw
            tier = inner.tier if isinstance(inner, _Tier) else ""
            counted = _CountedThaw(self, extras.thaw, tier)
            extras = dataclasses.replace(extras, thaw=counted)
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
        if mode is PutMode.REPLACE:
            self._count_removal()

    def delete(self, name: str) -> None:
        super().delete(name)
        self._count_removal()

    def count(self, what: str, amount: int) -> None:
        """Add to one of the sums "sent", "received" and "cold_removals"."""
        with self._lock:
            self._sums[what] += amount

    def count_thaws(self, tier: str, amount: int) -> None:
        with self._lock:
            self._thaws[tier] += amount

    def _count_removal(self) -> None:
        if self.inner.extras.thaw:
            self.count("cold_removals", 1)

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


class _CountedSource(Tapped):
    """A source whose bytes are counted, those that are linked as well."""

    def __init__(self, inner: Source, meter: Metered) -> None:
        super().__init__(
            inner, lambda stream: _Counted(stream, meter, "put", "sent").as_binary()
        )
        self._meter = meter

    def link(self, folder: int, name: str) -> bool:
        is_linked = super().link(folder, name)
        if is_linked:
            self._meter.count("sent", self.size)
        return is_linked


class _CountedThaw:
    """A thaw that counts the names it was asked for."""

    def __init__(self, meter: Metered, inner: Thaw, tier: str) -> None:
        self._meter, self._inner, self._tier = meter, inner, tier

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        return self._inner.frost(names)

    def thaw(self, names: Iterable[str]) -> None:
        wanted = tuple(names)
        self._inner.thaw(wanted)
        self._meter.count_thaws(self._tier, len(wanted))
