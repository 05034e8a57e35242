"""The hashes of a file that is compared: of all its bytes, and of the new ones.

Both go through the bytes in order, which is a fifth of all that a comparison does.  So
they follow behind it, in one thread of the pool at a time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Final

from blake3 import blake3

from tiered.rsync.pieces import Piece

_MOST_BEHIND: Final = 4
"""Pieces that may wait for a batch that is not done yet."""

_Steps = Sequence[tuple[blake3, memoryview]]


class HashesBehind:
    """Hashes bytes in the order in which they are added.

    Args:
        pool: None hashes at once, as does a pool that is busy.
        give_back: Gets each piece that was ended when its bytes are hashed.
    """

    def __init__(
        self, pool: Executor | None, give_back: Callable[[Piece], None]
    ) -> None:
        self._pool, self._give_back = pool, give_back
        self._content = blake3()
        self._literals: blake3 | None = None
        self._steps: list[tuple[blake3, memoryview]] = []
        self._ended: list[Piece] = []
        self._begun: tuple[Future[None], _Steps, list[Piece]] | None = None

    @property
    def all_new(self) -> bool:
        """No old bytes were found yet: the literals are all bytes up to here."""
        return self._literals is None

    def add(self, views: Sequence[memoryview]) -> None:
        """The next bytes of the file."""
        self._steps += [(self._content, view) for view in views]

    def begin_literals(self) -> None:
        """All that was added is new; from now on literals are told."""
        self.finish()
        self._literals = self._content.copy()

    def add_literals(self, views: Sequence[memoryview]) -> None:
        """The next new bytes; nothing to do while all are."""
        if self._literals is not None:
            self._steps += [(self._literals, view) for view in views]

    def end(self, piece: Piece) -> None:
        """Nothing more of this piece is added."""
        self._ended.append(piece)
        may_wait = len(self._ended) < _MOST_BEHIND
        if may_wait and self._begun and not self._begun[0].done():
            return
        self._settle()
        steps, ended = self._steps, self._ended
        self._steps, self._ended = [], []
        if self._pool is None:
            _hash(steps)
            self._free(ended)
        else:
            self._begun = self._pool.submit(_hash, steps), steps, ended

    def finish(self) -> None:
        """Hash all that was added."""
        self._settle()
        _hash(self._steps)
        self._free(self._ended)
        self._steps, self._ended = [], []

    def drop(self) -> None:
        """Forget what is not hashed; no thread uses a piece afterwards."""
        if self._begun and not self._begun[0].cancel():
            self._begun[0].exception()  # waits
        self._begun = None

    def digests(self) -> tuple[bytes, bytes]:
        """Of all bytes, and of the literals, joined; after `finish`."""
        return self._content.digest(), (self._literals or self._content).digest()

    def _settle(self) -> None:
        if self._begun is None:
            return
        future, steps, ended = self._begun
        self._begun = None
        if future.cancel():  # all threads are busy; this one is not
            _hash(steps)
        else:
            future.result()
        self._free(ended)

    def _free(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._give_back(piece)


def _hash(steps: _Steps) -> None:
    """In any thread, but one at a time."""
    for running, view in steps:
        running.update(view)
