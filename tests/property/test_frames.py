"""Frames: any range reads back; the program zstd reads the whole."""

import io
import shutil
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiered.codec.frames import (
    MAX_FRAME_BYTES,
    FrameSize,
    FrameStream,
    FrameTable,
    pack_frame,
    pack_seek_table,
    parse_seek_table,
    unpack_frame,
)
from tiered.errors import ArchiveDamaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

contents = st.lists(st.binary(min_size=1, max_size=500), min_size=1, max_size=20)


def packed(parts: list[bytes]) -> tuple[bytes, list[FrameSize]]:
    frames = [pack_frame(p, 3) for p in parts]
    sizes = [FrameSize(len(f), len(p)) for f, p in zip(frames, parts, strict=True)]
    return b"".join(frames) + pack_seek_table(sizes), sizes


@given(contents, st.data())
def test_any_range_reads_back(parts: list[bytes], data: st.DataObject) -> None:
    stored, sizes = packed(parts)
    table = FrameTable(parse_seek_table(stored))
    assert list(table.sizes) == sizes
    whole = b"".join(parts)
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, len(whole) - start))
    span = table.span(start, length)
    raw = stored[span.stored_start : span.stored_start + span.stored_length]
    content = b""
    for size in table.sizes[span.first : span.first + span.count]:
        content += unpack_frame(raw[: size.stored], size)
        raw = raw[size.stored :]
    assert not raw
    assert content[span.skip : span.skip + length] == whole[start : start + length]


@given(contents, st.data())
def test_a_changed_byte_is_seen(parts: list[bytes], data: st.DataObject) -> None:
    stored, sizes = packed(parts)
    position = data.draw(st.integers(0, sizes[0].stored - 1))
    bit = data.draw(st.integers(0, 7))
    frame = bytearray(stored[: sizes[0].stored])
    frame[position] ^= 1 << bit
    try:
        content = unpack_frame(bytes(frame), sizes[0])
    except ArchiveDamaged:
        return
    assert content == parts[0]  # a bit of the header that means nothing


def test_the_program_reads_it() -> None:
    assert shutil.which("zstd"), "the program zstd is missing: `make test` installs it"
    stored, _ = packed([b"one", b"two" * 1000, b"three"])
    done = subprocess.run(
        ["zstd", "-dc"], input=stored, capture_output=True, check=True
    )
    assert done.stdout == b"one" + b"two" * 1000 + b"three"


@pytest.mark.parametrize("cut", [1, 5, 9, 12])
def test_a_cut_table_is_refused(cut: int) -> None:
    table = pack_seek_table([FrameSize(10, 20), FrameSize(30, 40)])
    for damaged in (table[:-cut], table[cut:]):
        with pytest.raises(ArchiveDamaged, match="seek table"):
            parse_seek_table(damaged)


ONE = pack_frame(b"x" * 100, 1)
WITHOUT_CHECKSUM = zstd.compress(b"x" * 100)
WITHOUT_SIZE = zstd.ZstdCompressor().compress(
    b"x" * 100, zstd.ZstdCompressor.FLUSH_FRAME
)


@pytest.mark.parametrize(
    "frame",
    [
        ONE[:-1],
        ONE + b"x",
        ONE + ONE,
        ONE + pack_frame(b"", 1),
        pack_frame(b"", 1) + ONE,
        WITHOUT_CHECKSUM,
        WITHOUT_SIZE,
        pack_seek_table([]) + ONE,
        b"",
        b"x" * 100,
    ],
)
def test_only_one_frame_with_size_and_checksum_is_taken(frame: bytes) -> None:
    for stored in {len(frame), len(ONE)}:
        with pytest.raises(ArchiveDamaged):
            unpack_frame(frame, FrameSize(stored, 100))
    assert unpack_frame(ONE, FrameSize(len(ONE), 100)) == b"x" * 100


@pytest.mark.parametrize("claimed", [-1, 99, 101, MAX_FRAME_BYTES + 1, 1 << 63])
def test_another_size_is_refused(claimed: int) -> None:
    with pytest.raises(ArchiveDamaged):
        unpack_frame(ONE, FrameSize(len(ONE), claimed))


def test_what_unpacks_to_more_than_it_says_takes_no_memory() -> None:
    """A second frame behind the first is a thousand times as long."""
    bomb = ONE + pack_frame(bytes(1 << 26), 1)
    tracemalloc.start()
    with pytest.raises(ArchiveDamaged):
        unpack_frame(bomb, FrameSize(len(bomb), 100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_stream_gives_no_window_larger_than_a_frame() -> None:
    options = {
        int(zstd.CompressionParameter.window_log): 25,
        int(zstd.CompressionParameter.checksum_flag): 1,
    }
    wide = zstd.ZstdCompressor(options=options)
    frame = wide.compress(bytes(1 << 20)) + wide.flush()
    with pytest.raises(ArchiveDamaged):
        FrameStream(io.BytesIO(frame)).read(1)
    largest = pack_frame(bytes(MAX_FRAME_BYTES), 1)
    assert FrameStream(io.BytesIO(largest)).read(1) == b"\0"
