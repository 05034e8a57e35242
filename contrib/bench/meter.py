"""Measuring one function: the best of the repetitions that fit into some time."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One figure, or why there is none."""

    stage: str
    what: str
    figure: float | None = None
    unit: str = "MB/s"
    remark: str = ""


class Meter:
    """Repeats a function for some time, and keeps the shortest."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def best_s(self, work: Callable[[], object]) -> float:
        best, end = float("inf"), time.perf_counter() + self._seconds
        while best == float("inf") or time.perf_counter() < end:
            began = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - began)
        return best

    def rate(
        self, stage: str, what: str, size: int, work: Callable[[], object]
    ) -> Limit:
        return Limit(stage=stage, what=what, figure=size / self.best_s(work) / 1e6)

    def each(
        self, stage: str, what: str, count: int, work: Callable[[], object]
    ) -> Limit:
        figure = self.best_s(work) / count * 1e6
        return Limit(stage=stage, what=what, figure=figure, unit="us each")
