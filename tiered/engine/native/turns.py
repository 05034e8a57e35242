"""In which order runs are read, so that files get done.  Pure, but for a lock."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import takewhile
from operator import itemgetter
from threading import Lock

from tiered.engine.native.schedule import Run, Segment, is_scattered

Place = tuple[int, int]
"""Number of a file, and offset in it."""

_FAR_BYTES = 1 << 30
_AHEAD_BYTES = 16 << 20
"""So much earlier: what it belongs over is read by several threads."""


class Turns:
    """Hands out runs in the order in which files want them, so that files get done.

    As long as there are enough files, no two runs at a time are of the same one:
    so the parts of a file arrive in order, and none waits to be hashed until it
    has to be read back.  What counts more, if volumes lie on several stores, is
    that all of these are busy: the next run is of the one that is read least at
    the time.  Any number of threads may use it.

    Args:
        runs: All there are.
        held_bytes: Of pieces that may wait in memory at a time.
        home: Number of a volume -> the store that it is read from.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        held_bytes: int,
        home: Callable[[int], str] = lambda _: "",
    ) -> None:
        self._runs: dict[str, dict[int, deque[Run]]] = {}
        """By store, and by the file that wants them first."""
        self._home = {run.volume: home(run.volume) for run in runs}
        for (file, _), run in _needs(runs, held_bytes):
            files = self._runs.setdefault(self._home[run.volume], {})
            files.setdefault(file, deque()).append(run)
        self._busy: Counter[int] = Counter()
        self._reads: Counter[str] = Counter()
        self._lock = Lock()

    def take(self) -> tuple[int, Run]:
        """The next run, and its file, which is busy until `end`."""
        with self._lock:
            home = min(self._runs, key=self._rank)
            runs = self._runs[home]
            free = (file for file in runs if not self._busy[file])
            file = next(free, next(iter(runs)))
            run = runs[file].popleft()
            if not runs[file]:
                del runs[file]
            if not runs:
                del self._runs[home]
            self._busy[file] += 1
            self._reads[home] += 1
            return file, run

    def end(self, file: int, run: Run) -> None:
        with self._lock:
            self._busy[file] -= 1
            self._reads[self._home[run.volume]] -= 1

    def _rank(self, home: str) -> tuple[int, int]:
        return self._reads[home], next(iter(self._runs[home]))


def _needs(runs: Sequence[Run], held_bytes: int) -> list[tuple[Place, Run]]:
    """Runs by the first file that wants them, and where in it.

    What is scattered over a file belongs over what other runs have of the places
    between [`joined`].  It comes before these, and is held [`held`]: as much as there
    is memory for.  Any other run comes where it ends in the file.  If that is far
    away, it comes where it begins: all that has been written meanwhile would have to
    be read back from the disk.

    A run in which one file ends and another begins, which goes on in others, is the
    other's: all of that would wait for it.
    """
    places = [_place(run, run.segments[0]) for run in runs]
    heads = {file for file, _ in places}
    held = _held(runs, places, held_bytes * 3 // 4)  # the rest is for delays
    needs = []
    for number, (run, first) in enumerate(zip(runs, places, strict=True)):
        file, at = first
        last = run.segments[-1]
        if number in held:
            needs.append(((file, at - _AHEAD_BYTES), run))
        elif last[2] == file:
            end = max(at, last[3])
            needs.append(((file, end if end - at <= _FAR_BYTES else at), run))
        elif last[2] in heads and _begins(run, last[2]):
            needs.append(((last[2], 0), run))
        else:
            needs.append((first, run))
    return sorted(needs, key=itemgetter(0))


def _held(runs: Sequence[Run], places: Sequence[Place], most_bytes: int) -> set[int]:
    """Numbers of those that can all wait in memory for what is between them."""
    scattered = [n for n, run in enumerate(runs) if is_scattered(run.segments)]
    scattered.sort(key=places.__getitem__)
    chosen: set[int] = set()
    open_runs: list[tuple[Place, int]] = []
    """Where each one ends, and its bytes: a heap."""
    size = 0
    for number in scattered:
        while open_runs and open_runs[0][0] <= places[number]:
            size -= heappop(open_runs)[1]
        segments = runs[number].segments
        own = sum(s[4] for s in segments)
        if size + own <= most_bytes:
            size += own
            chosen.add(number)
            heappush(open_runs, (segments[-1][2:4], own))
    return chosen


def _place(run: Run, segment: Segment) -> Place:
    """Where what the run holds of a segment begins."""
    _, offset, number, at, _ = segment
    return number, at + max(0, run.start - offset)


def _begins(run: Run, last: int) -> bool:
    """Does the run have the front of its last file?"""
    segments = takewhile(lambda s: s[2] == last, reversed(run.segments))
    return any(s[3] == 0 for s in segments)
