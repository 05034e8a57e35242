"""Frames unpacked into a kept buffer: the same checks, whichever way is taken."""

import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tiered.codec.frames import (
    MAX_FRAME_BYTES,
    FrameSize,
    pack_frame,
    unpack_frame,
)
from tiered.codec.unpacking import FrameUnpacker, library_decompress
from tiered.errors import ArchiveDamaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTENT = bytes(50_000) + Random(1).randbytes(50_000)
FRAME = pack_frame(CONTENT, 3)


@pytest.fixture(params=["library", "module"])
def unpacker(request: pytest.FixtureRequest) -> FrameUnpacker:
    return FrameUnpacker(library_decompress() if request.param == "library" else None)


def unpack(unpacker: FrameUnpacker, frame: bytes, content_bytes: int) -> bytes:
    size = FrameSize(len(frame), content_bytes)
    return bytes(unpacker.unpack(memoryview(bytearray(frame)), size))


def test_the_library_is_found_beside_the_module() -> None:
    assert library_decompress() is not None


def test_frames_of_any_size_one_after_the_other(unpacker: FrameUnpacker) -> None:
    for size in (1, 100_000, 7, 1 << 20, 0, MAX_FRAME_BYTES, 99):
        content = Random(size).randbytes(size)
        assert unpack(unpacker, pack_frame(content, 1), size) == content


def test_threads_do_not_share_a_buffer(unpacker: FrameUnpacker) -> None:
    contents = [Random(n).randbytes(30_000 + n) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda c: unpack(unpacker, pack_frame(c, 1), len(c)), contents)
        assert list(found) == contents


@pytest.mark.parametrize(
    ("frame", "content_bytes"),
    [
        (FRAME[:-1] + bytes([FRAME[-1] ^ 1]), len(CONTENT)),
        (FRAME[:30_000] + bytes([FRAME[30_000] ^ 1]) + FRAME[30_001:], len(CONTENT)),
        (FRAME[:-9], len(CONTENT)),
        (FRAME + pack_frame(b"", 3), len(CONTENT)),
        (FRAME + b"\0", len(CONTENT)),
        (FRAME, len(CONTENT) - 1),
        (FRAME, len(CONTENT) + 1),
        (FRAME, MAX_FRAME_BYTES + 1),
        (zstd.compress(CONTENT), len(CONTENT)),
        (b"not zstd at all", 5),
        (b"", 0),
    ],
)
def test_what_is_refused(
    unpacker: FrameUnpacker, frame: bytes, content_bytes: int
) -> None:
    with pytest.raises(ArchiveDamaged):
        unpack(unpacker, frame, content_bytes)
    with pytest.raises(ArchiveDamaged):
        unpack_frame(frame, FrameSize(len(frame), content_bytes))
    assert unpack(unpacker, FRAME, len(CONTENT)) == CONTENT  # and goes on
