"""Sealed or not: whole objects, streams, ranges; and who is asked for keys."""

import io
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import age_forge
from tests.unit.age_peers import age_decrypt, age_encrypt
from tiered.codec.age import CHUNK_LEN, X25519Identity
from tiered.codec.envelope import AgeEnvelope, Envelope, PlainEnvelope
from tiered.errors import ArchiveDamaged, PassphraseError
from tiered.secret import Secret

OURS = X25519Identity.parse(Secret(age_forge.OURS))
AGE = AgeEnvelope(lambda: [OURS.recipient], lambda: [OURS], os.urandom)
ENVELOPES: tuple[Envelope, ...] = (AGE, PlainEnvelope())
both = pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda e: e.suffix or "plain")

DATA = random.Random(1).randbytes(3 * CHUNK_LEN + 5)


def sealed(envelope: Envelope, data: bytes, step: int = 1 << 20) -> bytes:
    target = io.BytesIO()
    writer = envelope.begin(target)
    assert target.getvalue() == writer.front
    for at in range(0, len(data), step):
        writer.write(memoryview(data)[at : at + step])
    writer.close()
    assert not target.closed
    assert target.getvalue().startswith(writer.front)
    return target.getvalue()


@both
@settings(max_examples=60)
@given(
    size=st.integers(0, 3 * CHUNK_LEN),
    step=st.integers(1_000, 5 * CHUNK_LEN),
    ends=st.tuples(st.integers(0, 1 << 20), st.integers(0, 1 << 20)),
)
def test_every_range_of_every_object(
    envelope: Envelope, size: int, step: int, ends: tuple[int, int]
) -> None:
    data = DATA[:size]
    stored = sealed(envelope, data, step)
    assert envelope.open_stream(io.BytesIO(stored), "it").read() == data
    front = envelope.front_length(stored[:4096])
    assert front is not None
    ranges = envelope.open_ranges(stored[:front], len(stored), "it")
    start, end = sorted(e % (size + 1) for e in ends)
    at, length = ranges.sealed_range(start, end - start)
    assert at >= front
    assert ranges.open(start, end - start, stored[at : at + length]) == data[start:end]
    assert ranges.size == size


@both
@pytest.mark.parametrize(
    ("offset", "length", "cut"), [(0, 11, 0), (10, 1, 0), (0, 10, 1)]
)
def test_what_is_not_there_is_not_made_up(
    envelope: Envelope, offset: int, length: int, cut: int
) -> None:
    stored = sealed(envelope, DATA[:10])
    front = envelope.front_length(stored) or 0
    ranges = envelope.open_ranges(stored, len(stored), "the object")
    with pytest.raises(ArchiveDamaged, match="the object"):
        ranges.open(offset, length, stored[front : len(stored) - cut])


@both
def test_a_range_is_not_negative(envelope: Envelope) -> None:
    stored = sealed(envelope, DATA[:10])
    ranges = envelope.open_ranges(stored, len(stored), "it")
    for offset, length in ((-1, 2), (1, -1)):
        with pytest.raises(ValueError, match="there is no range"):
            ranges.sealed_range(offset, length)


def test_age_reads_and_writes_the_same(tmp_path: Path) -> None:
    assert age_decrypt(sealed(AGE, DATA), [age_forge.OURS], tmp_path) == DATA
    theirs = io.BytesIO(age_encrypt(DATA, OURS))
    assert AGE.open_stream(theirs, "it").read() == DATA


def test_a_front_is_known_when_it_is_there() -> None:
    stored = sealed(AGE, DATA[:10])
    front = AGE.front_length(stored)
    assert front == len(stored) - 10 - 16
    assert [AGE.front_length(stored[:n]) for n in range(front)] == [None] * front
    assert AGE.front_length(stored[:front]) == front
    with pytest.raises(ArchiveDamaged):
        AGE.front_length(b"PK\x03\x04")


def test_a_changed_byte_is_seen() -> None:
    stored = bytearray(sealed(AGE, DATA))
    stored[-20] ^= 1
    with pytest.raises(ArchiveDamaged, match="the object"):
        AGE.open_stream(io.BytesIO(bytes(stored)), "the object").read()


def test_another_key_opens_nothing() -> None:
    other = X25519Identity.generate(os.urandom)
    stranger = AgeEnvelope(lambda: [other.recipient], lambda: [other], os.urandom)
    stored = sealed(AGE, DATA[:10])
    with pytest.raises(PassphraseError, match="the object"):
        stranger.open_stream(io.BytesIO(stored), "the object")
    with pytest.raises(PassphraseError, match="the object"):
        stranger.open_ranges(stored, len(stored), "the object")


def test_who_only_writes_is_asked_for_no_identity() -> None:
    def identities() -> list[X25519Identity]:
        raise PassphraseError("there is only the public half")

    envelope = AgeEnvelope(lambda: [OURS.recipient], identities, os.urandom)
    stored = sealed(envelope, DATA)
    assert AGE.open_stream(io.BytesIO(stored), "it").read() == DATA
    with pytest.raises(PassphraseError, match="only the public half"):
        envelope.open_stream(io.BytesIO(stored), "it")


def test_keys_are_asked_for_once_by_many_threads() -> None:
    asked: list[str] = []

    def ask(what: str) -> Callable[[], list[X25519Identity]]:
        def answer() -> list[X25519Identity]:
            asked.append(what)
            return [OURS]

        return answer

    envelope = AgeEnvelope(lambda: [OURS.recipient], ask("identity"), os.urandom)
    assert asked == []
    stored = sealed(envelope, DATA)
    threads = [
        threading.Thread(target=envelope.open_ranges, args=(stored, len(stored), "it"))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["identity"]


def test_a_failure_is_asked_for_again() -> None:
    answers = iter([PassphraseError("not yet"), None])

    def identities() -> list[X25519Identity]:
        if error := next(answers):
            raise error
        return [OURS]

    envelope = AgeEnvelope(lambda: [OURS.recipient], identities, os.urandom)
    stored = io.BytesIO(sealed(envelope, b"data"))
    with pytest.raises(PassphraseError, match="not yet"):
        envelope.open_stream(stored, "it")
    assert envelope.open_stream(stored, "it").read() == b"data"


class FullDisk(io.RawIOBase):
    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: object, /) -> int:
        self.room -= len(cast("bytes", data))
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return len(cast("bytes", data))


@both
@pytest.mark.parametrize("room", [0, 100, 200, 70_000])
def test_a_full_disk_is_the_callers(envelope: Envelope, room: int) -> None:
    target = cast("BinaryIO", FullDisk(room))

    def write() -> None:
        writer = envelope.begin(target)
        writer.write(DATA)
        writer.close()

    with pytest.raises(OSError, match="No space left"):
        write()
