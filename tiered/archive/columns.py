"""Many paths as columns: what a block of an index holds, and what a scan gives.

A column is compared, copied and compressed as a whole, in C; a row is made only
where somebody looks at that path  [docs/format/native.md, "Index"].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from tiered.archive.extents import Extent
from tiered.archive.fileinfo import FileType
from tiered.archive.paths import PathKey, join_path, split_path

HASH_BYTES = 32
SPARSE = 1
"""Bit of `flags`: the file had holes."""

REGULAR = FileType.REGULAR.value[0]
GONE = b"-"[0]
WITH_LINK = (FileType.HARDLINK.value[0], FileType.SYMLINK.value[0])
DEVICES = (FileType.CHARDEV.value[0], FileType.BLOCKDEV.value[0])
TYPES: dict[int, FileType | None] = {t.value[0]: t for t in FileType}
TYPES[GONE] = None

FIRST_TIME_NS, LAST_TIME_NS = -(1 << 63), (1 << 63) - 1
"""From 1677 to 2262: a file of another time gets the nearest of these."""
LAST_ID = (1 << 32) - 2
"""The largest number of a user or a group."""

Xattrs = tuple[tuple[bytes, bytes], ...]


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
    ctime_ns: int = 0
    """0 if unknown."""
    size: int = 0
    hash: bytes = b""
    """BLAKE3 of a regular file's content, 32 bytes; empty otherwise."""
    link: bytes = b""
    """Target of a symbolic link; the other path of a hard link."""
    device: tuple[int, int] = (0, 0)
    xattrs: Xattrs = ()
    sparse: bool = False
    extents: tuple[Extent, ...] = ()


@dataclass(slots=True)
class Columns:
    """Paths in archive order.  Lists are as long as the block unless said."""

    paths: list[bytes] = field(default_factory=list)
    types: bytearray = field(default_factory=bytearray)
    modes: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """Rows of a table that the block does not hold."""
    mtimes_ns: list[int] = field(default_factory=list)
    ctimes_ns: list[int] = field(default_factory=list)
    """0 if unknown."""
    sizes: list[int] = field(default_factory=list)
    flags: bytearray = field(default_factory=bytearray)
    hashes: bytearray = field(default_factory=bytearray)
    """32 bytes for each regular file."""
    links: list[bytes] = field(default_factory=list)
    """For each symbolic and each hard link."""
    devices: list[tuple[int, int]] = field(default_factory=list)
    """For each device."""
    xattrs: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    """By row; only rows that have some."""
    extent_counts: list[int] = field(default_factory=list)
    """For each regular file."""
    extent_volumes: list[int] = field(default_factory=list)
    """For each extent: a row of a table that the block does not hold."""
    extent_offsets: list[int] = field(default_factory=list)
    extent_lengths: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths)

    def add(self, row: IndexRow, owner: int) -> None:
        """Append a row; `owner` is its owner's row in the table."""
        if row.xattrs:
            self.xattrs[len(self.paths)] = dict(row.xattrs)
        self.paths.append(join_path(row.path))
        self.types += row.type.value if row.type else b"-"
        self.modes.append(row.mode)
        self.owners.append(owner)
        self.mtimes_ns.append(row.mtime_ns)
        self.ctimes_ns.append(row.ctime_ns)
        self.sizes.append(row.size)
        self.flags.append(SPARSE if row.sparse else 0)
        if row.type is FileType.REGULAR:
            self.hashes += row.hash
            self.extent_counts.append(len(row.extents))
            for extent in row.extents:
                self.extent_volumes.append(extent.volume)
                self.extent_offsets.append(extent.offset)
                self.extent_lengths.append(extent.length)
        elif row.type in (FileType.SYMLINK, FileType.HARDLINK):
            self.links.append(row.link)
        elif row.type in (FileType.CHARDEV, FileType.BLOCKDEV):
            self.devices.append(row.device)

    def extend(self, other: "Columns", start: int, stop: int, to: "Renumber") -> None:
        """Append rows `start` to `stop` of another block."""
        here = len(self.paths)
        self.paths += other.paths[start:stop]
        self.types += other.types[start:stop]
        self.modes += other.modes[start:stop]
        self.owners += to.owner_rows(other.owners[start:stop])
        self.mtimes_ns += other.mtimes_ns[start:stop]
        self.ctimes_ns += other.ctimes_ns[start:stop]
        self.sizes += other.sizes[start:stop]
        self.flags += other.flags[start:stop]
        for row, found in other.xattrs.items():
            if start <= row < stop:
                self.xattrs[here + row - start] = found
        before, among = other.types[:start], other.types[start:stop]
        first, count = before.count(REGULAR), among.count(REGULAR)
        self.hashes += other.hashes[first * HASH_BYTES : (first + count) * HASH_BYTES]
        counts = other.extent_counts[first : first + count]
        self.extent_counts += counts
        first = sum(other.extent_counts[:first])
        last = first + sum(counts)
        self.extent_volumes += to.volume_rows(other.extent_volumes[first:last])
        self.extent_offsets += other.extent_offsets[first:last]
        self.extent_lengths += other.extent_lengths[first:last]
        first, count = count_types(before, WITH_LINK), count_types(among, WITH_LINK)
        self.links += other.links[first : first + count]
        first, count = count_types(before, DEVICES), count_types(among, DEVICES)
        self.devices += other.devices[first : first + count]

    def rows(self, owners: Sequence[Owner]) -> Iterator[IndexRow]:
        """Every row, in order."""
        at = Places(self)
        return (at.row(i, owners) for i in range(len(self.paths)))


@dataclass(frozen=True, slots=True)
class Renumber:
    """Rows of one file's tables -> rows of another's; None where they agree."""

    owners: Sequence[int] | None = None
    volumes: Sequence[int] | None = None

    def owner_rows(self, rows: list[int]) -> list[int]:
        return rows if self.owners is None else [self.owners[r] for r in rows]

    def volume_rows(self, rows: list[int]) -> list[int]:
        return rows if self.volumes is None else [self.volumes[r] for r in rows]


class Places:
    """Where in the columns of a block each row has what not every row has.

    Nothing is counted before the first row asks: most blocks of a tree that did not
    change are never asked.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    @cached_property
    def _regular(self) -> list[int]:
        return [0, *accumulate(k == REGULAR for k in self._columns.types)]

    @cached_property
    def _links(self) -> list[int]:
        return [0, *accumulate(k in WITH_LINK for k in self._columns.types)]

    @cached_property
    def _devices(self) -> list[int]:
        return [0, *accumulate(k in DEVICES for k in self._columns.types)]

    @cached_property
    def _extents(self) -> list[int]:
        return [0, *accumulate(self._columns.extent_counts)]

    def hash(self, row: int) -> bytes:
        """Of a regular file."""
        at = self._regular[row] * HASH_BYTES
        return bytes(self._columns.hashes[at : at + HASH_BYTES])

    def link(self, row: int) -> bytes:
        """Of a symbolic or hard link."""
        return self._columns.links[self._links[row]]

    def device(self, row: int) -> tuple[int, int]:
        return self._columns.devices[self._devices[row]]

    def special(self, row: int) -> bytes | tuple[int, int] | None:
        """The link or the device of a row that has one."""
        kind = self._columns.types[row]
        if kind in WITH_LINK:
            return self.link(row)
        return self.device(row) if kind in DEVICES else None

    def extents(self, row: int) -> tuple[Extent, ...]:
        """Of a regular file."""
        first = self._regular[row]
        start, stop = self._extents[first], self._extents[first + 1]
        columns = self._columns
        return tuple(
            map(
                Extent,
                columns.extent_volumes[start:stop],
                columns.extent_offsets[start:stop],
                columns.extent_lengths[start:stop],
            )
        )

    def row(self, row: int, owners: Sequence[Owner]) -> IndexRow:
        columns = self._columns
        kind = TYPES[columns.types[row]]
        is_file = kind is FileType.REGULAR
        xattrs = columns.xattrs.get(row)
        return IndexRow(
            path=split_path(columns.paths[row]),
            type=kind,
            mode=columns.modes[row],
            owner=owners[columns.owners[row]],
            mtime_ns=columns.mtimes_ns[row],
            ctime_ns=columns.ctimes_ns[row],
            size=columns.sizes[row],
            hash=self.hash(row) if is_file else b"",
            link=self.link(row) if columns.types[row] in WITH_LINK else b"",
            device=self.device(row) if columns.types[row] in DEVICES else (0, 0),
            xattrs=tuple(xattrs.items()) if xattrs else (),
            sparse=bool(columns.flags[row] & SPARSE),
            extents=self.extents(row) if is_file else (),
        )


def count_types(types: bytearray, wanted: tuple[int, ...]) -> int:
    return sum(types.count(kind) for kind in wanted)
