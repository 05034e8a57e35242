"""Which sums of a chain are read, and how much of them."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from tiered.archive.members import HeaderPacker
from tiered.engine.native.signatures import ChainSums, SignatureWriter
from tiered.errors import ArchiveDamaged
from tiered.rsync.sums import Sums, join_sums, most_sums_bytes, piece_sums

SIZE = 200_000
OLD, NEW, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))
RIGHT = join_sums([piece_sums(bytes(range(250)) * 800, 4096)], 4096)
MOST_SIGNATURE, MOST_BLOCKS = 12 + 49 * 20, 4 * 16

Members = Sequence[tuple[bytes, bytes, Sums]]


def chain(scratch: Path, *sets: Members) -> ChainSums:
    """The oldest set first."""

    def stored(members: Members) -> io.BytesIO:
        target = io.BytesIO()
        writer = SignatureWriter(target.write, HeaderPacker())
        for path, content, sums in members:
            writer.add(path, content, sums)
        writer.finish()
        target.seek(0)
        return target

    openings = [lambda m=each: nullcontext(stored(m)) for each in sets]
    return ChainSums(openings, scratch)


def text(sums: Sums | None) -> tuple[bytes, bytes]:
    assert sums is not None
    return bytes(sums.signature[:]), bytes(sums.blocks[:])


def test_the_bound_is_that_of_the_shortest_blocks() -> None:
    assert most_sums_bytes(SIZE) == (MOST_SIGNATURE, MOST_BLOCKS)
    assert (len(RIGHT.signature), len(RIGHT.blocks)) == most_sums_bytes(SIZE)


def test_the_version_that_is_asked_for_is_found(tmp_path: Path) -> None:
    huge = Sums(bytes(3_000_000), bytes(2_000_000))
    sums = chain(
        tmp_path,
        [(b"a", OLD, RIGHT), (b"b", OLD, RIGHT)],
        [(b"a", NEW, huge), (b"b", NEW, huge)],
    )
    assert text(sums.find((b"a",), OLD, SIZE)) == text(RIGHT)
    assert sums.find((b"b",), OTHER, SIZE) is None
    assert sums.find((b"c",), OLD, SIZE) is None


@pytest.mark.parametrize("more", [(1, 0), (0, 1)])
def test_longer_sums_are_refused(tmp_path: Path, more: tuple[int, int]) -> None:
    signature, blocks = MOST_SIGNATURE + more[0], MOST_BLOCKS + more[1]
    sums = chain(tmp_path, [(b"a", OLD, Sums(bytes(signature), bytes(blocks)))])
    with pytest.raises(ArchiveDamaged, match="a is not that of 200000 bytes"):
        sums.find((b"a",), OLD, SIZE)


def test_sums_without_the_hash_are_refused(tmp_path: Path) -> None:
    sums = chain(tmp_path, [(b"a", b"short", Sums(b"", b""))])
    with pytest.raises(ArchiveDamaged, match="is not whole"):
        sums.find((b"a",), OLD, SIZE)
