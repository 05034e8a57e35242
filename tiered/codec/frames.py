"""zstd in independent frames: any range can be read without what lies before.

The frames of an object, joined, are one ordinary zstd stream: `zstd -d` reads
it.  At its end stands the seek table of the zstd seekable format in a skippable
frame, so that an object tells about itself; the index holds the same table, so
that nothing of the object need be read to find a range in it
[docs/format/native.md, "Frames"].

Source: zstd, contrib/seekable_format/zstd_seekable_compression_format.md,
version 0.1.0.
"""

import struct
import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

from tiered.errors import ArchiveDamaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_FRAME_BYTES = 4 << 20
"""Largest content of one frame; a reader refuses more."""

_SKIPPABLE, _SEEKABLE = 0x184D2A5E, 0x8F92EAB1
_CHECKSUM_BIT = 1 << 2
_DESCRIPTOR_AT = 4
"""Where a frame's header says what is in it  [RFC 8878, 3.1.1.1.1]."""
_LARGEST_WINDOW = {int(zstd.DecompressionParameter.window_log_max): 22}
"""That of a frame of `MAX_FRAME_BYTES`."""
_LEVEL = int(zstd.CompressionParameter.compression_level)
_WITH_CHECKSUM = {int(zstd.CompressionParameter.checksum_flag): 1}
_HEAD = struct.Struct("<II")
_ROW = struct.Struct("<II")
_FOOT = struct.Struct("<IBI")


@dataclass(frozen=True, slots=True)
class FrameSize:
    """One frame: bytes as stored, and bytes of content."""

    stored: int
    content: int


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """The frames that hold a range of content."""

    first: int
    count: int
    stored_start: int
    stored_length: int
    skip: int
    """Content bytes of the first frame that lie before the range."""


def pack_frame(data: bytes | memoryview, level: int) -> bytes:
    """One frame, with content size and checksum."""
    return zstd.compress(data, options={**_WITH_CHECKSUM, _LEVEL: level})


def unpack_frame(frame: bytes, size: FrameSize, limit: int = MAX_FRAME_BYTES) -> bytes:
    """The content of one frame, of at most `limit` bytes.

    Raises:
        ArchiveDamaged: It is not one frame of that size, lacks content size or
            checksum, or fails its checksum.

    Cost: Memory of the content that `size` says, whatever the frame holds.
    """
    check_frame(frame, size, limit)
    decompressor = zstd.ZstdDecompressor()
    try:
        content = decompressor.decompress(frame, max(1, size.content))
    except zstd.ZstdError as e:
        raise ArchiveDamaged(f"a frame does not decompress: {e}") from None
    if len(content) != size.content or not decompressor.eof:
        raise ArchiveDamaged("a frame is cut off")
    if decompressor.unused_data:
        raise ArchiveDamaged("something stands behind a frame")
    return content


def check_frame(frame: bytes | memoryview, size: FrameSize, limit: int) -> None:
    """Does a frame say of itself what its table says, and that it can be checked?

    Raises:
        ArchiveDamaged: No.
    """
    if not 0 <= size.content <= limit:
        raise ArchiveDamaged(f"a frame claims {size.content} bytes of content")
    try:
        about = zstd.get_frame_info(frame)
    except zstd.ZstdError as e:
        raise ArchiveDamaged(f"a frame does not decompress: {e}") from None
    if about.decompressed_size != size.content or len(frame) != size.stored:
        raise ArchiveDamaged("a frame has another size than its table says")
    if not frame[_DESCRIPTOR_AT] & _CHECKSUM_BIT or about.dictionary_id:
        raise ArchiveDamaged("a frame has no checksum, or needs a dictionary")


class FrameStream:
    """Pulls the content of joined frames; the seek table at the end is skipped.

    Raises (`read`):
        ArchiveDamaged: What was stored is not whole, or not zstd.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._stream = zstd.ZstdFile(source, options=_LARGEST_WINDOW)

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except (zstd.ZstdError, EOFError) as e:
            raise ArchiveDamaged(f"an object does not decompress: {e}") from None


class FrameTable:
    """The sizes of all frames of an object, and where a range lies in them."""

    def __init__(self, sizes: Iterable[FrameSize]) -> None:
        self.sizes: Sequence[FrameSize] = tuple(sizes)
        self._stored = [0, *accumulate(s.stored for s in self.sizes)]
        self._content = [0, *accumulate(s.content for s in self.sizes)]

    @property
    def content_bytes(self) -> int:
        return self._content[-1]

    @property
    def stored_bytes(self) -> int:
        """Of the frames, without the seek table."""
        return self._stored[-1]

    def stored_start(self, frame: int) -> int:
        """Where a frame begins; that of the frame behind the last is the end."""
        return self._stored[frame]

    def content_start(self, frame: int) -> int:
        """Where the content of a frame begins in that of the object."""
        return self._content[frame]

    def span(self, start: int, length: int) -> FrameSpan:
        """The frames that hold content bytes start to start + length.

        Raises:
            ArchiveDamaged: The object is shorter than that.
        """
        if start < 0 or length < 1 or start + length > self.content_bytes:
            raise ArchiveDamaged(
                f"bytes {start} to {start + length} of an object that has "
                f"{self.content_bytes}"
            )
        first = bisect_right(self._content, start) - 1
        last = bisect_right(self._content, start + length - 1) - 1
        stored_start = self._stored[first]
        return FrameSpan(
            first=first,
            count=last - first + 1,
            stored_start=stored_start,
            stored_length=self._stored[last + 1] - stored_start,
            skip=start - self._content[first],
        )


def pack_seek_table(sizes: Sequence[FrameSize]) -> bytes:
    """The skippable frame that ends an object."""
    rows = b"".join(_ROW.pack(s.stored, s.content) for s in sizes)
    foot = _FOOT.pack(len(sizes), 0, _SEEKABLE)
    return _HEAD.pack(_SKIPPABLE, len(rows) + len(foot)) + rows + foot


def parse_seek_table(tail: bytes) -> tuple[FrameSize, ...]:
    """The table at the end of `tail`, the last bytes of an object.

    Raises:
        ArchiveDamaged: There is no table, or not all of it.
    """
    if len(tail) < _FOOT.size:
        raise ArchiveDamaged("an object has no seek table")
    count, descriptor, magic = _FOOT.unpack(tail[-_FOOT.size :])
    if magic != _SEEKABLE or descriptor != 0:
        raise ArchiveDamaged("an object has no seek table")
    rows_bytes = count * _ROW.size
    start = len(tail) - _FOOT.size - rows_bytes - _HEAD.size
    if start < 0:
        raise ArchiveDamaged("an object's seek table is longer than what was read")
    head = _HEAD.unpack(tail[start : start + _HEAD.size])
    if head != (_SKIPPABLE, rows_bytes + _FOOT.size):
        raise ArchiveDamaged("an object's seek table has a wrong head")
    rows = tail[start + _HEAD.size : -_FOOT.size]
    return tuple(FrameSize(*row) for row in _ROW.iter_unpack(rows))
