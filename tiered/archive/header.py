"""Headers in the tars of style tiered, packed and parsed as the format has them.

Facts:
  * ustar header, checksum, prefix: POSIX.1-2017, pax, "ustar Interchange Format"
  * the nanoseconds of the time stand in the 12 bytes of padding behind the
    prefix, which GNU tar, bsdtar and Python do not read: a pax record for each
    file would cost 1 KiB  [docs/format/native.md, "Volumes"]
  * GNU tar writes `%` and `=` in names of extended attributes as `%25` and `%3D`
"""

import re
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from tiered.archive.columns import (
    FIRST_TIME_NS,
    LAST_ID,
    LAST_TIME_NS,
    Owner,
    Xattrs,
)
from tiered.archive.fileinfo import FileType
from tiered.archive.pax import pack_records
from tiered.archive.tar import padding, split_name
from tiered.errors import ArchiveDamaged

EXTENDED = b"x"
"""Type of a header whose body is the pax records of the next."""
MAX_RECORDS_BYTES = 16 << 20
"""Longest extended header that is believed."""

NOBODY = Owner()

_HEADER = struct.Struct("100s24s24s8s189s155s12s")
"""name; mode, uid, gid; size, time; checksum; type to device; prefix; nanoseconds."""
_TAIL = struct.Struct("c100s8s32s32s16s")
"""type, link name, magic, user, group, device."""
_MAGIC = b"ustar\x0000"
_NS = 1_000_000_000
_MODES = 0o7777
_MAX_ID = 1 << 21
_MAX_SIZE = 1 << 33
_MAX_TEXT = 31
_BLANK_SUM = 8 * ord(" ")

_XATTR, _SPARSE = b"SCHILY.xattr.", b"TIERED.sparse"
_KNOWN = {b"path", b"linkpath", b"uid", b"gid", b"mtime", b"uname", b"gname"}
_KNOWN |= {b"hdrcharset", _SPARSE}
_TIME = re.compile(rb"(-?)([0-9]{1,12})\.([0-9]{9})")
_ID = re.compile(rb"[0-9]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What is kept about a file, besides its path and content."""

    type: FileType
    mode: int = 0
    owner: Owner = NOBODY
    mtime_ns: int = 0
    link: bytes = b""
    """Target of a symbolic link; the other path of a hard link."""
    device: tuple[int, int] = (0, 0)
    xattrs: Xattrs = ()
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """One header.  A hard link's `link` is the name of a member."""

    name: bytes
    size: int
    attributes: Attributes


class Extra(NamedTuple):
    """What few files have."""

    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: Collection[tuple[bytes, bytes]] = ()
    sparse: bool = False


NOTHING = Extra()


class HeaderTemplate:
    """Packs the headers of files of one type, mode and owner.

    All that depends on these alone is made once: a backup of small files spends
    its time here.
    """

    def __init__(self, kind: bytes, mode: int, owner: Owner) -> None:
        self._records: dict[bytes, bytes] = {}
        uid, gid = self._id(b"uid", owner.uid), self._id(b"gid", owner.gid)
        self._front = b"%07o\0%07o\0%07o\0" % (mode & 0o7777, uid, gid)
        self._kind = kind
        self._uname = self._text(b"uname", owner.uname)
        self._gname = self._text(b"gname", owner.gname)
        self._tail = self._pack_tail(b"", (0, 0))
        self._sum = _BLANK_SUM + sum(self._front)
        self._usual_sum = self._sum + sum(self._tail)

    def pack(self, name: bytes, size: int, mtime_ns: int, extra: Extra) -> bytes:
        """The header blocks of one member.

        Raises:
            ValueError: `size` or a device is larger than a header can say.

        Cost: 2 microseconds, unless it needs records.
        """
        seconds, fraction = divmod(mtime_ns, _NS)
        is_usual = len(name) <= 100 and name.isascii() and 0 <= seconds < _MAX_SIZE
        if not is_usual or self._records or extra is not NOTHING:
            return self._pack_unusual(name, size, mtime_ns, extra)
        numbers = b"%011o\0%011o\0" % (size, seconds)
        digits = b"%09d" % fraction
        if len(numbers) != 24:
            raise ValueError(f"a tar member of {size} bytes")
        total = self._usual_sum + sum(name + numbers + digits)
        return _HEADER.pack(
            name, self._front, numbers, b"%06o\0 " % total, self._tail, b"", digits
        )

    def _pack_unusual(
        self, name: bytes, size: int, mtime_ns: int, extra: Extra
    ) -> bytes:
        records = dict(self._records)
        prefix, short = split_name(name)
        if short is None:
            records[b"path"] = name
            prefix, short = b"", _shown(name)
        link = extra.link
        if len(link) > 100 or not link.isascii():
            records[b"linkpath"] = link
            link = _shown(link)
        seconds, fraction = divmod(mtime_ns, _NS)
        if not 0 <= seconds < _MAX_SIZE:
            records[b"mtime"] = _decimal(mtime_ns)
            seconds = 0
        if extra.sparse:
            records[_SPARSE] = b"1"
        records |= {_XATTR + _quote(key): value for key, value in extra.xattrs}
        numbers = b"%011o\0%011o\0" % (size, seconds)
        if len(numbers) != 24:
            raise ValueError(f"a tar member of {size} bytes")
        digits = b"%09d" % fraction
        tail = self._pack_tail(link, extra.device)
        total = self._sum + sum(map(sum, (short, numbers, digits, tail, prefix)))
        header = _HEADER.pack(
            short, self._front, numbers, b"%06o\0 " % total, tail, prefix, digits
        )
        return _pack_extended(records) + header if records else header

    def _pack_tail(self, link: bytes, device: tuple[int, int]) -> bytes:
        numbers = b"%07o\0%07o\0" % device
        if len(numbers) != 16:
            raise ValueError(f"a device with the numbers {device}")
        names = self._uname, self._gname
        return _TAIL.pack(self._kind, link, _MAGIC, *names, numbers)

    def _id(self, key: bytes, number: int) -> int:
        if 0 <= number < _MAX_ID:
            return number
        self._records[key] = b"%d" % number
        return 0

    def _text(self, key: bytes, text: bytes) -> bytes:
        if len(text) <= _MAX_TEXT and text.isascii():
            return text
        self._records[key] = text
        return b""


def parse_header(block: bytes, records: Mapping[bytes, bytes]) -> Header:
    """Read the header in `block`; `records` stood before it.

    Raises:
        ArchiveDamaged: It is not a header as this format has them.
    """
    name, size, attributes = _parse_block(block)
    if not records:
        return Header(name, size, attributes)
    return Header(records.get(b"path", name), size, _apply(records, attributes))


def records_bytes(block: bytes) -> int | None:
    """Size of the records, if `block` announces some; None if it is a file's header.

    Raises:
        ArchiveDamaged: It is damaged, or they are too long.
    """
    if block[156:157] != EXTENDED:
        return None
    _check(block)
    size = _octal(block[124:136])
    if size > MAX_RECORDS_BYTES:
        raise ArchiveDamaged(f"a tar extended header has {size} bytes")
    return size


def _parse_block(block: bytes) -> tuple[bytes, int, Attributes]:
    _check(block)
    name, prefix = _string(block[:100]), _string(block[345:500])
    digits, mode = block[500:509], _octal(block[100:108])
    if not digits.isdigit() or any(block[509:512]):
        raise ArchiveDamaged("a tar header has no nanoseconds")
    if mode > _MODES:
        raise ArchiveDamaged(f"a tar header has the mode {mode:o}")
    try:
        kind = FileType(block[156:157])
    except ValueError:
        raise ArchiveDamaged(f"a tar member of type {block[156:157]!r}") from None
    attributes = Attributes(
        type=kind,
        mode=mode,
        owner=Owner(
            _octal(block[108:116]),
            _octal(block[116:124]),
            _string(block[265:297]),
            _string(block[297:329]),
        ),
        mtime_ns=_octal(block[136:148]) * _NS + int(digits),
        link=_string(block[157:257]),
        device=(_octal(block[329:337]), _octal(block[337:345])),
    )
    return prefix + b"/" + name if prefix else name, _octal(block[124:136]), attributes


def _check(block: bytes) -> None:
    if block[257:265] != _MAGIC:
        raise ArchiveDamaged("a tar header is not ustar")
    total = sum(block) - sum(block[148:156]) + _BLANK_SUM
    if block[148:156] != b"%06o\0 " % total:
        raise ArchiveDamaged("a tar header has a wrong checksum")


def _apply(records: Mapping[bytes, bytes], attributes: Attributes) -> Attributes:
    unknown = {key for key in records if not key.startswith(_XATTR)} - _KNOWN
    if unknown:
        raise ArchiveDamaged(f"a tar header has the unknown record {min(unknown)!r}")
    owner = attributes.owner
    return replace(
        attributes,
        owner=Owner(
            _id(records, b"uid", owner.uid),
            _id(records, b"gid", owner.gid),
            records.get(b"uname", owner.uname),
            records.get(b"gname", owner.gname),
        ),
        mtime_ns=_time_ns(records, attributes.mtime_ns),
        link=records.get(b"linkpath", attributes.link),
        xattrs=tuple(
            (_unquote(key.removeprefix(_XATTR)), value)
            for key, value in records.items()
            if key.startswith(_XATTR)
        ),
        sparse=records.get(_SPARSE) == b"1",
    )


def _id(records: Mapping[bytes, bytes], key: bytes, otherwise: int) -> int:
    text = records.get(key)
    if text is None:
        return otherwise
    if not _ID.fullmatch(text) or int(text) > LAST_ID:
        raise ArchiveDamaged("a tar extended header has a bad number")
    return int(text)


def _time_ns(records: Mapping[bytes, bytes], otherwise: int) -> int:
    text = records.get(b"mtime")
    if text is None:
        return otherwise
    match = _TIME.fullmatch(text)
    if not match:
        raise ArchiveDamaged("a tar extended header has a bad time")
    time_ns = int(match[2]) * _NS + int(match[3])
    time_ns = -time_ns if match[1] else time_ns
    if not FIRST_TIME_NS <= time_ns <= LAST_TIME_NS:
        raise ArchiveDamaged("a tar extended header has a bad time")
    return time_ns


def _decimal(time_ns: int) -> bytes:
    sign = b"-" if time_ns < 0 else b""
    return b"%s%d.%09d" % (sign, *divmod(abs(time_ns), _NS))


def _pack_extended(records: Mapping[bytes, bytes]) -> bytes:
    body = pack_records(records)
    template = HeaderTemplate(EXTENDED, 0o600, NOBODY)
    header = template.pack(b"././@PaxHeader", len(body), 0, NOTHING)
    return header + body + padding(len(body))


def _shown(name: bytes) -> bytes:
    """For programs that do not read pax records."""
    return bytes(b if b < 128 else ord("?") for b in name[:100])


def _quote(key: bytes) -> bytes:
    return key.replace(b"%", b"%25").replace(b"=", b"%3D")


def _unquote(key: bytes) -> bytes:
    return key.replace(b"%3D", b"=").replace(b"%25", b"%")


def _string(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _octal(field: bytes) -> int:
    try:
        if field[-1:] == b"\0" and field[:-1].isdigit():
            return int(field[:-1], 8)
    except ValueError:
        pass
    raise ArchiveDamaged("a tar header has a bad number")
