"""Checks of the four verbs: what every store must do."""

import hashlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tiered.errors import AlreadyExists, NotFound, SourceError, Unavailable
from tiered.store import PutMode
from tiered.testing.contract.check import check
from tiered.testing.contract.rig import Rig, expect, expect_each, raises
from tiered.testing.sources import TornSource

MANY = 230
"""Objects that the listing check writes; a store under test pages at 100."""
_BAD_NAMES = ("", "/etc/x", "../x", "a//b", "a/", ".", "a\n")


@check("R7", "get delivers what put stored, 0 bytes to 3 MB")
def get_returns_what_put_stored(rig: Rig) -> None:
    for size in (0, 1, 4095, 4096, 4097, 3_000_001):
        data = bytes(i % 251 for i in range(size))
        rig.create(f"o{size}", data)
        rig.warm(f"o{size}")
        changed = f"{size} bytes came back changed"
        rig.expect_content(f"o{size}", data, otherwise=changed)


@check("names", "names may have folders, blanks and accents")
def names_may_have_folders_blanks_and_accents(rig: Rig) -> None:
    names = ["a b", "déjà/vu+é", "x%20y", "q?x=1&y#z", "tiefe/wege/führen"]
    for name in names:
        rig.create(name, name.encode())
    found = rig.names("", sorted(names))
    expect(found == sorted(names), f"list gave {found}")
    for name in names:
        changed = f"{name!r} came back changed"
        rig.expect_content(name, name.encode(), otherwise=changed)
        rig.store.delete(name)
    expect(rig.names("", []) == [], "a deleted object is still listed")


@check("R1", "a put that fails leaves the old object as it was")
def r1_failed_put_leaves_the_old_object(rig: Rig) -> None:
    rig.create("o", b"old")
    for mode in PutMode:
        for size in (20_000, 9_000_000):
            torn = partial(rig.store.put, "o", TornSource(bytes(size)), mode)
            expect(raises((SourceError, AlreadyExists), torn), "a torn put succeeded")
    torn = partial(rig.store.put, "n", TornSource(bytes(9_000_000)), PutMode.CREATE)
    expect(raises(SourceError, torn), "a torn source must surface as SourceError")
    listed = rig.settled(
        lambda: [(e.name, e.size) for e in rig.store.list()],
        lambda rows: rows == [("o", 3)],
    )
    expect(listed == [("o", 3)], f"after failed uploads the listing is {listed}")
    rig.expect_content("o", b"old", otherwise="the old object was damaged")


@check("R1", "to create never replaces an object")
def r1_create_never_overwrites(rig: Rig) -> None:
    rig.create("o", b"old")
    again = partial(rig.create, "o", b"new")
    expect(raises(AlreadyExists, again), "CREATE replaced an object")
    rig.expect_content("o", b"old", otherwise="CREATE damaged an object")


@check("R1", "of four who create one name at once, one does", is_optional=True)
def r1_one_of_many_creators_wins(rig: Rig) -> None:
    with ThreadPoolExecutor(4) as pool:
        race = [pool.submit(rig.create, "r", bytes([i]) * 1000) for i in range(4)]
    failures = [e for f in race if (e := f.exception())]
    for error in failures:  # some servers say "locked" to those who lose
        if not isinstance(error, AlreadyExists | Unavailable):
            raise error
    won = len(race) - len(failures)
    if won == 0:
        raise failures[0]
    expect(won == 1, f"{won} of 4 writers created the same name")


@check("R2", "get, stat and delete see the last put")
def r2_get_stat_and_delete_see_the_last_put(rig: Rig) -> None:
    rig.create("o", b"first")
    rig.replace("o", b"2nd")
    rig.expect_content("o", b"2nd", otherwise="get did not see the replacement")
    if stat := rig.store.extras.stat:
        expect(stat.stat("o").size == 3, "stat did not see the replacement")
    rig.store.delete("o")
    rig.expect_gone("o", "get saw a deleted object")


@check("R3", f"listings are complete and sorted ({MANY} objects)")
def r3_list_is_complete_and_sorted(rig: Rig) -> None:
    names = [f"vol{i:04}" for i in range(MANY)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(rig.create, data=b"x"), reversed(names)))
    found = rig.names("", names)
    lost = len(set(names) - set(found))
    expect(found == names, f"list is not sorted, or not complete: {lost} are missing")
    found = rig.names("vol012", names[120:130])
    expect(found == names[120:130], f"list('vol012') gave {found}")
    expect(rig.store.list("w") == (), "list of an unused prefix is not empty")


@check("R4", "what is not there is told as such")
def r4_missing_names_are_not_found(rig: Rig) -> None:
    store, extras = rig.store, rig.store.extras
    calls: list[tuple[str, Callable[[], object]]] = [
        ("get", partial(store.get, "nothing")),
        ("delete", partial(store.delete, "nothing")),
    ]
    if extras.stat:
        calls.append(("stat", partial(extras.stat.stat, "nothing")))
    if extras.thaw:
        calls.append(("frost", partial(extras.thaw.frost, ["nothing"])))
    if extras.ranges:
        calls.append(("get_range", partial(extras.ranges.get_range, "nothing", 0, 1)))
    expect_each(NotFound, calls)


@check("R5", "names that no store can hold are refused")
def r5_bad_names_are_refused_before_any_io(rig: Rig) -> None:
    for name in _BAD_NAMES:
        for call in (
            partial(rig.store.get, name),
            partial(rig.store.delete, name),
            partial(rig.create, name, b"x"),
        ):
            expect(raises(ValueError, call), f"{name!r} was accepted")


@check("R6", "sixteen puts at a time do not disturb each other")
def r6_threads_do_not_disturb_each_other(rig: Rig) -> None:
    values = [bytes([i]) * 100_000 for i in range(8)]
    with ThreadPoolExecutor(len(values)) as pool:
        own = [pool.submit(rig.replace, f"o{v[0]}", v) for v in values]
        same = [pool.submit(rig.replace, "same", v) for v in values]
        for future in itertools.chain(own, same):
            future.result()
    for v in values:
        rig.expect_content(f"o{v[0]}", v, otherwise="objects were mixed up")
    rig.expect_content("same", *values, otherwise="two writers made a mixture")


@check("entries", "sizes, and checksums if there are any, are right")
def entries_tell_sizes_and_checksums(rig: Rig) -> None:
    data = b"0123456789" * 1000
    rig.create("o", data)
    entries = [*rig.settled(rig.store.list, lambda rows: rows != ())]
    expect(len(entries) == 1, f"{len(entries)} objects are listed instead of one")
    if stat := rig.store.extras.stat:
        entries.append(stat.stat("o"))
    for entry in entries:
        expect(entry.size == len(data), f"size is {entry.size}")
        right = hashlib.md5(data, usedforsecurity=False).hexdigest()
        expect(entry.md5 in (None, right), f"the MD5 is {entry.md5}")
