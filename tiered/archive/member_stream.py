"""Reading the volumes and signatures of a set of style tiered, front to end.

Refused: a header, path or order that the format does not allow, a piece that is
missing, a volume of another set  [docs/format/native.md, "Volumes"].  Whether
what `copy` names is there only someone who knows the parent's state can tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec

from tiered.archive import tar
from tiered.archive.fileinfo import FileType
from tiered.archive.header import Attributes, Header, parse_header, records_bytes
from tiered.archive.json_text import from_text, parse_json, parse_versioned
from tiered.archive.members import END_JSON, SET_JSON, Role, SetDescription
from tiered.archive.native_names import parse_set_text
from tiered.archive.object_name import SetId
from tiered.archive.paths import PathKey, show_path
from tiered.archive.pax import parse_records
from tiered.errors import ArchiveDamaged

MAX_TEXT_BYTES = 1 << 20
"""Longest path or document that is believed."""

_ROLES = {role.value: role for role in Role}
_IN_VOLUMES = {Role.SNAPSHOT, Role.DIFF, Role.COPY, Role.SAME, Role.DELETED}
_IN_PIECES = {Role.SNAPSHOT, Role.DIFF}
_SUMS = (Role.SIGNATURE, Role.BLOCKS)
_ZEROS = bytes(tar.BLOCK_BYTES)

_Count = Annotated[int, msgspec.Meta(ge=1, le=(1 << 62) - 1)]


@dataclass(frozen=True, slots=True)
class Member:
    """One member.  The body is valid until the next one is asked for."""

    role: Role
    path: PathKey
    piece: int | None
    """Number of a piece, from 1; None of a file or delta that is whole."""
    attributes: Attributes
    """`link` of a hard link is a path, as text."""
    other: PathKey | None
    """Which path's content it has, of a copy and of the same."""
    size: int
    offset: int
    """Where the body begins in the content of the volume."""
    body: tar.Readable


class SetReader:
    """Reads the volumes of one set, in their order.

    Args:
        set_id: Which set they are of.
    """

    def __init__(self, set_id: SetId) -> None:
        self._set_id = set_id
        self.description: SetDescription | None = None
        """Of the volume that was begun last."""
        self._order = _Order()
        self._ended = False

    def volume(self, stream: tar.Readable) -> Iterator[Member]:
        """The members of the next volume; reads its description at once.

        Args:
            stream: The content, decrypted and decompressed.

        Raises:
            ArchiveDamaged: There or in the iterator: it is no volume, not the
                next one, or breaks a rule.
            ConfigError: It is of another version.
        """
        members = _headers(_Counted(stream))
        header, body, _ = next(members, (None, None, 0))
        if header is None or body is None or header.name != SET_JSON:
            raise ArchiveDamaged("a volume does not begin with set.json")
        description = parse_description(_text(header, body))
        self._check_next(description)
        self.description = description
        return self._members(members, description)

    def finish(self) -> None:
        """To be called when all volumes are read.

        Raises:
            ArchiveDamaged: More volumes must follow.
        """
        if not self._ended:
            raise ArchiveDamaged(
                f"the last volume of the set {self._set_id} is missing"
            )

    def _check_next(self, found: SetDescription) -> None:
        if self._ended:
            raise ArchiveDamaged(f"the set {self._set_id} has a volume behind its last")
        if found.set_id != self._set_id:
            raise ArchiveDamaged(f"a volume is of {found.set_id}, not {self._set_id}")
        number = self.description.volume + 1 if self.description else 1
        if found.volume != number:
            raise ArchiveDamaged(f"volume {found.volume} stands for volume {number}")
        if self.description and found != replace(self.description, volume=number):
            raise ArchiveDamaged(f"volume {number} is not like the one before")

    def _members(
        self,
        members: Iterator[tuple[Header, tar.Body, int]],
        description: SetDescription,
    ) -> Iterator[Member]:
        for header, body, offset in members:
            if self._ended:
                raise ArchiveDamaged("a volume has a member behind end.json")
            if header.name == END_JSON:
                self._end(_text(header, body), description.volume)
                continue
            member = _member(header, body, offset)
            if member.role not in _IN_VOLUMES:
                raise _unknown(header.name)
            self._order.check(member, description.piece_bytes)
            yield member

    def _end(self, data: bytes, volume: int) -> None:
        self._order.check_end()
        count = parse_json(data, _End, "end.json").volumes
        if count != volume:
            raise ArchiveDamaged(f"volume {volume} says that it is the last of {count}")
        self._ended = True


def read_sums(stream: tar.Readable) -> Iterator[Member]:
    """The members of the signatures of a set.

    Raises:
        ArchiveDamaged: It is no such tar, or members are out of order.
    """
    last: tuple[PathKey, int] | None = None
    for header, body, offset in _headers(_Counted(stream)):
        member = _member(header, body, offset)
        if member.role not in _SUMS:
            raise _unknown(header.name)
        place = member.path, _SUMS.index(member.role)
        if last is not None and place <= last:
            raise _disorder(member.path, last[0])
        last = place
        yield member


def parse_description(data: bytes) -> SetDescription:
    """Read `set.json`.

    Raises:
        ArchiveDamaged: It is not that.
        ConfigError: It is of another version.
    """
    found = parse_versioned(data, _Set, "set.json")
    set_id = parse_set_text(found.set)
    if set_id is None:
        raise ArchiveDamaged("set.json names no set")
    return SetDescription(
        set_id=set_id,
        volume=found.volume,
        piece_bytes=found.piece_bytes,
        host=from_text(found.host),
        source=from_text(found.source),
    )


class _Set(msgspec.Struct):
    set: str
    volume: _Count
    piece_bytes: _Count
    host: str
    source: str


class _End(msgspec.Struct):
    volumes: _Count


class _Order:
    """Paths ascend, and pieces of one follow each other, over all volumes."""

    def __init__(self) -> None:
        self._last: PathKey | None = None
        self._due: tuple[Role, PathKey, int | None] | None = None

    def check(self, member: Member, piece_bytes: int) -> None:
        path, piece = member.path, member.piece
        if self._due is not None and self._due != (member.role, path, piece):
            self.check_end()
        if self._due is None:
            if self._last is not None and path <= self._last:
                raise _disorder(path, self._last)
            if piece not in (None, 1):
                raise ArchiveDamaged(f"piece 1 of {show_path(path)} is missing")
        self._last = path
        limit = piece_bytes + (piece is not None)
        if member.role in _IN_PIECES and member.size >= limit:
            raise ArchiveDamaged(
                f"{show_path(path)} has {member.size} bytes in a piece"
            )
        self._due = None
        if piece is not None and member.size == piece_bytes:
            self._due = member.role, path, piece + 1

    def check_end(self) -> None:
        if self._due is not None:
            _, path, piece = self._due
            raise ArchiveDamaged(f"piece {piece} of {show_path(path)} is missing")


class _Counted:
    """A stream that knows its position."""

    def __init__(self, stream: tar.Readable) -> None:
        self._stream = stream
        self.position = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.position += len(data)
        return data


def _headers(source: _Counted) -> Iterator[tuple[Header, tar.Body, int]]:
    while (block := tar.read_exactly(source, tar.BLOCK_BYTES)) != _ZEROS:
        records: dict[bytes, bytes] = {}
        size = records_bytes(block)
        if size is not None:
            extended = tar.Body(source, size)
            records = parse_records(extended.read())
            extended.skip()
            block = tar.read_exactly(source, tar.BLOCK_BYTES)
        header = parse_header(block, records)
        body = tar.Body(source, header.size)
        yield header, body, source.position
        body.skip()
    if tar.read_exactly(source, tar.BLOCK_BYTES) != _ZEROS:
        raise ArchiveDamaged("a tar archive ends in the middle")
    while data := source.read(1 << 16):
        if data.strip(b"\0"):
            raise ArchiveDamaged("a tar archive has something behind its end")


def _member(header: Header, body: tar.Body, offset: int) -> Member:
    attributes = header.attributes
    role, text, piece = _take_apart(header.name)
    if attributes.type is FileType.DIRECTORY:
        text = text.removesuffix(b"/") if text.endswith(b"/") else b""
    path = _parse_path(text)
    is_file = attributes.type is FileType.REGULAR
    if not is_file and (role is not Role.SNAPSHOT or piece is not None):
        raise _unknown(header.name)
    if header.size and (role is Role.DELETED or not is_file):
        raise ArchiveDamaged(f"{show_path(path)} has a body")
    other: PathKey | None = None
    if role in (Role.COPY, Role.SAME):
        other = _parse_path(_text(header, body))
    if attributes.type is FileType.HARDLINK:
        attributes = _with_path(attributes, path)
    if role is Role.SAME and other is not None and other >= path:
        raise _disorder(path, other)
    return Member(role, path, piece, attributes, other, header.size, offset, body)


def _with_path(attributes: Attributes, path: PathKey) -> Attributes:
    """A hard link's name becomes a path."""
    role, text, piece = _take_apart(attributes.link)
    if role is not Role.SNAPSHOT or piece is not None:
        raise _unknown(attributes.link)
    if (other := _parse_path(text)) >= path:
        raise _disorder(path, other)
    return replace(attributes, link=text)


def _take_apart(name: bytes) -> tuple[Role, bytes, int | None]:
    kind, _, text = name.partition(b"/")
    role = _ROLES.get(kind.removeprefix(b"multivol_"))
    if role is None or not text:
        raise _unknown(name)
    if not kind.startswith(b"multivol_"):
        return role, text, None
    text, _, number = text.rpartition(b"/")
    is_number = number.isdigit() and len(number) < 10 and not number.startswith(b"0")
    if role not in _IN_PIECES or not is_number:
        raise _unknown(name)
    return role, text, int(number)


def _parse_path(text: bytes) -> PathKey:
    if text == b".":
        return ()
    parts = tuple(text.split(b"/"))
    if b"\0" in text or any(p in (b"", b".", b"..") for p in parts):
        raise ArchiveDamaged(f"the archive holds the path {show_path((text[:200],))}")
    return parts


def _text(header: Header, body: tar.Body) -> bytes:
    if header.size > MAX_TEXT_BYTES:
        raise ArchiveDamaged(f"a text in a volume has {header.size} bytes")
    return body.read()


def _unknown(name: bytes) -> ArchiveDamaged:
    return ArchiveDamaged(f"a volume holds a member named {name[:80]!r}")


def _disorder(path: PathKey, last: PathKey) -> ArchiveDamaged:
    return ArchiveDamaged(f"the archive has {show_path(path)} after {show_path(last)}")
