"""Any extents, any frames, any order: every file gets its bytes, each read once."""

import os
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native_sets import PLAIN, HandmadeArchive, digest
from tiered.archive.extents import Extent, ExtentList
from tiered.codec.frames import FrameSize, FrameTable
from tiered.engine.native.files import FileJob, FileWriter
from tiered.engine.native.restore import RestoreSettings
from tiered.engine.native.schedule import (
    JoinedRanges,
    ReadSettings,
    Run,
    Segment,
    plan_runs,
    split_segments,
)
from tiered.engine.native.turns import Turns
from tiered.engine.native.whole_files import Dresser, TemporaryNames

FRAMES = st.lists(st.integers(1, 30_000), min_size=1, max_size=12)
SPANS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20)


def spans_within(size: int, spans: list[tuple[float, float]]) -> list[tuple[int, int]]:
    """(start, end), not empty."""
    cuts = [sorted((int(a * (size - 1)), int(b * (size - 1)))) for a, b in spans]
    return [(start, end + 1) for start, end in cuts]


@settings(max_examples=200)
@given(frames=FRAMES, spans=SPANS, hole=st.integers(0, 99), most=st.integers(0, 99))
def test_runs_hold_every_byte_once(
    frames: list[int], spans: list[tuple[float, float]], hole: int, most: int
) -> None:
    table = FrameTable(FrameSize(1 + n % 50, n) for n in frames)
    wanted: list[Segment] = [
        (0, start, number, 1000 * number, end - start)
        for number, (start, end) in enumerate(spans_within(sum(frames), spans))
    ]
    settings = ReadSettings(max_hole_bytes=hole, max_read_bytes=most)
    runs = plan_runs(wanted, lambda _: table, settings)
    read = [f for r in runs for f in range(r.frames.first, r.frames.last + 1)]
    assert read == sorted(set(read))
    turns = Turns(runs)
    assert sorted(id(turns.take()[1]) for _ in runs) == sorted(map(id, runs))
    got: dict[int, list[tuple[int, int]]] = {}
    for run in runs:
        here = range(run.frames.first, run.frames.last + 1)
        parts = split_segments(run.segments, [table.content_start(f + 1) for f in here])
        for frame, part in zip(here, parts, strict=True):
            low, high = table.content_start(frame), table.content_start(frame + 1)
            for _, start, number, _, length in part:
                cut = max(start, low), min(start + length, high)
                assert cut[0] < cut[1]
                got.setdefault(number, []).append(cut)
    for _, start, number, _, length in wanted:
        cuts = sorted(got[number])
        assert (cuts[0][0], cuts[-1][1]) == (start, start + length)
        assert all(a[1] == b[0] for a, b in pairwise(cuts))


@given(homes=st.lists(st.sampled_from("ABC"), min_size=1, max_size=9), data=st.data())
def test_every_store_is_busy_as_long_as_it_has_something_to_read(
    homes: list[str], data: st.DataObject
) -> None:
    """Files of three runs each, one file in each volume."""
    table = FrameTable([FrameSize(10, 10)] * 3)
    wanted = [(v, 0, v, 0, 30) for v in range(len(homes))]
    whole = ReadSettings(max_hole_bytes=0, max_read_bytes=10)
    runs = plan_runs(wanted, lambda _: table, whole)
    turns = Turns(runs, homes.__getitem__)
    left = Counter(homes[run.volume] for run in runs)
    reading: list[tuple[int, Run]] = []
    while left.total():
        reads = Counter(homes[run.volume] for _, run in reading)
        file, run = turns.take()
        home = homes[run.volume]
        assert reads[home] == min(reads[k] for k in left if left[k])
        left[home] -= 1
        reading.append((file, run))
        while len(reading) > 3:
            turns.end(*reading.pop(data.draw(st.integers(0, len(reading) - 1))))


@given(ranges=st.lists(st.tuples(st.integers(0, 99_999), st.integers(1, 30_000))))
def test_joined_ranges(ranges: list[tuple[int, int]]) -> None:
    joined = JoinedRanges()
    for start, length in ranges:
        joined.add(start, start + length)
    done = joined.done()
    assert done == sorted(done)
    for start, length in ranges:
        assert any(a <= start and start + length <= b for a, b in done)
    for before, after in pairwise(done):
        assert before[1] < after[0]


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 400_000),
    cuts=st.sets(st.integers(1, 399_999), max_size=12),
    seed=st.integers(0, 1 << 32),
    threads=st.integers(1, 4),
    together=st.integers(1, 6),
    sparse=st.booleans(),
)
def test_pieces_in_any_order_from_any_thread(
    size: int, cuts: set[int], seed: int, threads: int, together: int, sparse: bool
) -> None:
    random = Random(seed)
    data = b"".join(
        random.choice([bytes(n), random.randbytes(n)])
        for n in [size // 3, size - size // 3]
    )
    edges = [0, *sorted(c for c in cuts if c < size), size]
    pieces = list(pairwise(edges))
    random.shuffle(pieces)
    with tempfile.TemporaryDirectory() as folder:
        file = os.fsencode(folder) + b"/f"
        job = FileJob(file, None, 0o640, 77, (), size, digest(data), sparse)
        writer = FileWriter(TemporaryNames(), Dresser())

        def write(some: list[tuple[int, int]]) -> bool:
            fd = writer.open_part(job)
            try:
                return writer.write_pieces(
                    job, fd, [(a, memoryview(data)[a:b]) for a, b in some]
                )
            finally:
                os.close(fd)

        with ThreadPoolExecutor(threads) as pool:
            most = pieces[:-1]
            parts = [most[at : at + together] for at in range(0, len(most), together)]
            early = list(pool.map(write, parts))
            assert not any(early)
            assert not Path(folder, "f").exists()
        assert write(pieces[-1:])
        assert Path(folder, "f").read_bytes() == data
        assert os.listdir(folder) == ["f"]  # noqa: PTH208 - names alone


@settings(max_examples=25, deadline=None)
@given(
    frame=st.integers(500, 9000),
    volume=st.integers(5000, 60_000),
    spans=st.lists(SPANS, min_size=1, max_size=8),
    read=st.integers(1, 30_000),
    window=st.integers(1, 40),
    threads=st.integers(1, 3),
)
def test_files_cut_out_of_anything(
    frame: int,
    volume: int,
    spans: list[list[tuple[float, float]]],
    read: int,
    window: int,
    threads: int,
) -> None:
    """Files that are any lists of extents into volumes of two sets."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = HandmadeArchive(folder, PLAIN)
        archive.settings = RestoreSettings(
            threads=threads,
            window_items=window,
            read=ReadSettings(max_hole_bytes=frame, max_read_bytes=read),
        )
        full = archive.begin(None, 1000, frame, volume)
        inc = archive.begin(1000, 2000, frame, volume)
        stores = []
        for made in (full, inc):
            data = Random(frame).randbytes(70_000)
            stores.append((data, made.store(data)))
        files = {}
        for number, each in enumerate(spans):
            content, extents = b"", ExtentList()
            for at, (start, end) in enumerate(spans_within(70_000, each)):
                data, where = stores[(at + number) % 2]
                content += data[start:end]
                extents.extend(_cut(where, start, end))
            files[f"f{number}"] = content
            inc.pieces(b"f%d" % number, content, extents.done())
        full.finish()
        inc.finish()
        archive.restore(folder / "out")
        found = {p.name: p.read_bytes() for p in (folder / "out").iterdir()}
        assert found == files
        assert archive.said.warnings == []


def _cut(where: tuple[Extent, ...], start: int, end: int) -> list[Extent]:
    found, at = [], 0
    for extent in where:
        first, last = max(start, at), min(end, at + extent.length)
        if first < last:
            offset = extent.offset + first - at
            found.append(Extent(extent.volume, offset, last - first))
        at += extent.length
    return found
