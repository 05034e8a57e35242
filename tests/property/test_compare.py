"""tiered.rsync.compare and encoding over any edit: nothing lost, nothing wrong."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from tiered.rsync import Kind, compare, patch_bytes, signature_of
from tiered.rsync.commands import Command, CommandReader, Copy, Literal
from tiered.rsync.encoding import delta_layout, encode_delta
from tiered.rsync.sums import BLOCK_BYTES, KnownEntries, Sums, join_sums, piece_sums

BLOCK_LENS = st.sampled_from(
    [4096, 4096, 8192, BLOCK_BYTES, 2 * BLOCK_BYTES, 8 * BLOCK_BYTES]
)


def sums_of(data: bytes, block_len: int, piece_bytes: int = 1 << 20) -> Sums:
    view, known = memoryview(data), KnownEntries()
    return join_sums(
        [
            piece_sums(view[start : start + piece_bytes], block_len, known)
            for start in range(0, len(data), piece_bytes)
        ],
        block_len,
    )


def block_sums_of(data: bytes, block_len: int) -> bytes:
    length = max(64 << 10, block_len)
    return b"".join(
        blake3(data[start : start + length]).digest()[:16]
        for start in range(0, len(data), length)
    )


@st.composite
def contents(draw: st.DrawFn, most: int) -> bytes:
    """Up to `most` bytes: random, one byte all over, or one page again and again."""
    size = draw(st.one_of(st.integers(0, most), st.sampled_from([4096, 1 << 16])))
    random = Random(draw(st.integers(0, 1 << 32)))
    seed = draw(st.sampled_from([size, size, 1, 4096, 777]))
    unit = random.randbytes(max(seed, 1))
    return (unit * -(-size // len(unit)))[:size]


@st.composite
def versions(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A file of up to a few pieces, and the file after some edits."""
    parts = draw(st.lists(contents(1 << 20), min_size=1, max_size=3))
    old = new = b"".join(parts)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(new)))
        step = draw(st.sampled_from([1, 4096, BLOCK_BYTES, 1 << 20]))
        start -= start % step
        end = min(start + step * draw(st.integers(0, 20)), len(new))
        moved = draw(st.integers(0, len(new)))
        new = draw(
            st.sampled_from(
                [
                    new[:start] + new[end:],
                    new[:start] + Random(start).randbytes(end - start) + new[end:],
                    new[:start] + draw(contents(1 << 17)) + new[start:],
                    new[:start] + new[moved : moved + end - start] + new[start:],
                    new[:start] + bytes(end - start) + new[end:],
                    new[:end],
                ]
            )
        )
    return old, new


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@settings(max_examples=100, deadline=None)  # how busy the machine is proves nothing
@given(versions(), BLOCK_LENS, BLOCK_LENS, st.booleans())
def test_any_edit_is_described(
    pool: ThreadPoolExecutor,
    versions: tuple[bytes, bytes],
    old_block_len: int,
    block_len: int,
    in_threads: bool,
) -> None:
    old, new = versions
    old_sums = sums_of(old, old_block_len)
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        file.write(new)
        file.flush()
        # Only files beyond 8 GiB have longer blocks.
        patch.setattr(compare, "native_block_len", lambda _: block_len)
        change = compare.compare(
            file.fileno(),
            len(new),
            old_sums,
            len(old),
            pool if in_threads else None,
        )

        def read(offset: int, length: int) -> bytes:
            return os.pread(file.fileno(), length, offset)

        delta = b"".join(encode_delta(change.commands, read))
    literals = [c for c in change.commands if isinstance(c, Literal)]
    texts = [new[c.offset : c.offset + c.length] for c in literals]
    assert change.size == len(new)
    assert change.hash == blake3(new).digest()
    assert change.literal_bytes == sum(map(len, texts))
    assert change.literal_hash == blake3(b"".join(texts)).digest()
    assert change.sums.signature == signature_of(new, block_len, Kind.RK_BLAKE2, 16)
    assert change.sums.blocks == block_sums_of(new, block_len)
    assert patch_bytes(old, delta) == new
    assert not any(touch(a, b) for a, b in pairwise(change.commands))
    size, placed = delta_layout(change.commands)
    assert size == len(delta)
    assert list(placed) == read_commands(delta)


def touch(first: Command, second: Command) -> bool:
    """These two should have been one."""
    if isinstance(first, Copy) and isinstance(second, Copy):
        return first.offset + first.length == second.offset
    return isinstance(first, Literal) and isinstance(second, Literal)


def read_commands(delta: bytes) -> list[Command]:
    reader = CommandReader()
    found = list(reader.feed(delta))
    reader.finish()
    return found


@settings(deadline=None)
@given(contents(1 << 19), BLOCK_LENS, st.integers(1, 4))
def test_sums_are_the_same_however_the_file_is_cut(
    data: bytes, block_len: int, units: int
) -> None:
    sums = sums_of(data, block_len, units * max(BLOCK_BYTES, block_len))
    assert sums.signature == signature_of(data, block_len, Kind.RK_BLAKE2, 16)
    assert sums.blocks == block_sums_of(data, block_len)


lengths = st.one_of(
    st.integers(1, 300), st.sampled_from([64, 65, 255, 256, 65_535, 65_536])
)
offsets = st.one_of(st.integers(0, 300), st.integers(0, (1 << 63) - 1))


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.builds(Copy, offsets, offsets.map(lambda n: n + 1)), lengths))
)
def test_layout_is_that_of_the_delta(steps: list[Copy | int]) -> None:
    commands: list[Command] = []
    at = 0
    for step in steps:
        length = step if isinstance(step, int) else step.length
        commands.append(Literal(at, length) if isinstance(step, int) else step)
        at += length
    delta = b"".join(
        encode_delta(commands, lambda offset, n: bytes([offset % 251]) * n)
    )
    size, placed = delta_layout(commands)
    assert size == len(delta)
    assert list(placed) == read_commands(delta)
    for command, where in zip(commands, placed, strict=True):
        if isinstance(command, Literal):
            body = delta[where.offset : where.offset + where.length]
            assert body == bytes([command.offset % 251]) * command.length
