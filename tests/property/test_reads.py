"""Reads cover what is wanted, once, with few requests."""

from hypothesis import given
from hypothesis import strategies as st

from tiered.codec.frames import FrameSize, FrameTable
from tiered.codec.reads import plan_reads

sizes = st.builds(FrameSize, st.integers(1, 100), st.integers(1, 100))
tables = st.lists(sizes, min_size=1, max_size=30).map(FrameTable)


@given(tables, st.integers(0, 200), st.integers(1, 500), st.data())
def test_each_needed_frame_is_read_once(
    table: FrameTable, max_hole: int, max_read: int, data: st.DataObject
) -> None:
    total = table.content_bytes
    starts = st.integers(0, total - 1)
    wanted = [
        (start, data.draw(st.integers(1, total - start)))
        for start in data.draw(st.lists(starts, max_size=8))
    ]
    runs = plan_reads(table, wanted, max_hole_bytes=max_hole, max_read_bytes=max_read)
    needed: set[int] = set()
    for start, length in wanted:
        span = table.span(start, length)
        needed |= set(range(span.first, span.first + span.count))
    read = [f for r in runs for f in range(r.first, r.last + 1)]
    assert read == sorted(set(read))
    assert needed <= set(read)
    for run in runs:
        assert {run.first, run.last} <= needed
        assert run.stored_length <= max_read or run.first == run.last
        stored = table.sizes[run.first : run.last + 1]
        assert run.stored_length == sum(s.stored for s in stored)


def test_a_hole_is_read_along_if_it_is_small() -> None:
    table = FrameTable([FrameSize(10, 100)] * 5)
    wanted = [(0, 1), (200, 1), (499, 1)]
    apart = plan_reads(table, wanted, max_hole_bytes=9, max_read_bytes=1000)
    assert [(r.first, r.last) for r in apart] == [(0, 0), (2, 2), (4, 4)]
    (one,) = plan_reads(table, wanted, max_hole_bytes=10, max_read_bytes=1000)
    assert (one.stored_start, one.stored_length) == (0, 50)
    some = plan_reads(table, wanted, max_hole_bytes=10, max_read_bytes=30)
    assert [(r.first, r.last) for r in some] == [(0, 2), (4, 4)]
