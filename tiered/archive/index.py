"""The index of a set: every path with its attributes, its hash and its extents.

    magic  block*  footer  tail

A block holds up to `BLOCK_ROWS` paths as columns; a column compresses several
times better than rows, and a block is read alone.  The footer holds what
columns refer to (owners, volumes) and where each block begins; it stands at
the end, so that an index is written in one pass, and the tail tells its size.

Blocks and footer are zstd frames of msgpack  [docs/format/native.md, "Index"].
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import msgspec

from tiered.archive.extents import Extent
from tiered.archive.fileinfo import FileType
from tiered.archive.paths import PathKey, join_path, split_path
from tiered.errors import ArchiveDamaged

BLOCK_ROWS = 4096
HASH_BYTES = 32
MAGIC = b"tiered index 1\n"

_TAIL = struct.Struct("<II")
_TAIL_MAGIC = 0x58444954
_DELETED = b"-"

_TYPES: dict[int, FileType | None] = {t.value[0]: t for t in FileType}
_TYPES[_DELETED[0]] = None
T = TypeVar("T")

Pack = Callable[[bytes], bytes]
"""Content -> one compressed frame."""
Unpack = Callable[[bytes, int], bytes]
"""Frame and the size of its content -> content."""


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """Who a file belongs to, by number and by name."""

    uid: int = 0
    gid: int = 0
    uname: bytes = b""
    gname: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One path of a set."""

    path: PathKey
    type: FileType | None
    """None: the path is gone since the parent set; nothing else counts then."""
    mode: int = 0
    owner: Owner = Owner()
    mtime_ns: int = 0
    size: int = 0
    hash: bytes = b""
    """BLAKE3 of a regular file's content, 32 bytes; empty otherwise."""
    link: bytes = b""
    """Target of a symbolic link."""
    device: tuple[int, int] = (0, 0)
    extents: tuple[Extent, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """A volume that extents point into: of which set, and which number."""

    set_end_s: int
    number: int


class _Columns(msgspec.Struct, array_like=True):
    """One block.  Lists are as long as the block unless said otherwise."""

    paths: list[bytes]
    types: bytes
    modes: list[int]
    owners: list[int]
    mtimes_ns: list[int]
    sizes: list[int]
    hashes: bytes
    """32 bytes for each regular file."""
    links: list[bytes]
    """For each symbolic link."""
    devices: list[tuple[int, int]]
    """For each device."""
    extent_counts: list[int]
    """For each regular file."""
    extent_volumes: list[int]
    extent_gaps: list[int]
    """Offset minus the end of the extent before it in the block."""
    extent_lengths: list[int]


class _BlockRow(msgspec.Struct, array_like=True):
    first_path: bytes
    offset: int
    stored: int
    content: int
    rows: int


class _Footer(msgspec.Struct, array_like=True):
    owners: list[tuple[int, int, bytes, bytes]]
    volumes: list[tuple[int, int]]
    blocks: list[_BlockRow]


@dataclass(slots=True)
class IndexWriter:
    """Writes an index in one pass; rows come in archive order.

    Args:
        write: Takes the bytes of the object, in order.
        pack: Compresses one block.

    Cost: Memory of one block and of the footer.
    """

    write: Callable[[bytes], None]
    pack: Pack
    _rows: list[IndexRow] = field(default_factory=list)
    _owners: dict[Owner, int] = field(default_factory=dict)
    _volumes: dict[VolumeRow, int] = field(default_factory=dict)
    _blocks: list[_BlockRow] = field(default_factory=list)
    _position: int = 0

    def volume(self, row: VolumeRow) -> int:
        """The number by which extents of this index refer to a volume."""
        return self._volumes.setdefault(row, len(self._volumes))

    def add(self, row: IndexRow) -> None:
        if not self._position:
            self._put(MAGIC)
        self._rows.append(row)
        if len(self._rows) == BLOCK_ROWS:
            self._end_block()

    def finish(self) -> None:
        if not self._position:
            self._put(MAGIC)
        self._end_block()
        owners = [(o.uid, o.gid, o.uname, o.gname) for o in self._owners]
        volumes = [(v.set_end_s, v.number) for v in self._volumes]
        content = msgspec.msgpack.encode(_Footer(owners, volumes, self._blocks))
        frame = self.pack(content)
        self._put(_TAIL.pack(len(content), len(frame)) + frame)
        self._put(_TAIL.pack(len(frame), _TAIL_MAGIC))

    def _end_block(self) -> None:
        if not self._rows:
            return
        content = msgspec.msgpack.encode(self._columns(self._rows))
        frame = self.pack(content)
        first = join_path(self._rows[0].path)
        self._blocks.append(
            _BlockRow(first, self._position, len(frame), len(content), len(self._rows))
        )
        self._put(frame)
        self._rows.clear()

    def _put(self, data: bytes) -> None:
        self.write(data)
        self._position += len(data)

    def _columns(self, rows: Sequence[IndexRow]) -> _Columns:
        regular = [r for r in rows if r.type is FileType.REGULAR]
        extents = [e for r in regular for e in r.extents]
        ends = [0, *(e.end for e in extents)]
        return _Columns(
            paths=[join_path(r.path) for r in rows],
            types=b"".join(r.type.value if r.type else _DELETED for r in rows),
            modes=[r.mode for r in rows],
            owners=[self._owners.setdefault(r.owner, len(self._owners)) for r in rows],
            mtimes_ns=[r.mtime_ns for r in rows],
            sizes=[r.size for r in rows],
            hashes=b"".join(r.hash for r in regular),
            links=[r.link for r in rows if r.type is FileType.SYMLINK],
            devices=[r.device for r in rows if _is_device(r.type)],
            extent_counts=[len(r.extents) for r in regular],
            extent_volumes=[e.volume for e in extents],
            extent_gaps=[e.offset - end for e, end in zip(extents, ends, strict=False)],
            extent_lengths=[e.length for e in extents],
        )


class IndexReader:
    """Reads an index, whole or by path.

    Args:
        read: (position, size) -> exactly these bytes of the object.
        size: Bytes of the object.
        unpack: Decompresses one block.

    Raises:
        ArchiveDamaged: It is not an index, or its footer does not parse.

    Cost: Two reads; then one for each block that is asked for.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], size: int, unpack: Unpack
    ) -> None:
        self._read, self._unpack = read, unpack
        if size < len(MAGIC) + 2 * _TAIL.size or read(0, len(MAGIC)) != MAGIC:
            raise ArchiveDamaged("this is not an index of version 1")
        footer = self._read_footer(size)
        self._owners = [Owner(*o) for o in footer.owners]
        self.volumes = tuple(VolumeRow(*v) for v in footer.volumes)
        self._blocks = footer.blocks
        self._firsts = [split_path(b.first_path) for b in footer.blocks]

    @property
    def rows(self) -> int:
        return sum(b.rows for b in self._blocks)

    def __iter__(self) -> Iterator[IndexRow]:
        """All rows, in archive order; one block is in memory at a time."""
        for block in self._blocks:
            yield from self._block_rows(block)

    def below(self, path: PathKey) -> Iterator[IndexRow]:
        """The row of `path` and of everything below it; reads only their blocks."""
        first = max(0, bisect_right(self._firsts, path) - 1)
        for block, start in zip(
            self._blocks[first:], self._firsts[first:], strict=True
        ):
            if start[: len(path)] > path:
                return
            for row in self._block_rows(block):
                if row.path[: len(path)] == path:
                    yield row

    def _read_footer(self, size: int) -> _Footer:
        stored, magic = _TAIL.unpack(self._read(size - _TAIL.size, _TAIL.size))
        start = size - 2 * _TAIL.size - stored
        if magic != _TAIL_MAGIC or start < len(MAGIC):
            raise ArchiveDamaged("the end of an index is missing")
        data = self._read(start, _TAIL.size + stored)
        content, again = _TAIL.unpack(data[: _TAIL.size])
        if again != stored:
            raise ArchiveDamaged("the end of an index is damaged")
        return _decode(self._unpack(data[_TAIL.size :], content), _Footer)

    def _block_rows(self, block: _BlockRow) -> Iterator[IndexRow]:
        frame = self._read(block.offset, block.stored)
        columns = _decode(self._unpack(frame, block.content), _Columns)
        try:
            yield from _rows(columns, self._owners, len(self.volumes))
        except (IndexError, KeyError, ValueError, RuntimeError) as e:
            raise ArchiveDamaged("the columns of an index do not fit together") from e


def _rows(
    columns: _Columns, owners: Sequence[Owner], volumes: int
) -> Iterator[IndexRow]:
    """Rows of one block; a column that is too short or too long is an error."""
    regular = columns.types.count(FileType.REGULAR.value)
    if len(columns.hashes) != regular * HASH_BYTES:
        raise ValueError("hashes")
    extents = _extents(columns, volumes)
    counts, links = iter(columns.extent_counts), iter(columns.links)
    devices = iter(columns.devices)
    hash_at = 0
    fixed = zip(
        columns.paths,
        columns.modes,
        columns.owners,
        columns.mtimes_ns,
        columns.sizes,
        strict=True,
    )
    for at, (path, mode, owner, mtime_ns, size) in enumerate(fixed):
        kind = _TYPES[columns.types[at]]
        content = b""
        where: tuple[Extent, ...] = ()
        if kind is FileType.REGULAR:
            content = columns.hashes[hash_at : hash_at + HASH_BYTES]
            hash_at += HASH_BYTES
            where = tuple(islice(extents, next(counts)))
            if sum(e.length for e in where) != size:
                raise ValueError("extents")
        yield IndexRow(
            path=split_path(path),
            type=kind,
            mode=mode,
            owner=owners[owner],
            mtime_ns=mtime_ns,
            size=size,
            hash=content,
            link=next(links) if kind is FileType.SYMLINK else b"",
            device=next(devices) if _is_device(kind) else (0, 0),
            extents=where,
        )


def _extents(columns: _Columns, volumes: int) -> Iterator[Extent]:
    end = 0
    for volume, gap, length in zip(
        columns.extent_volumes,
        columns.extent_gaps,
        columns.extent_lengths,
        strict=True,
    ):
        extent = Extent(volume, end + gap, length)
        if not 0 <= volume < volumes or extent.offset < 0 or length < 1:
            raise ValueError("extents")
        yield extent
        end = extent.end


def _decode(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError as e:
        raise ArchiveDamaged(f"an index does not parse: {e}") from None


def _is_device(kind: FileType | None) -> bool:
    return kind in (FileType.CHARDEV, FileType.BLOCKDEV)
