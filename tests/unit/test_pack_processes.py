"""Runs that other processes compress."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiered.codec.packing import Effort, FramePacker
from tiered.engine.native import pack_processes
from tiered.engine.native.pack_processes import Bundle, PackProcesses
from tiered.engine.native.runs import MOST_STORED, Frames, pack_runs

EFFORT = Effort.SMALL_FILES


@pytest.fixture(scope="module")
def two() -> Iterator[PackProcesses]:
    processes = PackProcesses(2)
    yield processes
    processes.close()


def pack_here(runs: list[list[bytes]]) -> Frames:
    joined = b"".join(part for run in runs for part in run)
    parts = [list(map(len, run)) for run in runs]
    return pack_runs(FramePacker(), joined, parts, EFFORT)


def begin(processes: PackProcesses, runs: list[list[bytes]]) -> Bundle:
    bundle = processes.begin(EFFORT)
    assert bundle
    for run in runs:
        assert bundle.add(run, sum(map(len, run)))
    bundle.send()
    return bundle


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.binary(max_size=900), max_size=6), max_size=6))
def test_as_it_is_done_here(two: PackProcesses, runs: list[list[bytes]]) -> None:
    assert begin(two, runs).result() == pack_here(runs)


def test_a_frame_that_is_too_large_is_cut(two: PackProcesses) -> None:
    runs = [[os.urandom(40_000) for _ in range(6)]] * 3
    frames = begin(two, runs).result()
    assert frames == pack_here(runs)
    assert max(size.stored for size in frames.sizes) <= MOST_STORED
    assert sum(size.content for size in frames.sizes) == 3 * 240_000


def test_what_does_not_compress_has_room(two: PackProcesses) -> None:
    run = [os.urandom(256 << 10)]
    frames = begin(two, [run] * 8).result()
    assert frames == pack_here([run] * 8)
    bundle = two.begin(EFFORT)
    assert bundle
    assert not bundle.add([b"x" * (3 << 20)], 3 << 20)
    bundle.drop()


def test_no_more_than_there_is_memory(two: PackProcesses) -> None:
    bundles = []
    while bundle := two.begin(EFFORT):
        assert bundle.add([b"a"], 1)
        bundle.send()
        bundles.append(bundle)
    assert len(bundles) == 2 * pack_processes._SLOTS
    for bundle in bundles:
        assert bundle.result() == pack_here([[b"a"]])
    assert len({(id(b.packer), b.slot) for b in bundles}) == len(bundles)
    again = two.begin(EFFORT)
    assert again
    again.drop()


@pytest.mark.parametrize("when", ["before", "sent", "between"])
def test_a_process_that_is_lost(when: str) -> None:
    processes = PackProcesses(1)
    runs = [[b"%d " % n * 1000] for n in range(20)]

    def kill() -> None:
        process = processes._packers[0].worker._process
        process.kill()
        process.wait()

    if when == "before":
        kill()
    first, second = begin(processes, runs), begin(processes, runs)
    if when == "sent":
        kill()
    assert first.result() == pack_here(runs)
    if when == "between":
        kill()
    assert second.result() == pack_here(runs)
    assert begin(processes, runs).result() == pack_here(runs)
    processes.close()
