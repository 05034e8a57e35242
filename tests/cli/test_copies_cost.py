"""What looking at copies costs: each store is listed once, and little is kept."""

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Lock

import pytest

from tests.crash.machine import Machine
from tests.mirrors import back_up, debts, find
from tiered.backends.file import FileStore
from tiered.engine.copies.compare import compare
from tiered.engine.copies.crew import work_through
from tiered.store import Entry, Homes

pytestmark = pytest.mark.usefixtures("key_at_hand")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each folder is."""
    counts: Counter[str] = Counter()
    real = FileStore.list

    def counted(store: FileStore, prefix: str = "") -> tuple[Entry, ...]:
        counts[Path(store.label).name] += prefix == ""  # keys are looked for besides
        return real(store, prefix)

    monkeypatch.setattr(FileStore, "list", counted)
    return counts


@pytest.mark.parametrize(
    "words",
    [
        ("status", "URL"),
        ("scrub", "URL"),
        ("repair", "URL", "--dry-run"),
        ("repair", "URL"),
        ("drop-store", "one", "URL"),
    ],
    ids=" ".join,
)
def test_each_store_is_listed_once(
    plain: Machine, listed: Counter[str], words: tuple[str, ...]
) -> None:
    (plain.root / "two").rename(plain.root / "away")
    (plain.source / "more").write_text("more")
    back_up(plain, 2)
    (plain.root / "away").rename(plain.root / "two")
    find(plain, "one", "volume").unlink()
    assert debts(plain)
    listed.clear()
    assert plain.run(*words).status == (34 if words[0] == "scrub" else 0)
    assert listed == {"one": 1, "two": 1, "three": 1}


def test_of_copies_that_agree_nothing_is_kept() -> None:
    count = 20_000
    names = [f"tiered-full.20261121T000000Z.vol{n}.difftar.zst" for n in range(count)]
    entries = sorted(Entry(name, 1) for name in names)
    told: list[int] = []

    def homes(name: str) -> Homes:
        raise AssertionError(name)

    tracemalloc.start()
    try:
        listings = dict.fromkeys("abc", entries)
        assert list(compare(listings, homes, {}, told.append)) == []
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 200_000
    assert told == list(range(0, count, 1000))


class TestCrew:
    """Threads that copy."""

    def test_few_tasks_are_taken_ahead(self) -> None:
        done: list[int] = []
        taken: list[int] = []

        def tasks() -> Iterator[int]:
            for number in range(1000):
                taken.append(number)
                assert len(taken) - len(done) <= 6
                yield number

        work_through(tasks(), lambda _: None, 2, done.append)
        assert sorted(done) == list(range(1000))

    def test_an_error_ends_it(self) -> None:
        began: set[int] = set()
        lock = Lock()

        def work(number: int) -> None:
            with lock:
                began.add(number)
            if number == 5:
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            work_through(iter(range(1000)), work, 2, lambda _: None)
        assert len(began) < 20

    def test_what_has_begun_is_waited_for(self) -> None:
        ended = Event()
        first_began = Event()

        def work(number: int) -> None:
            if number == 0:
                first_began.set()
                ended.set()
            else:
                first_began.wait()
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            work_through(iter(range(2)), work, 2, lambda _: None)
        assert ended.is_set()
