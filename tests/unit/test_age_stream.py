"""Whole files, both ways with the `age` program and pyrage; damage at every byte."""

import io
import os
import random
import tracemalloc
from pathlib import Path

import pyrage
import pytest

from tests.unit import age_forge
from tests.unit.age_peers import age_decrypt, age_encrypt, pyrage_decrypt
from tiered.codec.age import (
    CHUNK_LEN,
    Decryptor,
    Encryptor,
    X25519Identity,
    begin,
    encrypted_size,
    header_end,
)
from tiered.codec.envelope import Buffer
from tiered.errors import ArchiveDamaged, PassphraseError
from tiered.secret import Secret

OURS = X25519Identity.parse(Secret(age_forge.OURS))
SIZES = (0, 1, 65535, 65536, 65537, 131072, 1 << 20, 16 * CHUNK_LEN + 1, 5_000_000)

for_every_size = pytest.mark.parametrize("size", SIZES)


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def encrypted(data: bytes, step: int = 0) -> bytes:
    target = io.BytesIO()
    file = Encryptor([OURS.recipient], target, os.urandom)
    for at in range(0, len(data), step or len(data) or 1):
        file.write(data[at : at + (step or len(data))])
    file.close()
    return target.getvalue()


def decrypted(data: bytes) -> bytes:
    return Decryptor([OURS], io.BytesIO(data)).read()


@for_every_size
def test_the_age_program_reads_ours(size: int, tmp_path: Path) -> None:
    found = age_decrypt(encrypted(content(size)), [age_forge.OURS], tmp_path)
    assert found == content(size)


@for_every_size
def test_we_read_the_age_programs(size: int) -> None:
    assert decrypted(age_encrypt(content(size), OURS)) == content(size)


@for_every_size
def test_pyrage_reads_ours(size: int) -> None:
    made = encrypted(content(size))
    assert pyrage_decrypt(made, [age_forge.OURS], "") == content(size)


@for_every_size
def test_we_read_pyrages(size: int) -> None:
    recipient = pyrage.x25519.Recipient.from_str(str(OURS.recipient))
    assert decrypted(pyrage.encrypt(content(size), [recipient])) == content(size)


@for_every_size
def test_the_size_is_known_before(size: int) -> None:
    made = encrypted(content(size))
    end = header_end(made)
    assert end is not None
    assert len(made) == encrypted_size(size, end)
    assert begin([OURS.recipient], os.urandom).size(size) == len(made)


@pytest.mark.parametrize("step", [1000, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1])
def test_how_it_is_cut_does_not_matter(step: int) -> None:
    for size in (3 * CHUNK_LEN, 3 * CHUNK_LEN + 1):
        assert decrypted(encrypted(content(size), step)) == content(size)


def test_what_is_written_may_be_reused_at_once() -> None:
    target = io.BytesIO()
    file = Encryptor([OURS.recipient], target, os.urandom)
    for value in range(5):
        data = bytearray([value]) * 50_000
        file.write(memoryview(data))
        data[:] = bytes(len(data))
    file.close()
    expected = b"".join(bytes([value]) * 50_000 for value in range(5))
    assert decrypted(target.getvalue()) == expected


def test_the_front_is_written_at_once_and_the_end_once() -> None:
    target = io.BytesIO()
    file = Encryptor([OURS.recipient], target, os.urandom)
    assert header_end(target.getvalue())
    file.close()
    size = target.tell()
    file.close()
    assert target.tell() == size
    with pytest.raises(ValueError, match="closed"):
        file.write(b"x")


def test_without_close_the_file_is_cut_off() -> None:
    for size in (0, 1, CHUNK_LEN, CHUNK_LEN + 1):
        target = io.BytesIO()
        Encryptor([OURS.recipient], target, os.urandom).write(content(size))
        with pytest.raises(ArchiveDamaged, match="payload failure"):
            decrypted(target.getvalue())


def test_no_chunk_is_sealed_twice_when_the_target_fails() -> None:
    class Failing(io.BytesIO):
        chunks = 0

        def write(  # type: ignore[override] # narrower than that of a BytesIO
            self, data: Buffer, /
        ) -> int:
            self.chunks += 1
            if self.chunks == 2:
                raise OSError("disk full")
            return super().write(data)

    target = Failing()
    file = Encryptor([OURS.recipient], target, os.urandom)
    with pytest.raises(OSError, match="disk full"):
        file.write(content(CHUNK_LEN + 1))
    file.write(content(2 * CHUNK_LEN))
    file.close()
    with pytest.raises(ArchiveDamaged, match="chunk 0 was changed"):
        decrypted(target.getvalue())


class Stingy(io.BytesIO):
    """A stream that gives few bytes at once."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(97 if size is None or size < 0 else min(size, 97))


@pytest.mark.parametrize("size", [0, 1, CHUNK_LEN, CHUNK_LEN + 1])
def test_a_source_that_gives_little(size: int) -> None:
    assert Decryptor([OURS], Stingy(encrypted(content(size)))).read() == content(size)


@pytest.mark.parametrize("step", [1, 1000, CHUNK_LEN, CHUNK_LEN + 1, 3_000_000])
def test_reads_of_any_length(step: int) -> None:
    size = 70_000 if step == 1 else 2_500_000
    decryptor = Decryptor([OURS], io.BytesIO(encrypted(content(size))))
    assert decryptor.read(0) == b""
    parts = []
    while part := decryptor.read(step):
        parts.append(part)
    assert all(len(part) == step for part in parts[:-1])
    assert b"".join(parts) == content(size)
    assert decryptor.read() == decryptor.read(5) == b""


def test_a_failure_stays() -> None:
    made = encrypted(content(CHUNK_LEN + 10))[:-1]
    decryptor = Decryptor([OURS], io.BytesIO(made), name="vol1.age")
    assert decryptor.read(CHUNK_LEN) == content(CHUNK_LEN + 10)[:CHUNK_LEN]
    for _ in range(3):
        with pytest.raises(ArchiveDamaged, match=r"^'vol1.age': .*payload failure"):
            decryptor.read(1)


def test_errors_name_the_object() -> None:
    with pytest.raises(ArchiveDamaged, match=r"^'vol1.age': .*header failure"):
        Decryptor([OURS], io.BytesIO(b"x"), name="vol1.age")
    made = age_forge.file(age_forge.x25519(age_forge.OTHER_RAW))
    with pytest.raises(PassphraseError, match=r"^'vol1.age': .*no match") as caught:
        Decryptor([OURS], io.BytesIO(made), name="vol1.age")
    assert caught.value.hint


def region(at: int) -> set[str]:
    """Classes of failure that fit a change at that byte of `age_forge.file`."""
    header = len(age_forge.header(age_forge.x25519()))
    if at >= header:
        return {"payload failure"}
    return {"header failure", "no match", "HMAC failure"}


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_never_gives_other_data(bit: int) -> None:
    good = age_forge.file(age_forge.x25519())
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << bit
        with pytest.raises((ArchiveDamaged, PassphraseError)) as caught:
            decrypted(bytes(bad))
        assert caught.value.facts["failure"] in region(at), at


def test_a_file_that_ends_anywhere_is_refused() -> None:
    good = age_forge.file(age_forge.x25519())
    header = len(age_forge.header(age_forge.x25519()))
    for cut in range(len(good)):
        with pytest.raises(ArchiveDamaged) as caught:
            decrypted(good[:cut])
        in_front = cut < header + len(age_forge.NONCE)
        expected = "header failure" if in_front else "payload failure"
        assert caught.value.facts["failure"] == expected
    for more in (b"\x00", b"\n", good):
        with pytest.raises(ArchiveDamaged, match="payload failure"):
            decrypted(good + more)


def test_memory_does_not_grow_with_the_file() -> None:
    class Endless(io.RawIOBase):
        """A file of 64 MiB that is never all in memory."""

        def __init__(self) -> None:
            new = begin([OURS.recipient], os.urandom)
            self.pending, self.key, self.index = new.front, new.key, 0

        def read(self, size: int = -1) -> bytes:
            if not self.pending and self.index < 1024:
                last = self.index == 1023
                self.pending = self.key.seal(self.index, bytes(CHUNK_LEN), last=last)
                self.index += 1
            given, self.pending = self.pending[:size], self.pending[size:]
            return given

    source = Endless()
    tracemalloc.start()
    decryptor = Decryptor([OURS], source)  # type: ignore[arg-type]
    size = 0
    while part := decryptor.read(1 << 20):
        size += len(part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 1 << 26
    assert peak < 8 << 20
