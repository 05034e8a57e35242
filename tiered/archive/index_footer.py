"""What an index says about itself: its version, where its parts lie, its tables.

A reader believes nothing of it that no writer makes: sizes bound what is unpacked,
and positions are those of parts that lie one behind the other
[docs/format/native.md, "Index"].
"""

import re
import struct

import msgspec

from tiered.archive.columns import LAST_ID
from tiered.archive.json_text import refuse_version
from tiered.archive.paths import check_order, check_paths
from tiered.errors import ArchiveDamaged

BLOCK_ROWS = 4096
BLOCK_EXTENTS = 1 << 16
"""A block of fewer rows ends behind as many."""
MAX_BLOCK_BYTES = 64 << 20
"""Of content; a reader refuses more."""
MAX_TABLE_BYTES = 256 << 20
"""The same of the footer and of each layout, which grow with the archive."""

MAGIC = b"tiered index 1\n"
_ANY_MAGIC = re.compile(rb"tiered index ([1-9][0-9]{0,8})\n")
TAIL = struct.Struct("<II")
TAIL_MAGIC = 0x58444954
HEAD_BYTES = 32
"""Enough to tell a version that has more digits."""
_MAX_FRONT_BYTES = (64 << 10) + 16
"""The longest age header that is believed, and a nonce."""
_MOST = 1 << 62


class BlockRow(msgspec.Struct, array_like=True):
    """Where a block lies in the object."""

    first_path: bytes
    offset: int
    stored: int
    content: int
    rows: int


class LayoutRow(msgspec.Struct, array_like=True):
    number: int
    size: int
    front: bytes
    offset: int
    stored: int
    content: int


class Footer(msgspec.Struct, array_like=True):
    owners: list[tuple[int, int, bytes, bytes]]
    volumes: list[tuple[int, int]]
    blocks: list[BlockRow]
    layouts: list[LayoutRow]


def check_magic(head: bytes) -> None:
    """Refuse what does not begin as an index of this version.

    Raises:
        ArchiveDamaged: It is no index.
        ConfigError: It is of another version.
    """
    if not head.startswith(MAGIC):
        match = _ANY_MAGIC.match(head)
        if match is None:
            raise ArchiveDamaged("this is no index")
        refuse_version("an index", int(match[1]))


def check_footer(footer: Footer, end: int) -> None:
    """Refuse a footer that does not fit to an index in which it begins at `end`.

    Raises:
        ArchiveDamaged: It does not.
    """
    _check_places(footer, end)
    _check_tables(footer)


def _check_places(footer: Footer, end: int) -> None:
    """Blocks and layouts lie one behind the other, and nothing between."""
    at = len(MAGIC)
    fit = True
    parts = [(b.offset, b.stored, b.content, MAX_BLOCK_BYTES) for b in footer.blocks]
    parts += [(v.offset, v.stored, v.content, MAX_TABLE_BYTES) for v in footer.layouts]
    for offset, stored, content, most in parts:
        fit = fit and offset == at and stored > 0 and 0 < content <= most
        at += stored
    if not fit or at != end:
        raise ArchiveDamaged("the parts of an index do not fit together")


def _check_tables(footer: Footer) -> None:
    """What columns refer to is there, and paths ascend from block to block."""
    firsts = [block.first_path for block in footer.blocks]
    check_paths(firsts)
    check_order(firsts)
    numbers = [layout.number for layout in footer.layouts]
    wrong = (
        any(not 0 < block.rows <= BLOCK_ROWS for block in footer.blocks),
        numbers != list(range(1, len(numbers) + 1)),
        any(len(layout.front) > _MAX_FRONT_BYTES for layout in footer.layouts),
        any(not 0 < layout.size < _MOST for layout in footer.layouts),
        any(not (0 <= end_s < _MOST > n > 0) for end_s, n in footer.volumes),
    )
    if any(wrong):
        raise ArchiveDamaged("the tables of an index do not fit together")
    for uid, gid, user, group in footer.owners:
        if not 0 <= uid <= LAST_ID >= gid >= 0 or b"\0" in user + group:
            raise ArchiveDamaged(f"the archive holds the owner {uid}:{gid}")
