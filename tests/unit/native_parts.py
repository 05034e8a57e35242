"""The parts of which objects of style tiered are made by hand: see `native_forge`.

It shares no code with `tiered`, so a misreading there does not hide here.
"""

import base64
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.unit import age_forge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FOLDER = Path(__file__).parent.parent / "vectors" / "native"

FULL = "full.20261121T011337Z"
INC = "inc.20261121T011337Z.to.20261122T011337Z"
END_S = 1_795_223_617
"""The end of the full set."""
MTIME_S, NANOSECONDS = 1_700_000_000, b"123456789"
SECRET = age_forge.OURS

RIGHT = "success"
DAMAGED, VERSION = "archive-damaged", "config-invalid"
WRONG_KEY = "passphrase-wrong"

Edit = Callable[[bytes], bytes]


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One object and what reading it must give."""

    expect: str
    comment: str
    object: str
    """Its name in a store, without prefix."""
    data: bytes
    reads: tuple[str, ...] = ()
    """What a right one says; the test renders what was read in the same way."""

    def text(self) -> str:
        """The content of the vector's file."""
        lines = [
            f"expect: {self.expect}",
            f"comment: {self.comment}",
            f"object: {self.object}",
            *(f"reads: {line}" for line in self.reads),
        ]
        return "\n".join(lines) + "\n\n" + base64.encodebytes(self.data).decode()


def read_vector(text: str) -> Vector:
    """The inverse of `Vector.text`."""
    head, _, body = text.partition("\n\n")
    fields = [line.partition(": ")[::2] for line in head.split("\n")]
    one = dict(fields)
    return Vector(
        expect=one["expect"],
        comment=one["comment"],
        object=one["object"],
        data=base64.b64decode(body),
        reads=tuple(value for key, value in fields if key == "reads"),
    )


# The parts of objects.


def frame(data: bytes, *, checksum: bool = True, sized: bool = True) -> bytes:
    options = {
        int(zstd.CompressionParameter.checksum_flag): int(checksum),
        int(zstd.CompressionParameter.content_size_flag): int(sized),
        int(zstd.CompressionParameter.compression_level): 3,
    }
    return zstd.compress(data, options=options)


def seek_table(sizes: Sequence[tuple[int, int]]) -> bytes:
    rows = b"".join(struct.pack("<II", *size) for size in sizes)
    foot = struct.pack("<IBI", len(sizes), 0, 0x8F92EAB1)
    return struct.pack("<II", 0x184D2A5E, len(rows) + len(foot)) + rows + foot


def framed(parts: Sequence[bytes], sizes: Sequence[tuple[int, int]] = ()) -> bytes:
    """Frames and their seek table, or one that says `sizes`."""
    frames = [frame(part) for part in parts]
    right = [(len(f), len(p)) for f, p in zip(frames, parts, strict=True)]
    return b"".join(frames) + seek_table(sizes or right)


def sealed(data: bytes) -> bytes:
    return age_forge.header(age_forge.x25519()) + age_forge.payload(data)


def header(
    name: bytes,
    size: int = 0,
    *,
    kind: bytes = b"0",
    link: bytes = b"",
    mode: int = 0o644,
    nanoseconds: bytes = NANOSECONDS,
    edit: Edit | None = None,
) -> bytes:
    """A tar header of the user 1000:100, with a right checksum."""
    block = b"".join(
        (
            name.ljust(100, b"\0"),
            b"%07o\0%07o\0%07o\0" % (mode, 1000, 100),
            b"%011o\0%011o\0" % (size, MTIME_S),
            b" " * 8,
            kind,
            link.ljust(100, b"\0"),
            b"ustar\x0000",
            b"anna".ljust(32, b"\0"),
            b"users".ljust(32, b"\0"),
            b"0000000\x000000000\0",
            bytes(155),
            nanoseconds.ljust(12, b"\0"),
        )
    )
    block = block[:148] + b"%06o\0 " % sum(block) + block[156:]
    return edit(block) if edit else block


def member(name: bytes, body: bytes = b"", **fields: object) -> bytes:
    head = header(name, len(body), **fields)  # type: ignore[arg-type] # fields of `header`
    return head + body + bytes(-len(body) % 512)


def records(**values: bytes) -> bytes:
    """A pax header for the member behind it; `_` stands for `.` in the keys."""
    body = b""
    for key, value in values.items():
        name = key.replace("_", ".").encode()
        bare = len(name) + len(value) + 3
        length = bare + len(str(bare))
        length += len(str(length)) != len(str(bare))
        body += b"%d %s=%s\n" % (length, name, value)
    return member(b"././@PaxHeader", body, kind=b"x")


END = bytes(1024)


def flip(data: bytes, at: int, bit: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def wide_frame(data: bytes) -> bytes:
    compressor = zstd.ZstdCompressor(
        options={
            int(zstd.CompressionParameter.window_log): 25,
            int(zstd.CompressionParameter.checksum_flag): 1,
        }
    )
    return compressor.compress(data) + compressor.flush()


SET = {"format": "tiered", "version": 1, "set": FULL, "volume": 1, "piece_bytes": 8}
SET |= {"host": "host", "source": "/src"}
DELTA = b"rs\x026\x01x\0"
Named = Iterator[tuple[str, Vector]]
