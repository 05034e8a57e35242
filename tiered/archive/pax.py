"""The records of a pax extended header: `<length> <key>=<value>\\n`, as bytes.

Source: POSIX.1-2017, pax, "pax Extended Header".  The length counts itself.
"""

from collections.abc import Mapping

from tiered.errors import ArchiveDamaged

_RAW = b"21 hdrcharset=BINARY\n"
_NAMES = (b"path", b"linkpath", b"uname", b"gname")


def pack_records(records: Mapping[bytes, bytes]) -> bytes:
    """The body of an extended header; names that are not UTF-8 are marked as raw."""
    parts = [] if all(_is_utf8(records.get(key, b"")) for key in _NAMES) else [_RAW]
    for key, value in records.items():
        bare = len(key) + len(value) + 3
        length = bare + len(str(bare))
        if len(str(length)) != len(str(bare)):
            length += 1
        parts.append(b"%d %s=%s\n" % (length, key, value))
    return b"".join(parts)


def parse_records(data: bytes) -> dict[bytes, bytes]:
    """Records by key; of two with one key the later counts.

    Raises:
        ArchiveDamaged: A record is not one.
    """
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 10)
        digits = data[at:space] if space > 0 else b""
        end = at + (int(digits) if digits.isdigit() else 0)
        key, equals, value = data[space + 1 : end].partition(b"=")
        if not equals or not value.endswith(b"\n") or end > len(data):
            raise ArchiveDamaged("a tar extended header does not parse")
        records[key] = value[:-1]
        at = end
    return records


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
