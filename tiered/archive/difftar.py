"""Volumes of style duplicity: which members a change becomes, and back.

    snapshot/<path>               complete new state
    diff/<path>                   librsync delta against the previous state
    deleted/<path>                the path is gone
    multivol_snapshot/<path>/<n>  piece n, from 1, of a snapshot
    multivol_diff/<path>/<n>      piece n of a delta

Source: docs/format/duplicity.md, "Volumes".  A file in pieces may go on in the
next volume; a piece may be empty; its size is the writer's choice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tiered.archive import tar
from tiered.archive.fileinfo import FileInfo, from_member
from tiered.archive.paths import PathKey, show_path, split_path
from tiered.errors import ArchiveDamaged

PIECE_BYTES = 1 << 16


class Change(Enum):
    """What a set says about a path; the value stands in front of the path."""

    SNAPSHOT = b"snapshot"
    DIFF = b"diff"
    DELETED = b"deleted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of one set.  The body is valid until the next entry is asked for."""

    change: Change
    info: FileInfo
    """Of a deleted path only the name counts."""
    body: tar.Readable
    first_piece: int
    """1, unless the entry began in a volume that is not being read."""


def member_prefix(change: Change, *, in_pieces: bool = False) -> bytes:
    """What stands before the path."""
    return (b"multivol_" if in_pieces else b"") + change.value + b"/"


def read_entries(members: Iterator[tuple[tar.Member, tar.Body]]) -> Iterator[Entry]:
    """Entries from the members of all volumes of a set, in one stream.

    Raises:
        ArchiveDamaged: A member is of no known kind, a piece is missing in the
            middle, or an entry is out of order.
    """
    cursor = _Cursor(members)
    last: PathKey | None = None
    while cursor.current is not None:
        member, body = cursor.current
        change, path, piece = _take_apart(member.name)
        if last is not None and path <= last:
            raise ArchiveDamaged(
                f"the archive has {show_path(path)} after {show_path(last)}"
            )
        last = path
        if member.type not in tar.KNOWN_TYPES:
            raise ArchiveDamaged(
                f"{show_path(path)} is a tar member of type {member.type!r}"
            )
        info = from_member(member, path)
        if piece is None:
            yield Entry(change, info, body, 1)
            cursor.advance()
        else:
            pieces = _Pieces(cursor, (change, path), piece)
            yield Entry(change, info, pieces, piece)
            pieces.skip()


class _Cursor:
    def __init__(self, members: Iterator[tuple[tar.Member, tar.Body]]) -> None:
        self._members = members
        self.current = next(members, None)

    def advance(self) -> None:
        self.current = next(self._members, None)


class _Pieces:
    """The pieces of one file, joined; leaves the cursor behind the last."""

    def __init__(self, cursor: _Cursor, of: tuple[Change, PathKey], first: int) -> None:
        self._cursor, self._of, self._piece = cursor, of, first
        self._ended = False

    def read(self, size: int, /) -> bytes:
        while not self._ended and self._cursor.current is not None:
            data = self._cursor.current[1].read(size)
            if data or not size:
                return data
            self._next_piece()
        return b""

    def skip(self) -> None:
        while self.read(1 << 16):
            pass

    def _next_piece(self) -> None:
        self._cursor.advance()
        if self._cursor.current is None:
            self._ended = True
            return
        change, path, piece = _take_apart(self._cursor.current[0].name)
        if piece is None or (change, path) != self._of:
            self._ended = True
        elif piece != self._piece + 1:
            raise ArchiveDamaged(
                f"{show_path(path)} has piece {piece} after piece {self._piece}",
                hint="A volume of the set is missing or was not read.",
            )
        else:
            self._piece = piece


def _take_apart(name: bytes) -> tuple[Change, PathKey, int | None]:
    kind, slash, rest = name.partition(b"/")
    in_pieces = kind.startswith(b"multivol_")
    try:
        change = Change(kind.removeprefix(b"multivol_"))
    except ValueError:
        slash = b""
        change = Change.DELETED
    if not slash:
        raise ArchiveDamaged(f"a volume holds a member named {name[:80]!r}")
    if not in_pieces:
        return change, split_path(rest), None
    path, _, number = rest.rpartition(b"/")
    if not number.isdigit():
        raise ArchiveDamaged(f"a volume holds a member named {name[:80]!r}")
    return change, split_path(path), int(number)
