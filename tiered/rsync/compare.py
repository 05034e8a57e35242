"""The next version of a file, as copies from the version before and new bytes.

The file is read once, front to back.  A span of about 1 MiB after the other is
matched at the shift at which the one before ended (`tiered.rsync.match`), several
ahead in the threads of a pool; what does not match is looked up
(`tiered.rsync.search`), and if it is found elsewhere, that is the next shift, and
the spans ahead are done again.  So a file that was overwritten in place, or that
had something inserted or cut out, costs little more than its hash.

The new signature takes the sums of blocks that were copied over from the old one
where the two have the same blocks.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from tiered.rsync.ahead import SpansAhead
from tiered.rsync.commands import Command
from tiered.rsync.hashes import HashesBehind
from tiered.rsync.match import Range, Span, match_span
from tiered.rsync.outcome import CommandList, KnownEntries
from tiered.rsync.pieces import Piece, PieceReader, Pieces
from tiered.rsync.search import Finder, Match
from tiered.rsync.sums import (
    BLOCK_BYTES,
    GrowingSums,
    KnownSums,
    PieceSums,
    Sums,
    SumsJoiner,
    native_block_len,
)

_PIECES_AHEAD = 12
_LEAST_COMMANDS = 4096
_BYTES_PER_COMMAND = 4 << 10
_MOST_COMMANDS = 1 << 18
_MOST_UNSAMPLED_BYTES = 8 << 20
_UNSAMPLED_PER_SAMPLE = 64


@dataclass(frozen=True, slots=True)
class Change:
    """What `compare` found, of the bytes as they were when they were read."""

    commands: tuple[Command, ...]
    """In order, neighbours joined; `Literal.offset` is an offset in the new file"""
    size: int
    """Bytes read"""
    hash: bytes
    """BLAKE3 of all of them, 32 bytes"""
    sums: Sums
    literal_bytes: int
    literal_hash: bytes
    """BLAKE3 of the literals, joined: who reads them again can tell that the file
    has changed since"""


def compare(
    fd: int,
    size: int,
    old: Sums,
    old_size: int,
    pool: Executor | None = None,
    make: Callable[[], GrowingSums] = bytearray,
    *,
    may_skip: bool = False,
) -> Change:
    """Compare a file with the sums of its version before.

    Args:
        fd: Open for reading; its position is not used, and moved if `may_skip`.
        size: Bytes to read; what a growing file has beyond them is left out.
        old: Sums of the version before.
        old_size: Its size in bytes.
        pool: Threads that do most of the work; None does it here.  All of them
            may be busy, even with calls of this function.
        make: Opens what the new sums are kept in; what it raises passes through.
        may_skip: Holes need not be read  [tiered.rsync.holes].

    Returns:
        The change.  A file that became shorter is described as far as it was
        read.  Copies shorter than a block of the old signature, and moves that
        `tiered.rsync.search` gives up on, are literals.  With more than
        4,096 commands, and one more for each 4 KiB, or 262,144, all else is one
        literal: such a list is not worth keeping.

    Raises:
        ArchiveDamaged: The sums are not those of a file of `old_size` bytes.
        MissingDependency: There is no librsync.
        OSError: Reading failed.

    Cost: for each GiB 1 s of processor time if little has changed, 4 s if all
    has; 20 MiB of memory, sums that are not in files, and up to three times the
    old signature when a shift is looked for; 120 bytes for each command.
    """
    known = KnownSums(old, old_size)
    reader = PieceReader(fd, size, native_block_len(size), may_skip=may_skip)
    change = _Comparison(reader, size, known, pool, make).run()
    if native_block_len(change.size) != native_block_len(size):
        # It shrank so much that the format wants another block length.
        return compare(fd, change.size, old, old_size, pool, make, may_skip=may_skip)
    return change


class _Comparison:
    def __init__(
        self,
        reader: PieceReader,
        size: int,
        old: KnownSums,
        pool: Executor | None,
        make: Callable[[], GrowingSums],
    ) -> None:
        self._old = old
        self._block_len = native_block_len(size)
        self._reader = reader
        self._window: deque[Piece] = deque()
        self._ahead = SpansAhead(old, self._block_len, pool)
        self._finder = Finder(old, size)
        most = min(_LEAST_COMMANDS + size // _BYTES_PER_COMMAND, _MOST_COMMANDS)
        self._commands = CommandList(most)
        self._known = KnownEntries(old, self._block_len)
        self._sums = SumsJoiner(self._block_len, make)
        self._hashes = HashesBehind(pool, reader.give_back)
        self._hashed = 0
        self._position = 0
        self._shift = 0
        self._missed = self._unsampled_until = 0

    def run(self) -> Change:
        try:
            while self._read():
                pieces = Pieces(self._window)
                span, same = self._ahead.take(
                    pieces, self._position, self._shift, ended=self._reader.ended
                )
                self._decide(pieces, span, same)
                self._retire(pieces)
            self._hashes.finish()
        finally:
            self._ahead.drop()
            self._hashes.drop()
        content, literals = self._hashes.digests()
        return Change(
            commands=tuple(self._commands.commands),
            size=self._reader.position,
            hash=content,
            sums=self._sums.done(),
            literal_bytes=self._commands.literal_bytes,
            literal_hash=literals,
        )

    def _read(self) -> bool:
        """Fill the window; False if all is decided."""
        while len(self._window) < _PIECES_AHEAD and not self._reader.ended:
            piece = self._reader.read()
            if piece is None:
                break
            self._finder.earn(len(piece.data))
            self._window.append(piece)
        return bool(self._window)

    def _decide(self, pieces: Pieces, span: Span, same: list[Range]) -> None:
        """Turn a span into commands, and say where and how the next one begins."""
        at = span.start
        for start, end in same:
            self._fill_gap(pieces, at, start)
            self._add(pieces, Match(start, end, span.shift))
            at = end
        if at == span.end:
            self._missed = 0
            self._position = at
        else:
            self._fill_last_gap(pieces, span, at)
        if not same and self._shift == span.shift and span.shift % self._block_len:
            # Lost: where nothing matches, no shift is cheaper.
            self._shift = 0

    def _fill_gap(self, pieces: Pieces, start: int, end: int) -> None:
        """Between bytes that stayed where they were."""
        length, finder = end - start, self._finder
        if self._commands.full or length < finder.sample_bytes or finder.passes(length):
            self._add_literal(pieces, start, end)
            return
        found = finder.matches(pieces.view(start, end), start)
        self._add_found(pieces, start, end, found)

    def _fill_last_gap(self, pieces: Pieces, span: Span, start: int) -> None:
        """At the end of a span: what follows may have been moved, too."""
        end = span.end
        found: list[Match] = []
        if not self._commands.full and end - start >= self._finder.sample_bytes:
            found = self._resume(pieces, start, end)
            first = found[0].start if found else end
            if first - start >= self._finder.sample_bytes:
                view = pieces.view(start, first)
                found = self._finder.matches(view, start) + found
        if found and self._is_new_shift(found, start, end):
            # What is left goes on in the next span: its block is cut here.
            end, self._shift = found[-1].end, found[-1].shift
        self._add_found(pieces, start, end, found)
        self._position = end

    def _resume(self, pieces: Pieces, start: int, end: int) -> list[Match]:
        """Matches at the shift of the last bytes of a gap, if they are old ones."""
        if end <= self._unsampled_until:
            return []
        begin = max(end - self._finder.sample_bytes, start)
        shift = self._finder.shift_of(pieces.view(begin, end), begin)
        if shift is None:
            self._missed += end - start
            most = _UNSAMPLED_PER_SAMPLE * self._finder.sample_bytes
            pause = min(self._missed // 4, max(most, _MOST_UNSAMPLED_BYTES))
            self._unsampled_until = end + pause
            return []
        self._missed = 0
        span = Span(start, end, shift)
        same = match_span(pieces, span, self._old, self._block_len)
        return [Match(a, b, shift) for a, b in same]

    def _is_new_shift(self, found: list[Match], start: int, end: int) -> bool:
        """Whether to try the last match's shift on what follows the gap."""
        last = found[-1]
        same = sum(m.end - m.start for m in found if m.shift == last.shift)
        return (
            end < self._reader.position
            and end - last.end < self._old.block_len
            and same >= min(BLOCK_BYTES, (end - start) // 2)
        )

    def _add_found(
        self, pieces: Pieces, start: int, end: int, found: list[Match]
    ) -> None:
        for match in found:
            self._add_literal(pieces, start, match.start)
            self._add(pieces, match)
            start = match.end
        self._add_literal(pieces, start, end)

    def _add(self, pieces: Pieces, match: Match) -> None:
        self._known.add(match)
        if self._commands.full:
            self._add_literal(pieces, match.start, match.end)
            return
        if self._hashes.all_new:
            self._hash_up_to(pieces, match.start)
            self._hashes.begin_literals()
        self._commands.copy(match.start - match.shift, match.end - match.start)

    def _add_literal(self, pieces: Pieces, start: int, end: int) -> None:
        if start == end:
            return
        self._commands.literal(start, end - start)
        if not self._hashes.all_new:
            self._hashes.add_literals(pieces.views(start, end))

    def _hash_up_to(self, pieces: Pieces, end: int) -> None:
        self._hashes.add(pieces.views(self._hashed, end))
        self._hashed = max(self._hashed, end)

    def _retire(self, pieces: Pieces) -> None:
        """Drop pieces of which all is decided, and keep their sums."""
        while self._window and self._window[0].end <= self._position:
            piece = self._window.popleft()
            self._hash_up_to(pieces, piece.end)
            self._known.give(piece)
            entries = piece.entries(piece.offset, piece.end)
            self._sums.add(PieceSums(entries, piece.blocks()))
            self._hashes.end(piece)
