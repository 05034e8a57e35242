"""The store contract as a list of checks that run on any store.

A check gets a `Rig` over an empty store, and raises `Broken` if a rule of
`tiered.store` does not hold.  Add a rule there, a check here, and all stores
and wrappers are tested.  Checks read cold objects the only way that is
allowed: thaw, wait, get.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from tiered.errors import (
    AlreadyExists,
    Frozen,
    NotFound,
    SourceError,
    StoreError,
    StoreMissing,
)
from tiered.store import Extras, PutMode, Store, Warmth
from tiered.testing.sources import BytesSource, TornSource

MANY = 230
"""Objects that the listing check writes; a store under test pages at 100."""


class Broken(AssertionError):
    """A store does not keep the contract."""


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A store under test, and the way to let time pass for it."""

    store: Store
    wait: Callable[[float], None]
    """Returns when that many seconds have passed for the store."""
    atomic_create: bool = True
    """False where writers of one new name that overlap may all succeed: Swift
    looks at `If-None-Match: *` when an upload begins (docs/backends/swift.md)."""


def offered(extras: Extras) -> set[str]:
    """Names of the capabilities a store has."""
    fields = dataclasses.fields(extras)
    return {f.name for f in fields if getattr(extras, f.name) is not None}


def get_returns_what_put_stored(rig: Rig) -> None:
    for size in (0, 1, 4095, 4096, 4097, 3_000_001):
        data = bytes(i % 251 for i in range(size))
        _create(rig, f"o{size}", data)
        _expect(_read(rig, f"o{size}") == data, f"{size} bytes came back changed")


def names_may_have_folders_blanks_and_accents(rig: Rig) -> None:
    names = ["a b", "déjà/vu+é", "x%20y", "q?x=1&y#z", "tiefe/wege/führen"]
    for name in names:
        _create(rig, name, name.encode())
    found = [e.name for e in rig.store.list()]
    _expect(found == sorted(names), f"list gave {found}")
    for name in names:
        _expect(_read(rig, name) == name.encode(), f"{name!r} came back changed")
        rig.store.delete(name)
    _expect(rig.store.list() == (), "a deleted object is still listed")


def r1_failed_put_leaves_the_old_object(rig: Rig) -> None:
    _create(rig, "o", b"old")
    for mode in PutMode:
        for size in (20_000, 9_000_000):
            torn = partial(rig.store.put, "o", TornSource(bytes(size)), mode)
            _expect(_raises((SourceError, AlreadyExists), torn), "a torn put succeeded")
    torn = partial(rig.store.put, "n", TornSource(bytes(9_000_000)), PutMode.CREATE)
    _expect(_raises(SourceError, torn), "a torn source must surface as SourceError")
    listed = [(e.name, e.size) for e in rig.store.list()]
    _expect(listed == [("o", 3)], f"after failed uploads the listing is {listed}")
    _expect(_read(rig, "o") == b"old", "the old object was damaged")


def r1_create_never_overwrites(rig: Rig) -> None:
    _create(rig, "o", b"old")
    again = partial(_create, rig, "o", b"new")
    _expect(_raises(AlreadyExists, again), "CREATE replaced an object")
    _expect(_read(rig, "o") == b"old", "CREATE damaged an object")
    with ThreadPoolExecutor(4) as pool:
        race = [pool.submit(_create, rig, "r", bytes([i]) * 1000) for i in range(4)]
    won = [f for f in race if f.exception() is None]
    right = len(won) == 1 or (won and not rig.atomic_create)
    _expect(bool(right), f"{len(won)} of 4 writers created the same name")


def r2_get_stat_and_delete_see_the_last_put(rig: Rig) -> None:
    _create(rig, "o", b"first")
    rig.store.put("o", BytesSource(b"2nd"), PutMode.REPLACE)
    _expect(_read(rig, "o") == b"2nd", "get did not see the replacement")
    if stat := rig.store.extras.stat:
        _expect(stat.stat("o").size == 3, "stat did not see the replacement")
    rig.store.delete("o")
    _expect(_raises(NotFound, partial(rig.store.get, "o")), "get saw a deleted object")


def r3_list_is_complete_and_sorted(rig: Rig) -> None:
    names = [f"vol{i:04}" for i in range(MANY)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(_create, rig, data=b"x"), reversed(names)))
    found = [e.name for e in rig.store.list()]
    _expect(found == names, "list is not complete or not sorted")
    found = [e.name for e in rig.store.list("vol012")]
    _expect(found == names[120:130], f"list('vol012') gave {found}")
    _expect(rig.store.list("w") == (), "list of an unused prefix is not empty")


def r4_missing_names_are_not_found(rig: Rig) -> None:
    extras = rig.store.extras
    calls: list[Callable[[], object]] = [
        partial(rig.store.get, "nothing"),
        partial(rig.store.delete, "nothing"),
    ]
    if extras.stat:
        calls.append(partial(extras.stat.stat, "nothing"))
    if extras.thaw:
        calls.append(partial(extras.thaw.frost, ["nothing"]))
    if extras.ranges:
        calls.append(partial(extras.ranges.get_range, "nothing", 0, 1))
    for call in calls:
        _expect(_raises(NotFound, call), f"{call} did not raise NotFound")


def r5_bad_names_are_refused_before_any_io(rig: Rig) -> None:
    for name in ("", "/etc/x", "../x", "a//b", "a/", ".", "a\n"):
        for call in (
            partial(rig.store.get, name),
            partial(rig.store.delete, name),
            partial(_create, rig, name, b"x"),
        ):
            _expect(_raises(ValueError, call), f"{name!r} was accepted")


def r6_threads_do_not_disturb_each_other(rig: Rig) -> None:
    values = [bytes([i]) * 100_000 for i in range(8)]
    replace = partial(rig.store.put, mode=PutMode.REPLACE)
    with ThreadPoolExecutor(len(values)) as pool:
        own = [pool.submit(replace, f"o{v[0]}", BytesSource(v)) for v in values]
        same = [pool.submit(replace, "same", BytesSource(v)) for v in values]
        for future in itertools.chain(own, same):
            future.result()
    for v in values:
        _expect(_read(rig, f"o{v[0]}") == v, "objects were mixed up")
    _expect(_read(rig, "same") in values, "two writers made a mixture")


def entries_tell_sizes_and_checksums(rig: Rig) -> None:
    data = b"0123456789" * 1000
    _create(rig, "o", data)
    entries = [*rig.store.list()]
    if stat := rig.store.extras.stat:
        entries.append(stat.stat("o"))
    for entry in entries:
        _expect(entry.size == len(data), f"size is {entry.size}")
        right = hashlib.md5(data, usedforsecurity=False).hexdigest()
        _expect(entry.md5 in (None, right), f"the MD5 is {entry.md5}")


def ranges_are_exact(rig: Rig) -> None:
    if ranges := rig.store.extras.ranges:
        _create(rig, "o", b"0123456789")
        _warm(rig, "o")
        _expect(ranges.get_range("o", 3, 4) == b"3456", "wrong bytes")
        too_far = partial(ranges.get_range, "o", 8, 4)
        _expect(_raises(StoreError, too_far), "a short read must be an error")


def cold_objects_are_read_through_a_thaw_only(rig: Rig) -> None:
    if thaw := rig.store.extras.thaw:
        _create(rig, "o", b"cold")
        _create(rig, "p", b"colder")
        first = thaw.frost(["o", "p"])
        _expect(first["o"].warmth is Warmth.COLD, f"a new object is {first['o']}")
        read = partial(rig.store.get, "o")
        _expect(_raises(Frozen, read), "a sealed object was read")
        again = thaw.frost(["o"])["o"].warmth
        _expect(again is Warmth.COLD, f"a refused read left the object {again}")
        thaw.thaw(["o"])
        thaw.thaw(["o"])
        state = thaw.frost(["o", "p"])
        _expect(state["o"].warmth is Warmth.THAWING, f"a thaw left it {state['o']}")
        _expect(state["p"].warmth is Warmth.COLD, "a thaw touched another object")
        _expect(_raises(Frozen, read), "a thawing object was read")
        _expect(_read(rig, "o") == b"cold", "the thawed object is not what was put")


def r8_nothing_is_made_unasked(rig: Rig) -> None:
    """Only for a rig whose container or directory does not exist yet."""
    store = rig.store
    for call in (
        store.list,
        partial(store.get, "a"),
        partial(store.delete, "a"),
        partial(_create, rig, "a", b"x"),
    ):
        _expect(_raises(StoreMissing, call), f"{call} did not raise StoreMissing")
    if create := store.extras.create:
        _expect(create.create(), "create did not say that it made the container")
        _expect(not create.create(), "create made the container twice")
        _create(rig, "a", b"x")


Check = Callable[[Rig], None]

CHECKS: Final[tuple[Check, ...]] = (
    get_returns_what_put_stored,
    names_may_have_folders_blanks_and_accents,
    r1_failed_put_leaves_the_old_object,
    r1_create_never_overwrites,
    r2_get_stat_and_delete_see_the_last_put,
    r3_list_is_complete_and_sorted,
    r4_missing_names_are_not_found,
    r5_bad_names_are_refused_before_any_io,
    r6_threads_do_not_disturb_each_other,
    entries_tell_sizes_and_checksums,
    ranges_are_exact,
    cold_objects_are_read_through_a_thaw_only,
)


def _create(rig: Rig, name: str, data: bytes) -> None:
    rig.store.put(name, BytesSource(data), PutMode.CREATE)


def _warm(rig: Rig, name: str) -> None:
    """Thaw one object if the store is cold."""
    if thaw := rig.store.extras.thaw:
        thaw.thaw([name])
        frost = thaw.frost([name])[name]
        if frost.warmth is not Warmth.WARM:
            rig.wait(frost.wait_s or 0.0)


def _read(rig: Rig, name: str) -> bytes:
    _warm(rig, name)
    with rig.store.get(name) as stream:
        return stream.read()


def _raises(
    kind: type[Exception] | tuple[type[Exception], ...], call: Callable[[], object]
) -> bool:
    try:
        call()
    except kind:
        return True
    return False


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise Broken(otherwise)
