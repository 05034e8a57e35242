"""How long a store takes: for small objects, and for one that is larger."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from tiered.clock import Clock
from tiered.errors import Corrupt, NotFound
from tiered.store import PutMode, Store, Warmth
from tiered.testing.sources import BlockSource, BytesSource

ROUNDS: Final = 20
SMALL_BYTES: Final = 4096
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Of `ROUNDS` calls."""

    median_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Of one object, there and back."""

    size_bytes: int
    put_s: float
    get_s: float | None
    """None: it is sealed, and was not read."""


def measure_latency(store: Store, clock: Clock) -> dict[str, Latency]:
    """Put, stat, get, list and delete small objects, one after the other.

    Verbs that the store has not, and get where objects are sealed, are left out.

    Raises:
        StoreError: A call failed.
    """
    times_s: dict[str, list[float]] = {}

    def timed(verb: str, call: Callable[[], object]) -> None:
        began_s = clock.now_s()
        call()
        times_s.setdefault(verb, []).append(clock.now_s() - began_s)

    is_warm = None
    for number in range(ROUNDS):
        name = f"o{number}"
        source = BytesSource(number.to_bytes() * SMALL_BYTES)
        timed("put", partial(store.put, name, source, PutMode.CREATE))
        if stat := store.extras.stat:
            timed("stat", partial(stat.stat, name))
        is_warm = is_readable(store, name) if is_warm is None else is_warm
        if is_warm:
            timed("get", partial(_read, store, name))
        timed("list", store.list)
        timed("delete", partial(store.delete, name))
    return {verb: _latency(found) for verb, found in times_s.items()}


def measure_transfer(store: Store, clock: Clock, size_bytes: int) -> Transfer:
    """Put one object, and get it if that needs no thaw.

    Raises:
        Corrupt: Other bytes came back.
        StoreError: A call failed.
    """
    source = BlockSource(size_bytes)
    began_s = clock.now_s()
    store.put("large", source, PutMode.CREATE)
    put_s = clock.now_s() - began_s
    get_s = None
    if is_readable(store, "large"):
        began_s = clock.now_s()
        _compare(store, source)
        get_s = clock.now_s() - began_s
    return Transfer(size_bytes=size_bytes, put_s=put_s, get_s=get_s)


def is_readable(store: Store, name: str) -> bool:
    """Can it be read now?  A store that does not list it yet counts as sealed."""
    if (thaw := store.extras.thaw) is None:
        return True
    try:
        return thaw.frost([name])[name].warmth is Warmth.WARM
    except NotFound:
        return False


def _read(store: Store, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()


def _compare(store: Store, source: BlockSource) -> None:
    with store.get("large") as got, source.open() as sent:
        while chunk := got.read(_CHUNK_BYTES):
            if chunk != sent.read(len(chunk)):
                break
        else:
            if not sent.read(1):
                return
    raise Corrupt(
        f"{store.label}: an object of {source.size} bytes came back changed",
        hint="Check the health of the store.",
    )


def _latency(times_s: list[float]) -> Latency:
    cuts = statistics.quantiles(times_s, n=20, method="inclusive")
    return Latency(median_s=statistics.median(times_s), p95_s=cuts[-1])
