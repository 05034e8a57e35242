"""Spans that are matched in other threads, before their turn comes.

That the shift stays is a guess; a wrong one costs the work that was begun.  So
after a wrong one few are begun, and one more with each that was right.
"""

from collections import deque
from concurrent.futures import Executor, Future
from typing import Final

from tiered.rsync.match import Range, Span, match_span
from tiered.rsync.pieces import Pieces
from tiered.rsync.sums import KnownSums

_FIRST_BEGUN: Final = 1


class SpansAhead:
    """Cuts a file into spans and matches them, in order.

    A span goes to the first block boundary of the old version, as the shift has
    it, that is not before the end of its piece: so no block is cut in two.

    Args:
        old: Sums of the old version.
        block_len: Of the new signature.
        pool: None matches each span when it is taken.
    """

    def __init__(self, old: KnownSums, block_len: int, pool: Executor | None) -> None:
        self._old = old
        self._block_len = block_len
        self._pool = pool
        self._begun: deque[tuple[Span, Future[list[Range]]]] = deque()
        self._most_begun = _FIRST_BEGUN

    def take(
        self, pieces: Pieces, position: int, shift: int, *, ended: bool
    ) -> tuple[Span, list[Range]]:
        """The span at `position`, and what of it is the same at `shift`.

        Args:
            pieces: From that of `position` on; the next one, too, unless it is
                the last.
            position: Where the span begins.
            shift: What to try.
            ended: The last piece is the end of the file.
        """
        span = self._cut(pieces, position, shift, ended=ended)
        if span is None:
            raise RuntimeError("a span is taken before its end is read")
        if self._begun and self._begun[0][0] != span:
            self.drop()
            self._most_begun = _FIRST_BEGUN
        if self._pool is not None:
            self._begin(self._pool, pieces, span, ended=ended)
        if not self._begun:
            return span, self._match(pieces, span)
        self._most_begun += 1
        _, future = self._begun.popleft()
        if future.cancel():  # all threads are busy; this one is not
            return span, self._match(pieces, span)
        return span, future.result()

    def drop(self) -> None:
        """Forget the spans that were not taken; no thread uses a piece afterwards."""
        for _, future in self._begun:
            if not future.cancel():
                future.exception()  # waits
        self._begun.clear()

    def _begin(
        self, pool: Executor, pieces: Pieces, first: Span, *, ended: bool
    ) -> None:
        if self._begun:
            last = self._begun[-1][0]
            span = self._cut(pieces, last.end, last.shift, ended=ended)
        else:
            span = first
        while span is not None and len(self._begun) < self._most_begun:
            part = Pieces(pieces.touching(span.start, span.end))
            self._begun.append((span, pool.submit(self._match, part, span)))
            span = self._cut(pieces, span.end, span.shift, ended=ended)

    def _cut(
        self, pieces: Pieces, start: int, shift: int, *, ended: bool
    ) -> Span | None:
        """None if the end of the span is not read yet, or there is no more."""
        if start >= pieces.end:
            return None
        piece = pieces.touching(start, start + 1)[0]
        end = piece.end + (shift - piece.end) % self._old.cover_len
        if end <= pieces.end:
            return Span(start, end, shift)
        return Span(start, pieces.end, shift) if ended else None

    def _match(self, pieces: Pieces, span: Span) -> list[Range]:
        """In any thread."""
        piece = pieces.touching(span.start, span.end)[0]
        piece.blocks()
        if self._block_len != self._old.block_len or span.shift % self._block_len:
            # None of the old signature's sums can be taken over.
            piece.fill([(piece.offset, piece.end)])
        return match_span(pieces, span, self._old, self._block_len)
