"""Chunks: which can be, and that each opens in its own place only."""

import os

import pytest

from tests.unit import age_forge
from tiered.codec.age import (
    CHUNK_LEN,
    NONCE_LEN,
    SEALED_LEN,
    TAG_LEN,
    FileKey,
    PayloadKey,
    plain_size,
    sealed_size,
)
from tiered.errors import ArchiveDamaged

FULL = os.urandom(CHUNK_LEN)


def key(nonce: bytes = age_forge.NONCE) -> PayloadKey:
    return PayloadKey(FileKey(age_forge.FILE_KEY), nonce)


def test_a_chunk_is_that_of_the_format() -> None:
    for index in (0, 1, 255, 256, 1 << 40):
        for data, last in ((FULL, False), (FULL, True), (b"x", True)):
            expected = age_forge.chunk(index, data, last=last)
            assert key().seal(index, data, last=last) == expected
            assert key().open(index, expected, last=last) == data


@pytest.mark.parametrize(
    ("index", "size", "last"),
    [
        (0, 0, False),
        (1, 0, True),
        (0, CHUNK_LEN - 1, False),
        (0, CHUNK_LEN + 1, False),
        (0, CHUNK_LEN + 1, True),
        (-1, CHUNK_LEN, False),
        (1 << 64, CHUNK_LEN, False),
    ],
)
def test_chunks_that_cannot_be(index: int, size: int, last: bool) -> None:
    with pytest.raises(ValueError, match="no chunk"):
        key().seal(index, bytes(size), last=last)
    with pytest.raises(ArchiveDamaged, match="payload failure"):
        key().open(index, bytes(size + TAG_LEN), last=last)


def test_a_chunk_opens_in_its_place_only() -> None:
    sealed = key().seal(3, FULL, last=False)
    for other, index, last in (
        (key(), 2, False),
        (key(), 4, False),
        (key(), 3, True),
        (key(b"another nonce 16"), 3, False),
    ):
        with pytest.raises(ArchiveDamaged, match="payload failure") as caught:
            other.open(index, sealed, last=last)
        assert caught.value.facts["chunk"] == index


@pytest.mark.parametrize("size", [1, CHUNK_LEN, 2 * CHUNK_LEN, 2 * CHUNK_LEN + 1])
@pytest.mark.parametrize("first", [0, 7])
def test_a_run_is_its_chunks(size: int, first: int) -> None:
    data = os.urandom(size)
    chunks = key().seal_run(first, data, last=True)
    assert sum(map(len, chunks)) == sealed_size(size)
    assert key().open_run(first, b"".join(chunks), last=True) == [
        data[at : at + CHUNK_LEN] for at in range(0, size, CHUNK_LEN)
    ]
    if size % CHUNK_LEN == 0:
        chunks = key().seal_run(first, memoryview(data), last=False)
        opened = key().open_run(first, bytearray(b"".join(chunks)), last=False)
        assert b"".join(opened) == data


def test_runs_that_cannot_be() -> None:
    for first, data, last in (
        (0, b"", False),
        (1, b"", True),
        (0, FULL + b"x", False),
        (0, b"x", False),
    ):
        with pytest.raises(ValueError, match="no chunk"):
            key().seal_run(first, data, last=last)
        with pytest.raises(ArchiveDamaged, match="payload failure"):
            key().open_run(first, data + bytes(TAG_LEN), last=last)
    assert b"".join(key().seal_run(0, b"", last=True)) == key().seal(0, b"", last=True)


def test_sizes() -> None:
    for plain, sealed in (
        (0, 16),
        (1, 17),
        (CHUNK_LEN, SEALED_LEN),
        (CHUNK_LEN + 1, SEALED_LEN + 17),
        (10 * CHUNK_LEN, 10 * SEALED_LEN),
        (1 << 40, (1 << 40) + (1 << 28)),
    ):
        assert sealed_size(plain) == sealed
        assert plain_size(sealed) == plain


@pytest.mark.parametrize(
    "sealed", [-1, 0, 15, SEALED_LEN + 1, SEALED_LEN + 15, SEALED_LEN + 16]
)
def test_sizes_that_cannot_be(sealed: int) -> None:
    with pytest.raises(ArchiveDamaged, match="payload failure"):
        plain_size(sealed)


def test_keys_have_one_length() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        FileKey(b"x" * 15)
    with pytest.raises(ValueError, match="16 bytes"):
        key(b"x" * (NONCE_LEN + 1))
