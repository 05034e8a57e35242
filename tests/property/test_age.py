"""Any payload, any cutting, any range; any text as a header; any change of a file."""

import base64
import io
import os
import random

import pyrage
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit import age_forge
from tiered.codec.age import (
    CHUNK_LEN,
    SEALED_LEN,
    Decryptor,
    Encryptor,
    SeekableDecryptor,
    X25519Identity,
    bech32,
    begin,
    encrypted_size,
    plain_size,
    sealed_size,
    unlock,
)
from tiered.codec.age.header import (
    Header,
    Stanza,
    decode64,
    header_end,
    parse,
    signed_header,
    unsigned_header,
)
from tiered.errors import ArchiveDamaged, PassphraseError
from tiered.secret import Secret

OURS = X25519Identity.parse(Secret(age_forge.OURS))
STOCK = random.Random(7).randbytes(4 * CHUNK_LEN)

near_edges = st.builds(
    lambda chunks, off: max(0, min(len(STOCK), chunks * CHUNK_LEN + off)),
    st.integers(0, 4),
    st.integers(-2, 2),
)
sizes = st.one_of(near_edges, st.integers(0, len(STOCK)))
arguments = st.lists(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
    min_size=1,
    max_size=4,
)
stanzas = st.lists(
    st.builds(lambda a, b: Stanza(tuple(a), b), arguments, st.binary(max_size=200)),
    min_size=1,
    max_size=4,
)


def encrypted(data: bytes, cuts: list[int]) -> bytes:
    target = io.BytesIO()
    file = Encryptor([OURS.recipient], target, os.urandom)
    at = 0
    for length in cuts:
        file.write(data[at : at + length])
        at += length
    file.write(data[at:])
    file.close()
    return target.getvalue()


@settings(deadline=None)  # how busy the machine is proves nothing
@given(sizes, st.lists(sizes, max_size=6), st.lists(sizes, max_size=6))
def test_round_trip(size: int, cuts: list[int], reads: list[int]) -> None:
    made = encrypted(STOCK[:size], cuts)
    decryptor = Decryptor([OURS], io.BytesIO(made))
    parts = [decryptor.read(length) for length in reads]
    assert b"".join([*parts, decryptor.read()]) == STOCK[:size]
    theirs = pyrage.x25519.Identity.from_str(age_forge.OURS)
    assert pyrage.decrypt(made, [theirs]) == STOCK[:size]


@settings(deadline=None)
@given(sizes, st.lists(st.tuples(sizes, sizes), min_size=1, max_size=8))
def test_any_range_is_a_slice(size: int, ranges: list[tuple[int, int]]) -> None:
    made = encrypted(STOCK[:size], [])
    read = []

    def read_range(at: int, length: int) -> bytes:
        read.append(length)
        return made[at : at + length]

    seekable = SeekableDecryptor(unlock([OURS], made), read_range, len(made))
    seekable.verify_end()
    for first, second in ranges:
        offset = min(first, size)
        length = min(second, size - offset)
        read.clear()
        assert seekable.read(offset, length) == STOCK[offset : offset + length]
        assert sum(read) <= length + 2 * SEALED_LEN


@settings(deadline=None)
@given(sizes, st.randoms(use_true_random=False))
def test_chunks_sealed_in_any_order_are_a_file(size: int, order: random.Random) -> None:
    new = begin([OURS.recipient], os.urandom)
    starts = range(0, size or 1, CHUNK_LEN)
    parts = [STOCK[at : min(size, at + CHUNK_LEN)] for at in starts]
    final = len(parts) - 1
    indexes = list(range(len(parts)))
    order.shuffle(indexes)
    sealed = {i: new.key.seal(i, parts[i], last=i == final) for i in indexes}
    data = new.front + b"".join(sealed[i] for i in sorted(sealed))
    assert len(data) == new.size(size)
    assert Decryptor([OURS], io.BytesIO(data)).read() == STOCK[:size]


@given(st.integers(0, 1 << 62), st.integers(1, 1 << 16))
def test_sizes_give_each_other(plain: int, header: int) -> None:
    assert plain_size(sealed_size(plain)) == plain
    assert encrypted_size(plain, header) == header + 16 + sealed_size(plain)


@given(st.integers(-10, 1 << 40))
@example(SEALED_LEN + 16)
def test_sizes_that_no_payload_has_are_refused(sealed: int) -> None:
    try:
        plain = plain_size(sealed)
    except ArchiveDamaged:
        assert sealed < 16 or 0 < sealed % SEALED_LEN <= 16
    else:
        assert sealed_size(plain) == sealed


def accepted(text: bytes) -> Header | None:
    """What the reader makes of it; None if it is a header failure."""
    try:
        return parse(text)
    except ArchiveDamaged as e:
        if e.facts["failure"] != "header failure":
            raise
    return None


@given(stanzas, st.binary(min_size=32, max_size=32))
def test_a_header_comes_back(made: list[Stanza], mac: bytes) -> None:
    text = signed_header(unsigned_header(made), mac)
    assert header_end(text) == len(text)
    parsed = parse(text)
    assert (list(parsed.stanzas), parsed.mac) == (made, mac)


@given(
    st.data(),
    stanzas,
    st.sampled_from([b"\n", b"\r", b" ", b"-> ", b"---", b"=", b"A", b"\xff", b""]),
)
def test_no_two_texts_are_the_same_header(
    data: st.DataObject, made: list[Stanza], piece: bytes
) -> None:
    """Whatever the reader accepts, the writer would write so."""
    text = signed_header(unsigned_header(made), bytes(32))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    changed = text[:start] + piece + text[end:]
    if parsed := accepted(changed):
        assert signed_header(unsigned_header(parsed.stanzas), parsed.mac) == changed


@given(st.binary(max_size=300))
def test_noise_is_no_header(noise: bytes) -> None:
    for data in (noise, age_forge.VERSION.encode() + noise):
        assert accepted(data) is None


@settings(deadline=None)
@given(st.data())
def test_a_changed_file_never_gives_other_data(data: st.DataObject) -> None:
    plain = STOCK[: CHUNK_LEN + 100]
    made = encrypted(plain, [])
    start = data.draw(st.integers(0, len(made)))
    end = data.draw(st.integers(start, len(made)))
    changed = made[:start] + data.draw(st.binary(max_size=40)) + made[end:]
    passed = b""
    try:
        decryptor = Decryptor([OURS], io.BytesIO(changed))
        while part := decryptor.read(CHUNK_LEN):
            passed += part
    except (ArchiveDamaged, PassphraseError):
        assert changed != made
        assert plain.startswith(passed)
    else:
        assert (changed, passed) == (made, plain)


@given(st.binary(max_size=100), st.sampled_from(["age", "age-secret-key-", "x"]))
def test_bech32_comes_back(data: bytes, prefix: str) -> None:
    text = bech32.encode(prefix, data)
    assert bech32.decode(text) == (prefix, data)
    assert bech32.decode(text.upper()) == (prefix.upper(), data)


@given(st.binary(min_size=32, max_size=32), st.data())
def test_a_mistyped_key_is_noticed(raw: bytes, data: st.DataObject) -> None:
    text = bech32.encode("age", raw)
    at = data.draw(st.lists(st.integers(4, len(text) - 1), min_size=1, max_size=4))
    typed = list(text)
    for place in at:
        typed[place] = data.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
    if "".join(typed) == text:
        return
    with pytest.raises(ValueError, match="checksum"):
        bech32.decode("".join(typed))


@given(st.binary(max_size=200))
def test_base64_has_one_form(raw: bytes) -> None:
    try:
        data = decode64(raw)
    except ValueError:
        return
    assert base64.b64encode(data).rstrip(b"=") == raw
