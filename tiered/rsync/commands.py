"""A delta read as what it says: copies of old bytes, and where new ones lie.

This is not for patching; it is for knowing, without applying a delta, which
bytes of the old version a new one is made of, and at which offset of the delta
its own literal bytes stand.

Layout  [librsync 2.3 doc/formats.md, "Deltas"; src/command.c]: magic
0x72730236, then commands: 0x00 ends; 0x01 to 0x40 is a literal of that many
bytes; 0x41 to 0x44 a literal whose length follows in 1, 2, 4 or 8 bytes; 0x45 to
0x54 a copy, offset and length each in 1, 2, 4 or 8 bytes, offset-major.  All
numbers are big-endian.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tiered.errors import ArchiveDamaged
from tiered.rsync.library import DAMAGED_HINT

MAGIC: Final = (0x72730236).to_bytes(4)
WIDTHS: Final = (1, 2, 4, 8)
FIRST_LONG_LITERAL: Final = 0x41
FIRST_COPY: Final = 0x45
_AFTER_COPIES: Final = 0x55


@dataclass(frozen=True, slots=True)
class Copy:
    """`length` bytes of the old version, from `offset`."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Literal:
    """`length` new bytes, at `offset`: of the delta itself when it comes from one,
    of the new file while a delta is only planned (`tiered.rsync.compare`)."""

    offset: int
    length: int


Command = Copy | Literal


class CommandReader:
    """Finds the commands in a delta that comes in parts.

    Literal bytes are skipped, not kept: memory is constant.
    """

    def __init__(self) -> None:
        self._left = b""
        self._position = 0  # of self._left in the delta
        self._skip = 0
        self._begun = self._ended = False

    def feed(self, data: bytes) -> Iterator[Command]:
        """The commands that are complete with this part, in order.

        Raises:
            ArchiveDamaged: It is not a delta, or goes on behind its end.
        """
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._position += skipped
        self._left += data[skipped:]
        at = 0
        while (step := self._parse(at)) is not None:
            length, command = step
            at += length
            if isinstance(command, Literal):
                over = min(command.length, len(self._left) - at)
                at += over
                self._skip = command.length - over
            if command is not None:
                yield command
        self._position += at
        self._left = self._left[at:]

    def finish(self) -> None:
        """Check that the delta was whole.

        Raises:
            ArchiveDamaged: Its end is missing.
        """
        if not self._ended or self._skip:
            raise ArchiveDamaged("the delta ends early", hint=DAMAGED_HINT)

    def _parse(self, at: int) -> tuple[int, Command | None] | None:
        """Length and meaning of what stands at `at`; None if it is not complete."""
        data = self._left
        if self._skip or at >= len(data):
            return None
        if self._ended:
            raise ArchiveDamaged("the delta goes on behind its end", hint=DAMAGED_HINT)
        if not self._begun:
            return self._parse_magic()
        code = data[at]
        if code == 0:
            self._ended = True
            return 1, None
        if code < FIRST_LONG_LITERAL:
            return 1, Literal(self._position + at + 1, code)
        if code < FIRST_COPY:
            width = WIDTHS[code - FIRST_LONG_LITERAL]
            if len(data) < at + 1 + width:
                return None
            length = int.from_bytes(data[at + 1 : at + 1 + width])
            return 1 + width, Literal(self._position + at + 1 + width, length)
        if code < _AFTER_COPIES:
            return self._parse_copy(at, code - FIRST_COPY)
        raise ArchiveDamaged(f"the delta has a command {code:#x}", hint=DAMAGED_HINT)

    def _parse_magic(self) -> tuple[int, None] | None:
        if len(self._left) < len(MAGIC):
            return None
        if self._left[: len(MAGIC)] != MAGIC:
            raise ArchiveDamaged("this is not a delta", hint=DAMAGED_HINT)
        self._begun = True
        return len(MAGIC), None

    def _parse_copy(self, at: int, number: int) -> tuple[int, Copy] | None:
        first, second = WIDTHS[number // 4], WIDTHS[number % 4]
        middle = at + 1 + first
        if len(self._left) < middle + second:
            return None
        offset = int.from_bytes(self._left[at + 1 : middle])
        length = int.from_bytes(self._left[middle : middle + second])
        return 1 + first + second, Copy(offset, length)
