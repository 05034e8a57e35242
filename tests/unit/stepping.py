"""Time for several threads at once, of which no second passes."""

import heapq
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition


class SteppingClock:
    """It jumps to the next moment that somebody waits for, when all threads wait.

    So threads sleep side by side, as they do in real time, and not one after the
    other.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._turn = Condition()
        self._due_s: list[float] = []
        self._awake = 0

    def now_s(self) -> float:
        return self._now_s

    def time_s(self) -> float:
        return self._now_s

    def sleep_s(self, seconds: float) -> None:
        with self._turn:
            due_s = self._now_s + seconds
            heapq.heappush(self._due_s, due_s)
            self._rest()
            self._turn.wait_for(lambda: self._now_s >= due_s)

    def run(self, programs: Sequence[Callable[[], object]]) -> None:
        """Each in a thread of its own, all from the same moment on."""
        self._awake = len(programs)

        def run(program: Callable[[], object]) -> None:
            try:
                program()
            finally:
                with self._turn:
                    self._rest()

        with ThreadPoolExecutor(len(programs)) as pool:
            for future in [pool.submit(run, program) for program in programs]:
                future.result(timeout=60)

    def _rest(self) -> None:
        """One thread less; the last one moves the time."""
        self._awake -= 1
        if self._awake or not self._due_s:
            return
        self._now_s = max(self._now_s, self._due_s[0])
        while self._due_s and self._due_s[0] <= self._now_s:
            heapq.heappop(self._due_s)
            self._awake += 1
        self._turn.notify_all()
