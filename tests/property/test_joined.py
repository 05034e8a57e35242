"""Pieces that lie over others: any history, any order, any thread, sealed meanwhile."""

import errno
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native_sets import digest
from tiered.codec.frames import FrameSize, FrameTable
from tiered.engine.native.arrivals import Arrivals
from tiered.engine.native.files import FileJob
from tiered.engine.native.joined import MOST_GAP_BYTES, Joins, Stretch, join_extents
from tiered.engine.native.layers import Layers
from tiered.engine.native.pour import Pourer
from tiered.engine.native.schedule import ReadSettings, Run, plan_runs
from tiered.engine.native.turns import Turns
from tiered.engine.native.whole_files import Dresser, TemporaryNames
from tiered.errors import Frozen

HEADER = 512
Extents = list[tuple[int, int, int]]


@dataclass
class History:
    """A file whose pages are rewritten and copied, day by day."""

    random: Random
    page: int
    pages: int
    contents: list[bytearray] = field(default_factory=list)
    """Of the volumes."""
    places: list[tuple[int, int]] = field(default_factory=list)
    """Volume and offset of each page."""

    def day(self, rewritten: Sequence[int], copied: Sequence[tuple[int, int]]) -> None:
        volume, content = len(self.contents), bytearray(HEADER)
        self.contents.append(content)
        before = [*self.places]
        for page in rewritten:
            self.places[page:] = [(volume, len(content)), *self.places[page + 1 :]]
            content += self.random.randbytes(self.page)
        for source, target in copied if before else ():
            self.places[target] = before[source]

    @property
    def extents(self) -> Extents:
        found: Extents = []
        for volume, offset in self.places:
            last = found[-1] if found else (-1, 0, 0)
            if last[0] == volume and sum(last[1:]) == offset:
                found[-1] = volume, last[1], last[2] + self.page
            else:
                found.append((volume, offset, self.page))
        return found

    @property
    def data(self) -> bytes:
        return b"".join(self.contents[v][o : o + n] for v, o, n in self.extents)


@st.composite
def histories(draw: st.DrawFn) -> History:
    pages = draw(st.integers(1, 60))
    page = draw(st.integers(1, 30_000))
    history = History(Random(page), page, pages)
    numbers = st.integers(0, pages - 1)
    history.day(range(pages), ())
    days = st.tuples(
        st.lists(numbers, max_size=pages // 2, unique=True).map(sorted),
        st.lists(st.tuples(numbers, numbers), max_size=6),
    )
    for rewritten, copied in draw(st.lists(days, max_size=6)):
        history.day(rewritten, copied)
    return history


@settings(max_examples=200, deadline=None)
@given(history=histories())
def test_every_byte_is_in_a_stretch(history: History) -> None:
    found, joins = join_extents(history.extents)
    assert [s[2] for s in found] == sorted(s[2] for s in found)
    assert len(found) <= len(history.extents)
    assert all(a < b for a, b in pairwise(joins.gaps))
    gaps = list(zip(joins.gaps[::2], joins.gaps[1::2], strict=True))
    assert all(end - start <= MOST_GAP_BYTES for start, end in gaps)

    def cut(stretch: Stretch) -> bytes:
        volume, offset, _, length = stretch
        return bytes(history.contents[volume][offset : offset + length])

    whole = bytearray(len(history.data))
    for stretch in sorted(found, key=lambda s: s[2] not in joins.starts):
        whole[stretch[2] : stretch[2] + stretch[3]] = cut(stretch)
    assert whole == history.data

    around = bytearray(len(history.data))
    for stretch in found:
        _, _, at, length = stretch
        ranges = [(at, at + length)]
        if at in joins.starts:
            ranges = list(joins.around(at, at + length))
        for start, end in ranges:
            assert not any(around[start:end]), "written twice"
            around[start:end] = cut(stretch)[start - at : end - at]
    assert around == history.data


def test_what_is_left_of_the_first_version_is_one_stretch() -> None:
    page = 4096
    extents = [(p % 2 * (1 + p % 7), p * page, page) for p in range(200)]
    found, joins = join_extents(extents)
    assert found[0] == (0, 0, 0, 199 * page)
    assert (len(found), len(joins.gaps)) == (101, 198)


def test_what_is_far_away_is_not_joined() -> None:
    far = MOST_GAP_BYTES
    found, joins = join_extents([(0, 0, 9), (1, 0, far + 1), (0, far + 10, 9)])
    assert len(found) == 3
    assert not joins.gaps
    found, joins = join_extents([(0, 0, 9), (1, 0, far), (0, far + 9, 9)])
    assert len(found) == 2
    assert joins == Joins(frozenset([0]), [9, far + 9])


@dataclass
class Volumes:
    """Volumes in memory, some of which are found to be sealed when they are read."""

    contents: Sequence[bytes]
    tables: Sequence[FrameTable]
    seals: set[tuple[int, int]]
    """Volume and frame; each of them once."""
    _lock: Lock = field(default_factory=Lock)

    def table(self, number: int) -> FrameTable:
        return self.tables[number]

    def name(self, number: int) -> Event:
        named = Event()
        named.name = str(number)  # type: ignore[attr-defined] # all that is asked for
        return named

    def open_run(self, number: int, _run: object) -> "Opened":
        return Opened(self, number)

    def is_sealed(self, number: int, frame: int) -> bool:
        with self._lock:
            if (number, frame) in self.seals:
                self.seals.remove((number, frame))
                return True
        return False


@dataclass
class Opened:
    volumes: Volumes
    number: int

    def content(self, frame: int) -> memoryview:
        if self.volumes.is_sealed(self.number, frame):
            raise Frozen("it is sealed", name=str(self.number))
        table = self.volumes.tables[self.number]
        start, end = table.content_start(frame), table.content_start(frame + 1)
        return memoryview(self.volumes.contents[self.number])[start:end]


@settings(max_examples=120, deadline=None)
@given(
    history=histories(),
    frame=st.integers(300, 200_000),
    most=st.integers(1, 300_000),
    threads=st.integers(1, 4),
    seals=st.sets(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=4),
    is_shuffled=st.booleans(),
)
def test_any_order(
    history: History,
    frame: int,
    most: int,
    threads: int,
    seals: set[tuple[int, int]],
    is_shuffled: bool,
) -> None:
    data = history.data
    found, joins = join_extents(history.extents)
    volumes = Volumes(
        [bytes(content) for content in history.contents],
        [_table(len(content), frame) for content in history.contents],
        seals,
    )
    settings = ReadSettings(max_hole_bytes=frame, max_read_bytes=most)
    segments = [(v, o, 0, at, n) for v, o, at, n in found]
    runs = plan_runs(segments, volumes.table, settings)
    turns = Turns(runs)
    order = [turns.take()[1] for _ in runs]
    if is_shuffled:
        history.random.shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        file = os.fsencode(folder) + b"/f"
        job = FileJob(file, None, 0o640, 77, (), len(data), digest(data), False, joins)
        pourer = Pourer(volumes, TemporaryNames(), Dresser())  # type: ignore[arg-type] # these have all that it uses

        def pour(run: Run) -> int:
            files = 0
            while True:
                outcome = pourer.pour([job], run)
                files += outcome.files
                assert not outcome.failed
                if not outcome.frozen:
                    return files

        with ThreadPoolExecutor(threads) as pool:
            assert sum(pool.map(pour, order)) == 1
        assert Path(folder, "f").read_bytes() == data
        assert os.listdir(folder) == ["f"]  # noqa: PTH208 - names alone


def _table(size: int, frame: int) -> FrameTable:
    cuts = [*range(0, size, frame), size]
    return FrameTable(FrameSize(b - a, b - a) for a, b in pairwise(cuts))


class TestLayers:
    joins = Joins(frozenset([0]), [10, 20, 30, 40])
    size = 100
    over = (12, memoryview(b"over"))

    def test_gaps_are_written_as_long_as_nothing_lies_over_them(self) -> None:
        layers = Layers(self.size, self.joins)
        with layers.below(0, 100) as ranges:
            assert ranges == [(0, 100)]
        layers.begin_above([self.over])
        with layers.below(0, 100) as ranges:
            assert ranges == [(0, 10), (20, 30), (40, 100)]

    def test_a_part_that_begins_or_ends_in_a_gap(self) -> None:
        around = self.joins.around
        assert list(around(10, 20)) == list(around(12, 18)) == []
        assert list(around(15, 35)) == [(20, 30)]
        assert list(around(20, 30)) == [(20, 30)]

    def test_what_lies_over_a_piece_waits_for_it(self) -> None:
        layers, is_above = Layers(self.size, self.joins), Event()

        def write() -> None:
            layers.begin_above([self.over])
            is_above.set()

        thread = Thread(target=write)
        with layers.below(0, 100):
            thread.start()
            assert not is_above.wait(0.05)
        thread.join()
        assert is_above.is_set()

    def test_a_piece_elsewhere_waits_for_nothing(self) -> None:
        layers = Layers(self.size, self.joins)
        with layers.below(0, 12), layers.below(16, 100):
            layers.begin_above([self.over])

    def test_a_failed_write_holds_nobody_up(self) -> None:
        layers = Layers(self.size, self.joins)
        with pytest.raises(OSError, match="full"), layers.below(0, 100):
            raise OSError(errno.ENOSPC, "full")
        layers.begin_above([self.over])


@given(
    size=st.integers(1, 3 << 20),
    cuts=st.sets(st.integers(1, (3 << 20) - 1), max_size=9),
    gap=st.integers(0, 3 << 20),
    seed=st.integers(0, 99),
    most=st.integers(1, 4 << 20),
)
def test_arrivals(size: int, cuts: set[int], gap: int, seed: int, most: int) -> None:
    edges = [0, *sorted(c for c in cuts if c < size), size]
    pieces = list(pairwise(edges))
    gaps = [start for start in (gap, gap + 1000) if gap + 1000 <= size]
    twice = list(zip(gaps[::2], gaps[1::2], strict=True))
    arrivals = Arrivals(size, gaps)
    pieces += twice
    Random(seed).shuffle(pieces)
    missing = [*pieces]
    for start, end in pieces:
        arrivals.add([(start, memoryview(bytes(end - start)))])
        missing.remove((start, end))
        first = min((a for a, _ in missing), default=size)
        here = min(first, size - 1)
        found = arrivals.end(here, most)
        assert found <= here + most
        assert all(b <= here or a >= found for a, b in missing)
    at = 0
    while at < size:
        end = arrivals.end(at, most)
        assert at < end
        at = end
    assert at == size
