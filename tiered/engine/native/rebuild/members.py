"""The members of a set, one after the other, turned into rows and sums.

What is stored whole is hashed as it passes.  What is stored as a delta is only
resolved to extents: its bytes lie in many volumes, and are read when all volumes
of the set have been seen, so that what must be thawed is asked for at once.
"""

from dataclasses import dataclass, field

from blake3 import blake3

from tiered.archive.columns import HASH_BYTES, IndexRow
from tiered.archive.extents import Extent, ExtentList, Slicer
from tiered.archive.fileinfo import FileType
from tiered.archive.header import Attributes
from tiered.archive.index import VolumeRow
from tiered.archive.member_stream import Member
from tiered.archive.members import Role
from tiered.archive.object_name import SetId
from tiered.archive.paths import PathKey, join_path, show_path
from tiered.engine.native.known import LARGE_BYTES
from tiered.engine.native.rebuild.draft import Before, Draft
from tiered.engine.native.signatures import SignatureWriter
from tiered.errors import ArchiveDamaged
from tiered.rsync.commands import Command, CommandReader, Copy
from tiered.rsync.sums import Sums, SumsJoiner, native_block_len, piece_sums

UNKNOWN = bytes(HASH_BYTES)
"""Stands for the hash of a content that has not been put together yet."""
MOST_EXTENTS = 1 << 18
"""Of what a delta makes: a writer stores the file whole before."""
MOST_COMMANDS = 1 << 22
"""Of a delta; neighbours become one extent."""
_PIECE_BYTES = 1 << 20
_READ_BYTES = 1 << 20


class ContentSums:
    """BLAKE3, size and sums of a content that comes in any parts.

    Args:
        block_len: Of the signature, as it will be if the content is not too long.
    """

    def __init__(self, block_len: int) -> None:
        self._hash, self._block_len = blake3(), block_len
        self._waiting = bytearray()
        self._joiner = SumsJoiner(block_len)
        self._fits = True
        self.size = 0

    def update(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        self.size += len(data)
        if self._fits and native_block_len(self.size) > self._block_len:
            self._fits = False
            self._joiner = SumsJoiner(self._block_len)
            self._waiting.clear()
        if self._fits:
            self._waiting += data
            while len(self._waiting) >= _PIECE_BYTES:
                self._end_piece(_PIECE_BYTES)

    def digest(self) -> bytes:
        """BLAKE3 of what has come, 32 bytes."""
        return self._hash.digest()

    @property
    def fits(self) -> bool:
        """Is the block length the right one for what has come?"""
        return self._fits

    def sums(self) -> Sums:
        """After the last part."""
        if self._waiting:
            self._end_piece(len(self._waiting))
        return self._joiner.done()

    def _end_piece(self, size: int) -> None:
        piece = bytes(memoryview(self._waiting)[:size])
        del self._waiting[:size]
        self._joiner.add(piece_sums(piece, self._block_len))


@dataclass(slots=True)
class _Content:
    """A file or a delta that is being read, perhaps in pieces."""

    role: Role
    path: PathKey
    attributes: Attributes
    places: ExtentList = field(default_factory=ExtentList)
    sums: ContentSums = field(default_factory=lambda: ContentSums(native_block_len(0)))
    """Of a file that is stored whole."""
    reader: CommandReader = field(default_factory=CommandReader)
    commands: list[Command] = field(default_factory=list)
    """Of a delta."""

    def feed(self, data: bytes) -> None:
        if self.role is Role.SNAPSHOT:
            self.sums.update(data)
        else:
            self.commands += self.reader.feed(data)
            if len(self.commands) > MOST_COMMANDS:
                raise ArchiveDamaged(f"the delta of {show_path(self.path)} is too long")


@dataclass(slots=True)
class SetRows:
    """Makes rows of the members of one set, in their order.

    Args:
        set_id: Of the set.
        before: State that it builds on; None for a full set.
        draft: Gets the rows; the hash of what is not put together yet is `UNKNOWN`.
        sums: Gets the sums of what is stored whole.

    Raises (every method):
        ArchiveDamaged: A member refers to what is not there.
        ScratchError: The scratch folder cannot be used.
    """

    set_id: SetId
    before: Before | None
    draft: Draft
    sums: SignatureWriter
    new: int = 0
    changed: int = 0
    deleted: int = 0
    unknown: set[bytes] = field(default_factory=set)
    """Paths whose content is new in this set, and not known yet."""
    _open: _Content | None = None

    def take(self, member: Member, volume: int) -> None:
        """Add the next member, which lies in this volume of the set."""
        if self._open and member.path != self._open.path:
            self._end_content()
        if member.role is Role.DELETED:
            self.draft.add(IndexRow(path=member.path, type=None))
            self.deleted += 1
        elif member.role is Role.COPY:
            self._copy(member)
        elif member.role is Role.SAME:
            self._same(member)
        elif member.attributes.type is not FileType.REGULAR:
            self._add(_row(member.path, member.attributes))
        else:
            self._content(member, volume)

    def finish(self) -> None:
        """After the last member."""
        if self._open:
            self._end_content()

    def _content(self, member: Member, volume: int) -> None:
        if self._open is None:
            self._open = _Content(member.role, member.path, member.attributes)
        content = self._open
        number = self.draft.volume(VolumeRow(self.set_id.end_s, volume))
        content.places.add(Extent(number, member.offset, member.size))
        left = member.size
        while left and (data := member.body.read(min(left, _READ_BYTES))):
            left -= len(data)
            content.feed(data)

    def _end_content(self) -> None:
        content, self._open = self._open, None
        if content is None:
            return
        if content.role is Role.DIFF:
            self._delta(content)
            return
        sums, extents = content.sums, content.places.done()
        row = _row(content.path, content.attributes, sums.size, sums.digest(), extents)
        if sums.fits:
            self._add(row)
            if sums.size >= LARGE_BYTES:
                self.sums.add(join_path(content.path), row.hash, sums.sums())
        else:
            self._add_unknown(content, extents)

    def _delta(self, content: _Content) -> None:
        content.reader.finish()
        old = self._old(content.path, content.path)
        before, body = Slicer(old.extents), Slicer(content.places.done())
        new = ExtentList()
        for command in content.commands:
            source = before if isinstance(command, Copy) else body
            new.extend(source.cut(command.offset, command.length))
            if len(new) > MOST_EXTENTS:
                raise ArchiveDamaged(f"{show_path(content.path)} has too many extents")
        self._add_unknown(content, new.done())

    def _add_unknown(self, content: _Content, extents: tuple[Extent, ...]) -> None:
        size = sum(e.length for e in extents)
        self._add(_row(content.path, content.attributes, size, UNKNOWN, extents))
        self.unknown.add(join_path(content.path))

    def _copy(self, member: Member) -> None:
        old = self._old(member.path, member.other or ())
        self._add(_row(member.path, member.attributes, old.size, old.hash, old.extents))

    def _same(self, member: Member) -> None:
        found = self.draft.find(member.other or ())
        if found is None or found.type is not FileType.REGULAR:
            raise _not_there(member.path, member.other or (), "earlier in the set")
        self._add(
            _row(member.path, member.attributes, found.size, found.hash, found.extents)
        )

    def _old(self, path: PathKey, other: PathKey) -> IndexRow:
        """A file of the state before, with extents for the draft."""
        found = self.before.find(other) if self.before else None
        if self.before is None or found is None or found.type is not FileType.REGULAR:
            raise _not_there(path, other, "in the set before")
        extents = self.draft.renumbered(found.extents, self.before)
        return IndexRow(
            path=other,
            type=found.type,
            size=found.size,
            hash=found.hash,
            extents=extents,
        )

    def _add(self, row: IndexRow) -> None:
        old = self.before.find(row.path) if self.before else None
        if old is not None and old.type is row.type:
            self.changed += 1
        else:
            self.new += 1
        self.draft.add(row)


def _row(
    path: PathKey,
    attributes: Attributes,
    size: int = 0,
    content: bytes = b"",
    extents: tuple[Extent, ...] = (),
) -> IndexRow:
    return IndexRow(
        path=path,
        type=attributes.type,
        mode=attributes.mode,
        owner=attributes.owner,
        mtime_ns=attributes.mtime_ns,
        size=size,
        hash=content,
        link=attributes.link,
        device=attributes.device,
        xattrs=attributes.xattrs,
        sparse=attributes.sparse,
        extents=extents,
    )


def _not_there(path: PathKey, other: PathKey, where: str) -> ArchiveDamaged:
    return ArchiveDamaged(
        f"the content of {show_path(path)} should be that of {show_path(other)}, "
        f"which is no file {where}"
    )
