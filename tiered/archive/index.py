"""The index of a set: every path with its attributes, its hash and its extents.

    magic  block*  layout*  footer  tail

A block holds up to `BLOCK_ROWS` paths as columns; a column compresses several
times better than rows, and a block is read alone.  The footer holds what
columns refer to (owners, volumes) and where blocks and layouts begin; it stands
at the end, so that an index is written in one pass, and the tail tells its size.
This reads it; `index_writer` writes it  [docs/format/native.md, "Index"].
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tiered.archive.block import decode, parse_columns, parse_paths
from tiered.archive.columns import Columns, IndexRow, Owner, Places
from tiered.archive.index_footer import (
    HEAD_BYTES,
    MAGIC,
    MAX_TABLE_BYTES,
    TAIL,
    TAIL_MAGIC,
    BlockRow,
    Footer,
    check_footer,
    check_magic,
)
from tiered.archive.paths import PathKey, check_order, join_path, order_key, split_path
from tiered.errors import ArchiveDamaged

_KEPT_ROWS = 1 << 16
"""Up to three times a backup looks at all of the index before it."""
_KEPT_BYTES = 8 << 20
"""Of content: what it takes in memory is a few times as much."""

Unpack = Callable[[bytes, int], bytes]
"""Frame and the size of its content -> content."""


@dataclass(frozen=True, slots=True, order=True)
class VolumeRow:
    """A volume that extents point into: of which set, and which number."""

    set_end_s: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeLayout:
    """Where the frames of a volume lie, so that a range of it can be read."""

    number: int
    size: int
    """Bytes of the object."""
    front: bytes
    """Its age header and nonce; empty if it is not encrypted."""
    stored: list[int]
    """Bytes of each frame."""
    content: list[int]
    """Bytes of what each frame holds."""


class IndexReader:
    """Reads an index, whole or by path.

    Args:
        read: (position, size) -> exactly these bytes of the object.
        size: Bytes of the object.
        unpack: Decompresses one block.

    Raises:
        ArchiveDamaged: It is not an index, or its footer does not parse, or does not
            fit to the object.
        ConfigError: It is of another version.

    Cost: Three reads; then one for each block that is asked for.  An index of up to
    65,536 rows and 8 MiB of content is kept in memory as far as it was asked for:
    half a KiB for each row, or 100 bytes for each extent.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], size: int, unpack: Unpack
    ) -> None:
        self._read, self._unpack = read, unpack
        check_magic(read(0, min(size, HEAD_BYTES)))
        footer, end = self._read_footer(size)
        check_footer(footer, end)
        self.owners = tuple(Owner(*o) for o in footer.owners)
        self.volumes = tuple(VolumeRow(*v) for v in footer.volumes)
        self.block_rows = tuple(footer.blocks)
        firsts = [b.first_path for b in footer.blocks]
        self._firsts = [split_path(first) for first in firsts]
        self._next = dict(
            zip((b.offset for b in footer.blocks), firsts[1:], strict=False)
        )
        self._layouts = {row.number: row for row in footer.layouts}
        self._kept: dict[int, Columns] = {}
        content = sum(b.content for b in footer.blocks)
        self._keeps = self.rows <= _KEPT_ROWS and content <= _KEPT_BYTES

    @property
    def rows(self) -> int:
        return sum(b.rows for b in self.block_rows)

    @property
    def layout_numbers(self) -> tuple[int, ...]:
        """The volumes of this set, in order."""
        return tuple(self._layouts)

    def __iter__(self) -> Iterator[IndexRow]:
        """All rows, in archive order; one block is in memory at a time."""
        for columns in self.blocks():
            yield from columns.rows(self.owners)

    def blocks(self) -> Iterator[Columns]:
        """All blocks, in archive order."""
        return map(self.block, self.block_rows)

    def block(self, block: BlockRow) -> Columns:
        """One block; nobody changes what is returned.

        Raises:
            ArchiveDamaged: It does not decompress or parse, holds what no writer
                makes, or its paths are not between those of its neighbours.
        """
        if kept := self._kept.get(block.offset):
            return kept
        content = self._unpack(self.frame(block), block.content)
        columns = parse_columns(content, len(self.owners), len(self.volumes))
        self._check_place(block, columns.paths)
        if self._keeps:
            self._kept[block.offset] = columns
        return columns

    def paths(self, block: BlockRow) -> Sequence[bytes]:
        """The paths of one block; errors as in `block`, but for what is not looked at.

        Cost: Less time and memory than the block; nothing is kept.
        """
        if kept := self._kept.get(block.offset):
            return kept.paths
        paths = parse_paths(self._unpack(self.frame(block), block.content))
        self._check_place(block, paths)
        return paths

    def _check_place(self, block: BlockRow, paths: Sequence[bytes]) -> None:
        if len(paths) != block.rows or paths[0] != block.first_path:
            raise ArchiveDamaged("a block of an index is not the one it should be")
        if after := self._next.get(block.offset):
            check_order((paths[-1], after))

    def frame(self, block: BlockRow) -> bytes:
        """One block as it is stored."""
        return self._read(block.offset, block.stored)

    def row(self, path: PathKey) -> IndexRow | None:
        """The row of a path; None if the index has none.

        Cost: The paths of one block, and all of it if the path is there.
        """
        at = bisect_right(self._firsts, path) - 1
        if at < 0:
            return None
        block, joined = self.block_rows[at], join_path(path)
        paths = self.paths(block)
        place = bisect_left(paths, order_key(joined), key=order_key)
        if place == len(paths) or paths[place] != joined:
            return None
        return Places(self.block(block)).row(place, self.owners)

    def layout(self, number: int) -> VolumeLayout:
        """Where the frames of a volume of this set lie.

        Raises:
            ArchiveDamaged: The index has no such volume, or it does not parse.
        """
        row = self._layouts.get(number)
        if row is None:
            raise ArchiveDamaged(f"an index does not know volume {number} of its set")
        content = self._unpack(self._read(row.offset, row.stored), row.content)
        stored, contents = decode(content, tuple[list[int], list[int]])
        fit = len(stored) == len(contents) > 0 and sum(stored) < row.size
        if not fit or min(*stored, *contents) < 1:
            raise ArchiveDamaged(f"an index has wrong frames for volume {number}")
        return VolumeLayout(
            number=number,
            size=row.size,
            front=row.front,
            stored=stored,
            content=contents,
        )

    def _read_footer(self, size: int) -> tuple[Footer, int]:
        """The footer, and where it begins."""
        start = size - 2 * TAIL.size
        if start < len(MAGIC):
            raise _without_end()
        stored, magic = TAIL.unpack(self._read(size - TAIL.size, TAIL.size))
        start -= stored
        if magic != TAIL_MAGIC or start < len(MAGIC):
            raise _without_end()
        data = self._read(start, TAIL.size + stored)
        content, again = TAIL.unpack(data[: TAIL.size])
        if again != stored or content > MAX_TABLE_BYTES:
            raise ArchiveDamaged("the end of an index is damaged")
        return decode(self._unpack(data[TAIL.size :], content), Footer), start


def _without_end() -> ArchiveDamaged:
    return ArchiveDamaged("the end of an index is missing")
