"""Ranges of a payload: right bytes, few bytes read, damage noticed."""

import io
import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.unit import age_forge
from tiered.codec.age import (
    CHUNK_LEN,
    SEALED_LEN,
    Encryptor,
    SeekableDecryptor,
    X25519Identity,
    begin,
    unlock,
)
from tiered.errors import ArchiveDamaged
from tiered.secret import Secret

OURS = X25519Identity.parse(Secret(age_forge.OURS))
PLAIN = random.Random(5).randbytes(5 * CHUNK_LEN + 1000)


def encrypted(data: bytes) -> bytes:
    target = io.BytesIO()
    file = Encryptor([OURS.recipient], target, os.urandom)
    file.write(data)
    file.close()
    return target.getvalue()


class Counted:
    """Ranges of bytes, and which were asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.calls: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        self.calls.append((offset, length))
        return self.data[offset : offset + length]


def opened(source: Counted, size: int | None = None) -> SeekableDecryptor:
    unlocked = unlock([OURS], source.data[:512])
    total = len(source.data) if size is None else size
    return SeekableDecryptor(unlocked, source, total, name="vol1.age")


EDGES = (0, 1, 100, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN)


@pytest.mark.parametrize("offset", EDGES)
@pytest.mark.parametrize("length", EDGES)
def test_a_range_is_a_slice_and_costs_one_small_read(offset: int, length: int) -> None:
    source = Counted(encrypted(PLAIN))
    seekable = opened(source)
    length = min(length, len(PLAIN) - offset)
    assert seekable.size == len(PLAIN)
    assert seekable.read(offset, length) == PLAIN[offset : offset + length]
    assert len(source.calls) == (1 if length else 0)
    touched = (offset + length - 1) // CHUNK_LEN - offset // CHUNK_LEN + 1
    for _, read in source.calls:
        assert read <= length + 2 * SEALED_LEN
        assert read <= touched * SEALED_LEN


def test_a_plan_can_be_made_without_reading() -> None:
    source = Counted(encrypted(PLAIN))
    seekable = opened(source)
    start, length = seekable.sealed_range(CHUNK_LEN + 5, 10)
    assert not source.calls
    assert length == SEALED_LEN
    sealed = source.data[start : start + length]
    expected = PLAIN[CHUNK_LEN + 5 : CHUNK_LEN + 15]
    assert seekable.open(CHUNK_LEN + 5, 10, sealed) == expected
    assert seekable.open(CHUNK_LEN + 5, 0, b"") == b""


def test_the_end_of_empty_and_full_payloads() -> None:
    for plain in (b"", b"x", PLAIN[:CHUNK_LEN], PLAIN[: 2 * CHUNK_LEN]):
        source = Counted(encrypted(plain))
        seekable = opened(source)
        seekable.verify_end()
        assert [length <= SEALED_LEN for _, length in source.calls] == [True]
        assert seekable.read(0, len(plain)) == plain
        assert seekable.read(len(plain), 0) == b""


def test_ranges_that_are_not_there() -> None:
    seekable = opened(Counted(encrypted(PLAIN)))
    for offset, length in ((0, len(PLAIN) + 1), (len(PLAIN), 1), (1 << 60, 0)):
        with pytest.raises(ArchiveDamaged, match=r"^'vol1.age': .*past its end"):
            seekable.read(offset, length)
    for offset, length in ((-1, 1), (0, -1)):
        with pytest.raises(ValueError, match="no range"):
            seekable.read(offset, length)


def test_a_source_that_gives_another_length() -> None:
    data = encrypted(PLAIN)
    unlocked = unlock([OURS], data)
    for read_range in (
        lambda at, length: data[at : at + length - 1],
        lambda at, length: data[at : at + length] + b"x",
        lambda at, length: b"",
    ):
        seekable = SeekableDecryptor(unlocked, read_range, len(data))
        with pytest.raises(ArchiveDamaged, match="payload failure"):
            seekable.read(0, 10)
        with pytest.raises(ArchiveDamaged, match="payload failure"):
            seekable.verify_end()


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_file_cut_between_chunks_is_noticed_at_its_end(chunks: int) -> None:
    data = encrypted(PLAIN)
    at = unlock([OURS], data).chunks_at
    cut = opened(Counted(data[: at + chunks * SEALED_LEN]))
    assert cut.size == chunks * CHUNK_LEN
    with pytest.raises(ArchiveDamaged, match="cut off after chunk"):
        cut.verify_end()
    with pytest.raises(ArchiveDamaged, match="cut off after chunk"):
        cut.read(cut.size - 1, 1)


def test_a_size_that_is_too_large_is_noticed() -> None:
    source = Counted(encrypted(PLAIN) + bytes(SEALED_LEN))
    seekable = opened(source)
    assert seekable.read(0, 10) == PLAIN[:10]
    with pytest.raises(ArchiveDamaged, match="payload failure"):
        seekable.verify_end()
    with pytest.raises(ArchiveDamaged, match="payload failure"):
        opened(source, size=20)


def test_damage_is_noticed_where_it_is_and_nowhere_else() -> None:
    data = bytearray(encrypted(PLAIN))
    unlocked = unlock([OURS], bytes(data))
    data[unlocked.chunks_at + 2 * SEALED_LEN + 77] ^= 4
    seekable = opened(Counted(bytes(data)))
    assert seekable.read(0, 2 * CHUNK_LEN) == PLAIN[: 2 * CHUNK_LEN]
    assert seekable.read(3 * CHUNK_LEN, 5) == PLAIN[3 * CHUNK_LEN :][:5]
    for offset, length in ((2 * CHUNK_LEN, 1), (2 * CHUNK_LEN - 1, 2), (0, len(PLAIN))):
        with pytest.raises(ArchiveDamaged, match="chunk 2 was changed"):
            seekable.read(offset, length)


def test_chunks_can_be_sealed_and_read_by_many_threads() -> None:
    new = begin([OURS.recipient], os.urandom)
    with ThreadPoolExecutor(4) as pool:
        chunks = pool.map(
            lambda i: new.key.seal(
                i, PLAIN[i * CHUNK_LEN : (i + 1) * CHUNK_LEN], last=i == 5
            ),
            range(6),
        )
        data = new.front + b"".join(chunks)
        assert len(data) == new.size(len(PLAIN))
        seekable = opened(Counted(data))
        starts = range(0, len(PLAIN) - 999, 999)
        parts = pool.map(lambda at: seekable.read(at, 999), starts)
        assert list(parts) == [PLAIN[at : at + 999] for at in starts]
