"""Round trips of tiered.rsync over any edit, any block length and any cutting."""

import io
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiered.errors import ArchiveDamaged
from tiered.rsync import (
    DeltaMaker,
    Kind,
    Signature,
    SignatureMaker,
    delta_of,
    patch,
    patch_bytes,
    signature_of,
)

pieces = st.lists(
    st.one_of(
        st.binary(max_size=600),
        st.builds(bytes.__mul__, st.binary(max_size=40), st.integers(0, 60)),
    ),
    max_size=8,
)
cuts = st.lists(st.integers(0, 700), max_size=30)
block_lens = st.sampled_from([1, 2, 7, 64, 512, 700])


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Two versions of a file: the new one reuses, moves and drops parts of the old."""
    old = draw(pieces)
    known = st.sampled_from(old) if old else st.just(b"")
    new = draw(st.lists(st.one_of(known, known, st.binary(max_size=50)), max_size=12))
    return b"".join(old), b"".join(new)


def cut(data: bytes, lengths: list[int]) -> list[bytes]:
    parts, start = [], 0
    for length in lengths:
        parts.append(data[start : start + length])
        start += length
    return [*parts, data[start:]]


class Stingy(io.BytesIO):
    """A stream that gives at most 100 bytes at once."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(100 if size is None or size < 0 else min(size, 100))


@settings(deadline=None)  # how busy the machine is proves nothing
@given(edits(), block_lens, st.sampled_from(Kind), cuts, cuts)
def test_round_trip(
    versions: tuple[bytes, bytes],
    block_len: int,
    kind: Kind,
    old_cuts: list[int],
    new_cuts: list[int],
) -> None:
    old, new = versions
    maker = SignatureMaker(block_len, kind)
    for part in cut(old, old_cuts):
        maker.feed(part)
    data = maker.finish()
    assert data == signature_of(old, block_len, kind)
    with Signature.from_stream(Stingy(data)) as signature:
        delta_maker = DeltaMaker(signature)
        parts = [delta_maker.feed(memoryview(part)) for part in cut(new, new_cuts)]
        delta = b"".join(parts) + delta_maker.finish()
        # flushing is up to librsync, so only the meaning must be the same
        assert patch_bytes(old, delta_of(signature, new)) == new
    assert patch_bytes(old, delta) == new
    assert b"".join(patch(Stingy(old), Stingy(delta))) == new


@settings(deadline=None)
@given(edits(), block_lens, st.data())
def test_cut_delta_is_damaged(
    versions: tuple[bytes, bytes], block_len: int, data: st.DataObject
) -> None:
    old, new = versions
    with Signature(signature_of(old, block_len)) as signature:
        delta = delta_of(signature, new)
    end = data.draw(st.integers(0, len(delta) - 1))
    with pytest.raises(ArchiveDamaged):
        patch_bytes(old, delta[:end])


@settings(max_examples=300, deadline=None)
@given(edits(), block_lens, st.data())
def test_flipped_bits_of_a_delta_never_crash(
    versions: tuple[bytes, bytes], block_len: int, data: st.DataObject
) -> None:
    """Nothing in a delta protects it: wrong bytes are possible, and all we exclude
    is a crash, a hang and any other error than ArchiveDamaged."""
    old, new = versions
    with Signature(signature_of(old, block_len)) as signature:
        delta = bytearray(delta_of(signature, new))
    for _ in range(data.draw(st.integers(1, 3))):
        delta[data.draw(st.integers(0, len(delta) - 1))] ^= data.draw(
            st.integers(1, 255)
        )
    try:
        for part in islice(patch(io.BytesIO(old), io.BytesIO(delta)), 100):
            assert 0 < len(part) <= 1 << 18
    except ArchiveDamaged:
        pass


@settings(max_examples=300, deadline=None)
@given(edits(), block_lens, st.data())
def test_flipped_sums_of_a_signature_still_make_right_deltas(
    versions: tuple[bytes, bytes], block_len: int, data: st.DataObject
) -> None:
    """Head untouched: a wrong sum only hides a match."""
    old, new = versions
    signature = bytearray(signature_of(old, block_len))
    if len(signature) > 12:
        signature[data.draw(st.integers(12, len(signature) - 1))] ^= 1 << data.draw(
            st.integers(0, 7)
        )
    with Signature(signature) as loaded:
        assert patch_bytes(old, delta_of(loaded, new)) == new


@settings(deadline=None)
@given(edits(), block_lens, st.integers(0, 11), st.integers(1, 255))
def test_changed_head_of_a_signature_never_crashes(
    versions: tuple[bytes, bytes], block_len: int, place: int, change: int
) -> None:
    old, new = versions
    signature = bytearray(signature_of(old, block_len))
    signature[place] ^= change
    try:
        with Signature(signature) as loaded:
            delta_of(loaded, new)
    except ArchiveDamaged:
        pass
