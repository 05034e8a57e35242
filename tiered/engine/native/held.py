"""Pieces that wait in memory for the old bytes that they belong over.

Bounded by the memory that all files of a restore share.  Not for several threads at
a time: `layers` has the lock.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from threading import Lock

from tiered.engine.native.joined import Piece

_AT = itemgetter(0)
_OBJECT_BYTES = 400
"""What Python takes for a piece beside its bytes."""
_COPIED = 64
"""Pieces that share memory, as it takes longer to get than to fill."""


class Memory:
    """Bytes that may be held at a time; any number of threads may use it."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Is there so much?  Then it is taken, until `give`."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        with self._lock:
            self._left += size


class HeldPieces:
    """The pieces of one file, by the gap that each lies in."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pieces: dict[int, list[Piece]] = {}
        self._taken = 0

    def hold(self, gaps: Sequence[int], pieces: Sequence[Piece]) -> bool:
        """Copy pieces, each in its gap, if there is memory for all of them.

        Cost: 1 microsecond for each.
        """
        parts = [data for _, data in pieces]
        size = sum(map(len, parts)) + _OBJECT_BYTES * len(parts)
        if not self._memory.take(size):
            return False
        self._taken += size
        kept = self._pieces
        for first in range(0, len(parts), _COPIED):
            some = slice(first, first + _COPIED)
            copies = memoryview(b"".join(parts[some]))
            start = 0
            for gap, (at, data) in zip(gaps[some], pieces[some], strict=True):
                end = start + len(data)
                piece = at, copies[start:end]
                if gap in kept:
                    kept[gap].append(piece)
                else:
                    kept[gap] = [piece]
                start = end
        return True

    def take(self, gaps: Iterable[int], start: int, end: int) -> list[Piece]:
        """What lies in neighbouring gaps and a range of the file, ascending.

        What of a piece lies outside of the range is held on, and its memory with it.

        Cost: 0.2 microseconds for each gap.
        """
        found: list[Piece] = []
        size = 0
        for gap in gaps:
            pieces = self._pieces.pop(gap, None)
            if pieces is None:
                continue
            if len(pieces) > 1:
                pieces.sort(key=_AT)
            for at, data in pieces:
                stop = at + len(data)
                if at >= start and stop <= end:
                    found.append((at, data))
                    size += len(data) + _OBJECT_BYTES
                    continue
                first, last = max(at, start), min(stop, end)
                if first < last:
                    found.append((first, data[first - at : last - at]))
                self._keep(gap, at, data[: max(0, start - at)])
                self._keep(gap, max(at, end), data[max(0, end - at) :])
        self._give(size)
        return found

    def drop(self) -> None:
        """Forget all that is held, and give its memory back."""
        self._pieces.clear()
        self._give(self._taken)

    def _keep(self, gap: int, at: int, data: memoryview) -> None:
        if data:
            self._pieces.setdefault(gap, []).append((at, data))

    def _give(self, size: int) -> None:
        self._taken -= size
        self._memory.give(size)
