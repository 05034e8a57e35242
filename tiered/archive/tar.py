"""Tar headers as values: ustar with pax records, names as bytes.

The standard library's `tarfile` works on text and keeps every member it saw;
here names are the bytes of the file system, and a stream of any length is
read in constant memory.  `tarfile` is the oracle in the tests.

Facts:
  * ustar header, checksum, prefix split: POSIX.1-2017, pax, "ustar Interchange
    Format"; pax records `<length> <key>=<value>\\n`: same page, "pax Extended
    Header"; `hdrcharset=BINARY` says that values are raw bytes
  * GNU: magic `ustar  \\0`, members `L` and `K` hold a long name or link name,
    numbers with the high bit set are base 256  [GNU tar manual, "Basic Tar"]
  * duplicity volumes may end after one zero block and carry junk after it
    [facts: docs/format/duplicity.md, "End of a volume"]
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from tiered.archive.pax import pack_records, parse_records
from tiered.errors import ArchiveDamaged

BLOCK_BYTES = 512
RECORD_BYTES = 20 * BLOCK_BYTES

REGULAR, SYMLINK, CHARDEV = b"0", b"2", b"3"
BLOCKDEV, DIRECTORY, FIFO = b"4", b"5", b"6"
KNOWN_TYPES = frozenset({REGULAR, SYMLINK, CHARDEV, BLOCKDEV, DIRECTORY, FIFO})

_MAX_PAX_BYTES = 1 << 20
"""Longest extended header that is believed; paths end at a few KiB."""


class Readable(Protocol):
    """The one method of a stream that reading needs."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What a tar header says about one member."""

    name: bytes
    type: bytes = REGULAR
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_s: int = 0
    linkname: bytes = b""
    uname: bytes = b""
    gname: bytes = b""
    devmajor: int = 0
    devminor: int = 0


def pack_header(member: Member) -> bytes:
    """The header blocks of a member: 512 bytes, with pax blocks before if needed."""
    pax: dict[bytes, bytes] = {}
    prefix, name = split_name(member.name)
    if name is None:
        pax[b"path"] = member.name
        prefix, name = b"", _ascii(member.name)[:100]
    link = member.linkname
    if len(link) > 100 or not link.isascii():
        pax[b"linkpath"] = link
        link = _ascii(link)[:100]
    for key, text in ((b"uname", member.uname), (b"gname", member.gname)):
        if len(text) > 32 or not text.isascii():
            pax[key] = text
    numbers = []
    for key, number, limit in (
        (b"uid", member.uid, 0o10000000),
        (b"gid", member.gid, 0o10000000),
        (b"size", member.size, 0o100000000000),
        (b"mtime", member.mtime_s, 0o100000000000),
    ):
        fits = 0 <= number < limit
        if not fits:
            pax[key] = b"%d" % number
        numbers.append(number if fits else 0)
    uid, gid, size, mtime_s = numbers
    header = b"".join(
        (
            name.ljust(100, b"\0"),
            b"%07o\0%07o\0%07o\0" % (member.mode & 0o7777, uid, gid),
            b"%011o\0%011o\0" % (size, mtime_s),
            b"        ",
            member.type,
            link.ljust(100, b"\0"),
            b"ustar\x0000",
            _ascii(member.uname)[:32].ljust(32, b"\0"),
            _ascii(member.gname)[:32].ljust(32, b"\0"),
            b"%07o\0%07o\0" % (member.devmajor, member.devminor),
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    return _pack_pax(pax) + header if pax else header


def padding(size: int) -> bytes:
    """Zero bytes from `size` up to the next block."""
    return bytes(-size % BLOCK_BYTES)


def trailer(size: int) -> bytes:
    """End of an archive of `size` bytes: at least 512 zeros, up to a full record."""
    return bytes(RECORD_BYTES - size % RECORD_BYTES)


class Body:
    """The bytes of one member, read from the archive's stream."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream, self._left = stream, size
        self._padding = -size % BLOCK_BYTES

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, b"" at the end of the member.

        Raises:
            ArchiveDamaged: The archive ends inside the member.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        data = read_exactly(self._stream, wanted)
        self._left -= wanted
        return data

    def skip(self) -> None:
        """Read past the member and its padding; only once, after all reads."""
        while self._left:
            self.read(1 << 16)
        read_exactly(self._stream, self._padding)
        self._padding = 0


def read_members(stream: Readable) -> Iterator[tuple[Member, Body]]:
    """The members of one archive, up to its first zero block.

    A body is valid until the next member is asked for; what was not read of it
    is skipped.

    Raises:
        ArchiveDamaged: A header is not one, or the archive ends before a zero
            block: it was cut, perhaps between two members.
    """
    overrides: dict[bytes, bytes] = {}
    while True:
        block = read_exactly(stream, BLOCK_BYTES)
        if not block.strip(b"\0"):
            return
        member = _parse_header(block)
        if member.type in (b"x", b"L", b"K"):
            overrides |= _read_override(stream, member)
            continue
        body_size = member.size
        if overrides:
            member = _apply_overrides(member, overrides)
            body_size = member.size
            overrides = {}
        if member.size < 0:
            raise ArchiveDamaged(f"a tar header has a size of {member.size}")
        if member.type in (b"g",):
            Body(stream, body_size).skip()
            continue
        body = Body(stream, body_size)
        yield member, body
        body.skip()


def split_name(name: bytes) -> tuple[bytes, bytes | None]:
    """Prefix and name for a ustar header; a name of None does not fit."""
    if not name.isascii():
        return b"", None
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, 156)
    if cut > 0 and 0 < len(name) - cut - 1 <= 100:
        return name[:cut], name[cut + 1 :]
    return b"", None


def _ascii(text: bytes) -> bytes:
    return text if text.isascii() else bytes(b if b < 128 else 63 for b in text)


def _pack_pax(records: dict[bytes, bytes]) -> bytes:
    body = pack_records(records)
    header = pack_header(Member(name=b"././@PaxHeader", type=b"x", size=len(body)))
    return header + body + padding(len(body))


def _parse_header(block: bytes) -> Member:
    stored = _number(block[148:156])
    sums = sum(block) - sum(block[148:156]) + 8 * 32
    if stored != sums:
        raise ArchiveDamaged("a tar header has a wrong checksum")
    name = block[:100].rstrip(b"\0")
    name = name.split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0":  # GNU uses the prefix field for other things
        prefix = block[345:500].split(b"\0", 1)[0]
        name = prefix + b"/" + name if prefix else name
    kind = block[156:157]
    return Member(
        name=name,
        type=REGULAR if kind == b"\0" else kind,
        mode=_number(block[100:108]),
        uid=_number(block[108:116]),
        gid=_number(block[116:124]),
        size=_number(block[124:136]),
        mtime_s=_number(block[136:148]),
        linkname=block[157:257].split(b"\0", 1)[0],
        uname=block[265:297].split(b"\0", 1)[0],
        gname=block[297:329].split(b"\0", 1)[0],
        devmajor=_number(block[329:337]),
        devminor=_number(block[337:345]),
    )


def _number(field: bytes) -> int:
    if field[0] in (0x80, 0xFF):
        value = int.from_bytes(field[1:])
        return value - (1 << 8 * (len(field) - 1)) if field[0] == 0xFF else value
    text = field.split(b"\0", 1)[0].strip()
    try:
        return int(text or b"0", 8)
    except ValueError:
        raise ArchiveDamaged("a tar header has a bad number") from None


def _read_override(stream: Readable, member: Member) -> dict[bytes, bytes]:
    if member.size > _MAX_PAX_BYTES:
        raise ArchiveDamaged(f"a tar extended header has {member.size} bytes")
    body = Body(stream, member.size)
    data = body.read()
    body.skip()
    if member.type == b"x":
        return parse_records(data)
    key = b"path" if member.type == b"L" else b"linkpath"
    return {key: data.split(b"\0", 1)[0]}


def _apply_overrides(member: Member, records: dict[bytes, bytes]) -> Member:
    try:
        return replace(
            member,
            name=records.get(b"path", member.name),
            linkname=records.get(b"linkpath", member.linkname),
            uname=records.get(b"uname", member.uname),
            gname=records.get(b"gname", member.gname),
            uid=int(records.get(b"uid", member.uid)),
            gid=int(records.get(b"gid", member.gid)),
            size=int(records.get(b"size", member.size)),
            mtime_s=int(float(records.get(b"mtime", member.mtime_s))),
        )
    except (ValueError, OverflowError):
        raise ArchiveDamaged("a tar extended header has a bad number") from None


def read_exactly(stream: Readable, size: int) -> bytes:
    """All of `size` bytes.

    Raises:
        ArchiveDamaged: The stream ends before.
    """
    data = stream.read(size) if size else b""
    if len(data) == size:
        return data
    parts = [data]
    left = size - len(data)
    while left:
        more = stream.read(left)
        if not more:
            raise ArchiveDamaged(f"a tar archive ends {left} bytes too early")
        parts.append(more)
        left -= len(more)
    return b"".join(parts)
