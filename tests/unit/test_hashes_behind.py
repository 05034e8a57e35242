"""tiered.rsync.hashes: the same hashes whoever makes them, and no piece too early."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Event

import pytest
from blake3 import blake3

from tiered.rsync.hashes import HashesBehind
from tiered.rsync.pieces import Piece

DATA = Random(1).randbytes(40_000)
SIZE = 1000


@contextmanager
def busy_pool() -> Iterator[Executor]:
    """A pool whose only thread has something else to do."""
    ended = Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ended.wait)
        try:
            yield pool
        finally:
            ended.set()


def hashed(pool: Executor | None) -> tuple[tuple[bytes, bytes], list[int]]:
    """Hash all, of which every other piece is new, and so are the first two."""
    given: list[int] = []

    def give_back(piece: Piece) -> None:
        given.append(piece.offset)
        piece.data[:] = bytes(len(piece.data))  # somebody reads into it

    hashes = HashesBehind(pool, give_back)
    for number, start in enumerate(range(0, len(DATA), SIZE)):
        data = memoryview(bytearray(DATA[start : start + SIZE]))
        if number == 2:
            hashes.begin_literals()
        hashes.add([data[:300], data[300:]])
        if number % 2:
            hashes.add_literals([data])
        hashes.end(Piece(start, data, 4096))
    hashes.finish()
    return hashes.digests(), given


def test_hashes_are_those_of_the_bytes_whoever_makes_them() -> None:
    pieces = [DATA[start : start + SIZE] for start in range(0, len(DATA), SIZE)]
    new = b"".join(pieces[:2] + pieces[3::2])
    expected = blake3(DATA).digest(), blake3(new).digest()
    with ThreadPoolExecutor(2) as free, busy_pool() as busy:
        for pool in (None, free, busy):
            digests, given = hashed(pool)
            assert digests == expected
            assert given == list(range(0, len(DATA), SIZE))


def test_without_old_bytes_the_literals_are_all_bytes() -> None:
    hashes = HashesBehind(None, lambda piece: None)
    assert hashes.all_new
    hashes.add([memoryview(DATA)])
    hashes.add_literals([memoryview(DATA)])
    hashes.finish()
    assert hashes.digests() == (blake3(DATA).digest(), blake3(DATA).digest())


def test_no_thread_uses_a_piece_after_drop() -> None:
    with busy_pool() as busy:
        hashes = HashesBehind(busy, lambda piece: pytest.fail("it may still be used"))
        hashes.add([memoryview(DATA)])
        hashes.end(Piece(0, memoryview(DATA), 4096))
        hashes.drop()
        hashes.drop()
