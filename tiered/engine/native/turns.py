"""In which order runs are read, so that files get done.  Pure, but for a lock."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from operator import itemgetter
from threading import Lock

from tiered.engine.native.schedule import Run, Segment

Place = tuple[int, int]
"""Number of a file, and offset in it."""

_FAR_BYTES = 1 << 30


class Turns:
    """Hands out runs in the order in which files want them, so that files get done.

    As long as there are enough files, no two runs at a time are of the same one:
    so the parts of a file arrive in order, and none waits to be hashed until it
    has to be read back.  What counts more, if volumes lie on several stores, is
    that all of these are busy: the next run is of the one that is read least at
    the time.  Any number of threads may use it.

    Args:
        runs: All there are.
        home: Number of a volume -> the store that it is read from.
    """

    def __init__(
        self, runs: Sequence[Run], home: Callable[[int], str] = lambda _: ""
    ) -> None:
        self._runs: dict[str, dict[int, deque[Run]]] = {}
        """By store, and by the file that wants them first."""
        self._home = {run.volume: home(run.volume) for run in runs}
        for (file, _), run in _needs(runs):
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


def _needs(runs: Sequence[Run]) -> list[tuple[Place, Run]]:
    """Runs by the first file that wants them, and where in it.

    That is where the run ends in the file: what it has of the file may be scattered,
    and belong over what other runs have of the places between [`joined`].  If it ends
    far away, it is where it begins: all that has been written meanwhile would have to
    be read back from the disk.

    A run in which one file ends and another begins, which goes on in others, is the
    other's: all of that would wait for it.
    """
    firsts, heads = [], set()
    for run in runs:
        firsts.append(_place(run, run.segments[0]))
        heads.add(firsts[-1][0])
    needs = []
    for run, first in zip(runs, firsts, strict=True):
        file, at = first
        last = run.segments[-1]
        if last[2] == file:
            end = max(at, last[3])
            needs.append(((file, end if end - at <= _FAR_BYTES else at), run))
        elif last[2] in heads and _begins(run, last[2]):
            needs.append(((last[2], 0), run))
        else:
            needs.append((first, run))
    return sorted(needs, key=itemgetter(0))


def _place(run: Run, segment: Segment) -> Place:
    """Where what the run holds of a segment begins."""
    _, offset, number, at, _ = segment
    return number, at + max(0, run.start - offset)


def _begins(run: Run, last: int) -> bool:
    """Does the run have the front of its last file?"""
    segments = takewhile(lambda s: s[2] == last, reversed(run.segments))
    return any(s[3] == 0 for s in segments)
