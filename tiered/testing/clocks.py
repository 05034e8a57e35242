"""A clock for tests: waiting takes no time, and is written down."""


class JumpingClock:
    """Time that moves only when somebody sleeps, or a test says so."""

    def __init__(self, time_s: float = 1_800_000_000.0) -> None:
        self._time_s = time_s
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        return self._time_s

    def time_s(self) -> float:
        return self._time_s

    def sleep_s(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self._time_s += seconds
