"""Holes of sparse files are not read, and nothing is different for it."""

import os
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3

from tests.engine import open_archive
from tiered.archive.style import Style
from tiered.rsync.compare import compare
from tiered.rsync.holes import is_hole
from tiered.rsync.sums import join_sums, native_block_len, piece_sums
from tiered.testing.clocks import JumpingClock

MIB = 1 << 20
SIZE = 24 * MIB + 5000
LATE_S, EARLY_S = 2_000_000_000.0, 1_000_000_000.0


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """Bytes in the first, 12th and 13th MiB; a hole up to its end."""
    path = tmp_path / "source" / "image"
    path.parent.mkdir()
    random = Random(4)
    with path.open("wb") as file:
        file.write(random.randbytes(MIB))
        file.seek(12 * MIB)
        file.write(random.randbytes(2 * MIB))
        file.truncate(SIZE)
    if path.stat().st_blocks * 512 > 4 * MIB:
        pytest.skip("this file system has no holes")
    return path


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much each reading by position gave, while the test runs."""
    found: list[int] = []
    pread, preadv = os.pread, os.preadv

    def counted_pread(fd: int, length: int, offset: int, /) -> bytes:
        data = pread(fd, length, offset)
        found.append(len(data))
        return data

    def counted_preadv(fd: int, buffers: list[memoryview], offset: int, /) -> int:
        found.append(preadv(fd, buffers, offset))
        return found[-1]

    monkeypatch.setattr(os, "pread", counted_pread)
    monkeypatch.setattr(os, "preadv", counted_preadv)
    return found


def test_where_holes_are(sparse: Path) -> None:
    with sparse.open("rb") as file:
        fd = file.fileno()
        assert is_hole(fd, 2 * MIB, 12 * MIB)
        assert is_hole(fd, 15 * MIB, SIZE)
        assert not is_hole(fd, 0, MIB)
        assert not is_hole(fd, MIB // 2, 3 * MIB)
        assert not is_hole(fd, 2 * MIB, 12 * MIB + 1)
        assert not is_hole(fd, 13 * MIB, 16 * MIB)
        assert not is_hole(fd, 15 * MIB, SIZE + 1)
        assert not is_hole(fd, SIZE, SIZE + 1)
    reading, writing = os.pipe()
    assert not is_hole(reading, 0, 1)
    os.close(reading)
    os.close(writing)


def test_a_comparison_does_not_read_them(sparse: Path, read_bytes: list[int]) -> None:
    old = sparse.read_bytes()
    block_len = native_block_len(SIZE)
    parts = [old[at : at + MIB] for at in range(0, SIZE, MIB)]
    sums = join_sums([piece_sums(part, block_len) for part in parts], block_len)
    with sparse.open("r+b") as file:
        file.seek(5 * MIB + 100)
        file.write(b"new")
        file.flush()
        whole = compare(file.fileno(), SIZE, sums, SIZE)
        assert sum(read_bytes) == SIZE
        read_bytes.clear()
        fewer = compare(file.fileno(), SIZE, sums, SIZE, may_skip=True)
    assert sum(read_bytes) < 6 * MIB
    assert fewer == whole
    assert fewer.hash == blake3(sparse.read_bytes()).digest()


@pytest.mark.parametrize("time_s", [LATE_S, EARLY_S])
def test_a_backup_reads_them_only_in_files_that_are_being_written(
    tmp_path: Path, sparse: Path, read_bytes: list[int], time_s: float
) -> None:
    clock = JumpingClock(time_s)
    archive = open_archive(tmp_path, clock=clock, style=Style.TIERED)
    versions: dict[int, bytes] = {}
    for place in (12 * MIB, 22 * MIB):
        clock.sleep_s(1000)
        with sparse.open("r+b") as file:
            file.seek(place)
            file.write(b"new")
        read_bytes.clear()
        report = archive.back_up(sparse.parent, volume_bytes=64 * MIB)
        if time_s == LATE_S:
            assert MIB < sum(read_bytes) < 12 * MIB
        else:
            assert sum(read_bytes) >= SIZE
        versions[report.set_id.end_s] = sparse.read_bytes()
    for end_s, content in versions.items():
        archive.restore(tmp_path / str(end_s), end_s)
        assert (tmp_path / str(end_s) / "image").read_bytes() == content
    assert archive.said.warnings == []
