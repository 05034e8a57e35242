"""The header of an age file: text <-> stanzas.  Pure; knows no keys.

    version line   `age-encryption.org/v1`
    stanza         `->` and its arguments, each behind one space; then its body
                   in base64: full lines of 64 columns and one shorter, maybe empty
    ... more stanzas
    last line      `---`, a space and the MAC in base64, 43 columns

Lines end with LF.  Arguments are printable ASCII without spaces, and never empty.
Base64 has no padding, and its unused bits are zero.  So there is exactly one text
for each header, the reader accepts no other, and what is read and written again
gives the same bytes.

Source: C2SP age.md, "Header"; RFC 4648, sections 3.5 and 4.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tiered.codec.age.failures import header_failure
from tiered.errors import ArchiveDamaged, ConfigError

MAX_HEADER_BYTES = 1 << 16
"""A longer header is refused, by reader and writer.  The format sets no limit; this
is room for about 650 X25519 stanzas, and bounds what damaged data can cost."""

MAC_LEN = 32

_VERSION = b"age-encryption.org/v1\n"
_FAMILY = b"age-encryption.org/"
_COLUMNS = 64
_ARGUMENTS = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)")
_WORD = re.compile("[!-~]+")
_BODY_LINE = re.compile(rb"[A-Za-z0-9+/]{0,%d}" % _COLUMNS)
_END_MARK = b"\n---"


@dataclass(frozen=True, slots=True)
class Stanza:
    """One wrapping of the file key."""

    arguments: tuple[str, ...]
    """The kind (`X25519`, `scrypt` or anything else), then what it needs."""

    body: bytes

    @property
    def kind(self) -> str:
        return self.arguments[0]


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says."""

    stanzas: tuple[Stanza, ...]
    """At least one, in order."""

    unsigned: bytes
    """The bytes that the MAC is over: as read, up to and including `---`."""

    mac: bytes


def encode64(data: bytes) -> str:
    """Base64 without padding."""
    return base64.b64encode(data).rstrip(b"=").decode("ascii")


def decode64(text: str | bytes) -> bytes:
    """The inverse of `encode64`, and of nothing else.

    Raises:
        ValueError: A character is foreign, there is padding, the length is
            impossible, or unused bits are set.
    """
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    try:
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None
    if encode64(data).encode("ascii") != raw:
        raise ValueError("it is not canonical base64")
    return data


def unsigned_header(stanzas: Sequence[Stanza]) -> bytes:
    """The text up to and including `---`: what the MAC is computed over.

    Raises:
        ValueError: No stanza, or an argument that is empty or not printable ASCII.
    """
    if not stanzas:
        raise ValueError("a header needs at least one stanza")
    parts = [_VERSION]
    for stanza in stanzas:
        if not stanza.arguments or not all(map(_WORD.fullmatch, stanza.arguments)):
            raise ValueError(f"these arguments cannot be written: {stanza.arguments}")
        arguments = " ".join(("->", *stanza.arguments)).encode("ascii")
        body = encode64(stanza.body).encode("ascii")
        cuts = range(0, len(body) + 1, _COLUMNS)
        parts += [arguments, b"\n", *(body[i : i + _COLUMNS] + b"\n" for i in cuts)]
    return b"".join((*parts, b"---"))


def signed_header(unsigned: bytes, mac: bytes) -> bytes:
    """The whole header.

    Raises:
        ConfigError: It is longer than `MAX_HEADER_BYTES`.
    """
    header = unsigned + b" " + encode64(mac).encode("ascii") + b"\n"
    if len(header) > MAX_HEADER_BYTES:
        raise ConfigError(
            f"there are too many recipients: the header would be {len(header)} bytes",
            hint=f"At most {MAX_HEADER_BYTES} bytes fit; use fewer recipients.",
        )
    return header


def header_end(data: bytes) -> int | None:
    """Where the header ends, or None if more of the file is needed to tell.

    Args:
        data: The file from byte 0, to anywhere.

    Raises:
        ArchiveDamaged: Header failure: no age file begins like this.
    """
    start = data[: len(_VERSION)]
    if not _VERSION.startswith(start):
        raise _wrong_start(data)
    mark = data.find(_END_MARK, len(_VERSION) - 1, MAX_HEADER_BYTES)
    line_end = data.find(b"\n", mark + 1, MAX_HEADER_BYTES) if mark >= 0 else -1
    if line_end >= 0:
        return line_end + 1
    if len(data) >= MAX_HEADER_BYTES:
        raise header_failure(f"it has no end in the first {MAX_HEADER_BYTES} bytes")
    return None


def parse(data: bytes) -> Header:
    """Read a whole header.

    Args:
        data: The header and nothing else; see `header_end`.

    Raises:
        ArchiveDamaged: Header failure; the reason is in the message.
    """
    if not data.startswith(_VERSION):
        raise _wrong_start(data)
    if len(data) > MAX_HEADER_BYTES:
        raise header_failure(f"it is longer than {MAX_HEADER_BYTES} bytes")
    mark = data.find(_END_MARK, len(_VERSION) - 1)
    if mark < 0 or not data.endswith(b"\n"):
        raise header_failure("it is cut off")
    unsigned, ending = data[: mark + 4], data[mark + 4 : -1]
    lines = data[len(_VERSION) : mark + 1].split(b"\n")[:-1]
    stanzas, at = [], 0
    while at < len(lines):
        stanza, at = _stanza(lines, at)
        stanzas.append(stanza)
    if not stanzas:
        raise header_failure("it has no stanza")
    return Header(tuple(stanzas), unsigned, _mac(ending))


def _stanza(lines: list[bytes], at: int) -> tuple[Stanza, int]:
    """The stanza that begins in line `at`, and the line after it."""
    found = _ARGUMENTS.fullmatch(lines[at])
    if not found:
        raise header_failure("a stanza does not begin with -> and arguments")
    body = []
    for next_at in range(at + 1, len(lines)):
        line = lines[next_at]
        if not _BODY_LINE.fullmatch(line):
            raise header_failure("a stanza's body is not lines of base64")
        body.append(line)
        if len(line) < _COLUMNS:
            break
    else:
        raise header_failure("a stanza has no short last line")
    try:
        decoded = decode64(b"".join(body))
    except ValueError as e:
        raise header_failure(f"a stanza's body is malformed: {e}") from None
    return Stanza(tuple(found[1].decode("ascii").split(" ")), decoded), next_at + 1


def _mac(ending: bytes) -> bytes:
    """The MAC in what follows `---` in the last line."""
    try:
        mac = decode64(ending[1:])
    except ValueError as e:
        raise header_failure(f"the MAC is malformed: {e}") from None
    if ending[:1] != b" " or len(mac) != MAC_LEN:
        raise header_failure("the last line is not --- and a MAC of 32 bytes")
    return mac


def _wrong_start(data: bytes) -> ArchiveDamaged:
    if data.startswith(b"-----BEGIN AGE"):
        return header_failure(
            "it is armored text, tiered reads the binary form",
            hint="Convert it: age --decrypt, then age --encrypt without --armor.",
        )
    if data.startswith(_FAMILY):
        return header_failure("it is of another version than v1")
    return header_failure("it does not begin with age-encryption.org/v1")
