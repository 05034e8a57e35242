"""The merged index of a chain: made once, kept, and of what is left of each set."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from tests.native_sets import LATE_S, HandmadeArchive
from tests.unit.test_native_restore import contents
from tiered.archive.collection import Chain, Collection, collect
from tiered.archive.paths import join_path
from tiered.engine.native.state import chain_index
from tiered.errors import ArchiveDamaged, StoreError
from tiered.store import Store
from tiered.wrap.base import Wrapped

T = TypeVar("T")


def with_full_set(folder: Path, data: bytes) -> HandmadeArchive:
    """An archive whose only set holds one file, `f`."""
    archive = HandmadeArchive(folder)
    made = archive.begin(None, 1000)
    made.file(b"f", data)
    made.finish()
    return archive


@pytest.fixture
def archive(tmp_path: Path) -> HandmadeArchive:
    """Five incs: each changes `f`, has a file of its own, and takes the last away."""
    archive = with_full_set(tmp_path / "archive", b"0")
    for day in range(1, 6):
        made = archive.begin(900 + 100 * day, 1000 + 100 * day)
        made.file(b"f", b"%d" % day)
        made.file(b"own %d" % day, b"x")
        made.add(b"own %d" % (day - 1), None)
        made.finish()
    return archive


def listed(archive: HandmadeArchive) -> Collection:
    return collect(archive.context.store.list(), archive.context.namer)


def chain_of(collection: Collection, time_s: int) -> Chain:
    chain = collection.at(time_s)
    assert chain is not None
    return chain


def paths(archive: HandmadeArchive, collection: Collection, time_s: int) -> list[bytes]:
    chain = chain_of(collection, time_s)
    with chain_index(archive.context, collection, chain) as index:
        return [join_path(row.path) for row in index]


def lose_indexes(archive: HandmadeArchive) -> None:
    """On the store and on this machine, but for what is merged."""
    shutil.rmtree(archive.folder / "cache/opened")
    for entry in archive.context.store.list():
        if ".index" in entry.name or ".manifest" in entry.name:
            archive.context.store.delete(entry.name)


def test_it_is_kept_by_whoever_asks_first(archive: HandmadeArchive) -> None:
    collection = listed(archive)
    before = paths(archive, collection, LATE_S)
    assert before == [b"", b"f", b"own 5"]
    lose_indexes(archive)
    assert paths(archive, collection, LATE_S) == before


class Together(Wrapped):
    """The first four indexes of incs come when all are asked for, and not before."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._barrier, self._asked = Barrier(4), count()

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        is_index = verb == "get" and "inc" in name and ".index" in name
        if is_index and next(self._asked) < self._barrier.parties:
            self._barrier.wait(30)
        return run()


def test_what_the_cache_lacks_is_fetched_side_by_side(
    archive: HandmadeArchive,
) -> None:
    together = Together(archive.context.store)
    archive.context = replace(archive.context, store=together)
    assert paths(archive, listed(archive), LATE_S) == [b"", b"f", b"own 5"]


def test_that_of_another_time_stands_beside_the_newest(
    archive: HandmadeArchive,
) -> None:
    collection = listed(archive)
    for time_s in (LATE_S, 1200, 1300):
        paths(archive, collection, time_s)
    lose_indexes(archive)
    assert paths(archive, collection, LATE_S) == [b"", b"f", b"own 5"]
    assert paths(archive, collection, 1300) == [b"", b"f", b"own 3"]
    with pytest.raises((ArchiveDamaged, StoreError)):
        paths(archive, collection, 1200)


def test_a_cache_that_cannot_be_written_is_a_warning(
    archive: HandmadeArchive, tmp_path: Path
) -> None:
    (archive.folder / "cache").mkdir()
    (archive.folder / "cache/state").touch()
    archive.restore(tmp_path / "out")
    assert contents(tmp_path / "out") == {"f": b"5", "own 5": b"x"}
    assert any("cache" in text for text in archive.said.warnings)


def test_what_later_sets_say_anew_is_not_looked_at(tmp_path: Path) -> None:
    archive = with_full_set(tmp_path / "archive", b"old")
    made = archive.begin(1000, 1100)
    made.file(b"f", b"lies", size=5)
    made.finish()
    made = archive.begin(1100, 1200)
    made.file(b"f", b"new")
    made.finish()
    with pytest.raises(ArchiveDamaged, match="do not fit together"):
        archive.plan(time_s=1100)
    archive.restore(tmp_path / "out")
    assert contents(tmp_path / "out") == {"f": b"new"}


def test_paths_that_are_out_of_order_are_refused(tmp_path: Path) -> None:
    archive = with_full_set(tmp_path / "archive", b"old")
    made = archive.begin(1000, 1100)
    made.file(b"a", b"")
    made.file(b"b", b"")
    swapped = dict(zip(made.rows, reversed(made.rows.values()), strict=True))
    made.rows.clear()
    made.rows.update(swapped)
    made.finish()
    with pytest.raises(ArchiveDamaged, match="out of order"):
        archive.plan()
