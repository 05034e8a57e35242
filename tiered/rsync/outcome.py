"""What a comparison has decided so far: commands, and sums that are known by them."""

from collections import deque

from tiered.rsync.commands import Command, Copy, Literal
from tiered.rsync.pieces import Piece
from tiered.rsync.search import Match
from tiered.rsync.sums import KnownSums


class CommandList:
    """Commands with neighbours joined; full when no more copies are wanted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.commands: list[Command] = []
        self.literal_bytes = 0

    @property
    def full(self) -> bool:
        return len(self.commands) > self._most

    def copy(self, offset: int, length: int) -> None:
        last = self.commands[-1] if self.commands else None
        if isinstance(last, Copy) and last.offset + last.length == offset:
            self.commands[-1] = Copy(last.offset, last.length + length)
        else:
            self.commands.append(Copy(offset, length))

    def literal(self, offset: int, length: int) -> None:
        self.literal_bytes += length
        last = self.commands[-1] if self.commands else None
        if isinstance(last, Literal):
            self.commands[-1] = Literal(last.offset, last.length + length)
        else:
            self.commands.append(Literal(offset, length))


class KnownEntries:
    """Entries of the old signature that stand in the new one as they are."""

    def __init__(self, old: KnownSums, block_len: int) -> None:
        self._old = old
        self._block_len = block_len
        self._matches: deque[Match] = deque()

    def add(self, match: Match) -> None:
        """Take note of a match, in order."""
        if self._old.block_len != self._block_len or match.shift % self._block_len:
            return
        last = self._matches[-1] if self._matches else None
        if last and last.end == match.start and last.shift == match.shift:
            self._matches[-1] = Match(last.start, match.end, match.shift)
        else:
            self._matches.append(match)

    def give(self, piece: Piece) -> None:
        """Tell a piece what is known of it; pieces come in order."""
        unit, block_len = piece.unit, self._block_len
        for start, end in piece.lacking() if self._matches else ():
            while self._matches:
                match = self._matches[0]
                first = -(-max(start, match.start) // unit) * unit
                # the last block may be a short one
                last = min(end, match.end) // unit * unit
                if first < last:
                    numbers = (first - match.shift, last - match.shift)
                    known = self._old.entries(*(n // block_len for n in numbers))
                    piece.put_entries(first, known)
                if match.end >= end:
                    break
                self._matches.popleft()
