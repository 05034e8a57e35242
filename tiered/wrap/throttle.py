"""Bytes and requests per second, of one store or of all.

What is counted as a request is a call; each name of a thaw is one more, as
providers get one request for each.  A listing of several pages, and an upload in
parts, are one call and several requests: how many is known to the backend alone.

Bytes are counted where the wrapper sees them: when a backend reads from a source,
and before a reader gets what came.  Headers, and what TLS adds, come on top.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, TypeVar

from tiered.clock import Clock
from tiered.store import Extras, Frost, PutMode, Ranges, Source, Store, Thaw
from tiered.wrap.stream import OpenStream, Relay, Streaming, Tapped
from tiered.wrap.tokens import TokenBucket, take

T = TypeVar("T")

_LEAST_BURST_BYTES = 16 << 10
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """The buckets that each request and each byte is taken from: all of them."""

    upload: tuple[TokenBucket, ...] = ()
    download: tuple[TokenBucket, ...] = ()
    requests: tuple[TokenBucket, ...] = ()


def byte_bucket(bytes_per_s: float, clock: Clock) -> TokenBucket:
    """At once: an eighth of a second's bytes, or one small piece."""
    burst = max(bytes_per_s / 8, min(bytes_per_s, _LEAST_BURST_BYTES))
    return TokenBucket(bytes_per_s, burst, clock)


def request_bucket(requests_per_s: float, clock: Clock) -> TokenBucket:
    """At once: one, as some providers count by the second."""
    return TokenBucket(requests_per_s, 1, clock)


class Throttled(Streaming):
    """`inner`, no faster than its paces."""

    def __init__(self, inner: Store, paces: Paces) -> None:
        super().__init__(inner)
        self.paces = paces

    @property
    def extras(self) -> Extras:
        extras = super().extras
        if extras.ranges:
            ranges = _PaidRanges(self.paces.download, extras.ranges)
            extras = dataclasses.replace(extras, ranges=ranges)
        if self.paces.requests and self.inner.extras.thaw:
            thaw = _PacedThaw(self, self.inner.extras.thaw)
            extras = dataclasses.replace(extras, thaw=thaw)
        return extras

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        take(self.paces.requests, 1)
        return run()

    def around_stream(self, verb: str, name: str, open_stream: OpenStream) -> BinaryIO:
        stream = self.around(verb, name, open_stream)
        return _paced(self.paces.download, stream)

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        paced = Tapped(source, lambda stream: _paced(self.paces.upload, stream))
        super().put(name, paced, mode)


def _paced(buckets: tuple[TokenBucket, ...], stream: BinaryIO) -> BinaryIO:
    return _Paced(stream, buckets).as_binary() if buckets else stream


class _Paced(Relay):
    """A stream that waits before it hands out what it has read."""

    def __init__(self, inner: BinaryIO, buckets: tuple[TokenBucket, ...]) -> None:
        super().__init__(inner)
        self._buckets = buckets
        least = min(bucket.burst for bucket in buckets)
        self._piece_bytes = max(1, int(min(_PIECE_BYTES, least)))

    def read(self, size: int = -1) -> bytes:
        """No shorter than that of the inner stream would be."""
        pieces = [self._piece(size)]
        got = len(pieces[0])
        while pieces[-1] and got != size and self._goes_on(size, pieces[-1]):
            pieces.append(self._piece(size - got if size >= 0 else -1))
            got += len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _goes_on(self, size: int, last: bytes) -> bool:
        """A short piece is all that there is now; only read() wants the end."""
        return size < 0 or len(last) == self._piece_bytes

    def _piece(self, size: int) -> bytes:
        most = self._piece_bytes if size < 0 else min(size, self._piece_bytes)
        piece = self.inner.read(most)
        take(self._buckets, len(piece))
        return piece


class _PaidRanges:
    """Ranges that are paid before they are asked for: they come in one piece."""

    def __init__(self, buckets: tuple[TokenBucket, ...], inner: Ranges) -> None:
        self._buckets, self._inner = buckets, inner

    def get_range(self, name: str, start: int, size: int) -> bytes:
        take(self._buckets, size)
        return self._inner.get_range(name, start, size)


class _PacedThaw:
    """A thaw of many names in runs of what one second allows."""

    def __init__(self, throttle: Throttled, inner: Thaw) -> None:
        self._throttle, self._inner = throttle, inner

    def frost(self, names: Iterable[str]) -> Mapping[str, Frost]:
        wanted = tuple(names)
        return self._throttle.around("frost", "", lambda: self._inner.frost(wanted))

    def thaw(self, names: Iterable[str]) -> None:
        wanted = tuple(names)
        buckets = self._throttle.paces.requests
        run = max(1, int(min(bucket.rate_per_s for bucket in buckets)))
        for first in range(0, len(wanted), run):
            some = wanted[first : first + run]
            take(buckets, len(some))
            self._throttle.around("thaw", "", partial(self._inner.thaw, some))
