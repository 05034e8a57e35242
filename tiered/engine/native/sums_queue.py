"""The sums of files on their way into the signatures of a set.

They are made in threads, in pieces, and written in the order of paths.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from tiered.engine.native.signatures import SignatureWriter
from tiered.rsync.sums import GrowingSums, PieceSums, Sums, SumsJoiner

_FILES_WAITING = 64
_PIECES_WAITING = 32
"""Of one file; no more than there is room for before zstd, as a rule."""


class MakingSums:
    """The sums of a file that are being made, in pieces.

    Args:
        block_len: Of the signature.
        make: Opens what they are kept in; what it raises passes through.
    """

    def __init__(
        self, block_len: int, make: Callable[[], GrowingSums] = bytearray
    ) -> None:
        self.block_len = block_len
        self._joiner = SumsJoiner(block_len, make)
        self._pieces: deque[Future[PieceSums]] = deque()

    def add(self, piece: Future[PieceSums]) -> None:
        """The next piece; waits if too many are not made yet."""
        self._pieces.append(piece)
        while self._pieces[0].done() or len(self._pieces) > _PIECES_WAITING:
            self._joiner.add(self._pieces.popleft().result())
            if not self._pieces:
                return

    def done(self) -> bool:
        return all(piece.done() for piece in self._pieces)

    def join(self) -> Sums:
        while self._pieces:
            self._joiner.add(self._pieces.popleft().result())
        return self._joiner.done()


class _Waiting(NamedTuple):
    path: bytes
    content: bytes
    sums: Sums | MakingSums


class SumsQueue:
    """Hands sums to the signatures as they are made.

    Args:
        signatures: Where they go; what its `add` raises passes through.
    """

    def __init__(self, signatures: SignatureWriter) -> None:
        self._signatures = signatures
        self._waiting: deque[_Waiting] = deque()

    def add(self, path: bytes, content: bytes, sums: Sums | MakingSums) -> None:
        """The sums of the next file, whose BLAKE3 is `content`."""
        self._waiting.append(_Waiting(path, content, sums))
        while self._waiting:
            first = self._waiting[0].sums
            is_made = isinstance(first, Sums) or first.done()
            if not is_made and len(self._waiting) <= _FILES_WAITING:
                return
            self._write_first()

    def finish(self) -> None:
        """Wait for all, and end the signatures."""
        while self._waiting:
            self._write_first()
        self._signatures.finish()

    def _write_first(self) -> None:
        path, content, sums = self._waiting.popleft()
        made = sums if isinstance(sums, Sums) else sums.join()
        self._signatures.add(path, content, made)
