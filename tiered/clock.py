"""Time as an argument.  The only module that asks the system for it."""

import fcntl
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Two readings, and waiting.  Tests pass a clock that jumps."""

    def now_s(self) -> float:
        """Seconds since an arbitrary point; never goes back."""

    def time_s(self) -> float:
        """Seconds since 1970 UTC."""

    def sleep_s(self, seconds: float) -> None:
        """Return when `seconds` have passed."""


class SystemClock:
    """The real one."""

    def now_s(self) -> float:
        return time.monotonic()

    def time_s(self) -> float:
        return time.time()

    def sleep_s(self, seconds: float) -> None:
        time.sleep(seconds)


class PinnedClock:
    """A clock whose calendar stands still; waiting is as with `inner`."""

    def __init__(self, inner: Clock, time_s: float) -> None:
        self._inner, self._time_s = inner, time_s

    def now_s(self) -> float:
        return self._inner.now_s()

    def time_s(self) -> float:
        return self._time_s

    def sleep_s(self, seconds: float) -> None:
        self._inner.sleep_s(seconds)


class RehearsalClock:
    """Real time plus an offset in a file; waiting moves the offset.

    Processes and simulated cold stores that read the same file share one
    time, so hours of thawing can be rehearsed in seconds, over restarts.

    Args:
        path: Text file with the offset in seconds; made when first needed.
        speed: A sleep of s seconds takes s / speed real ones.
    """

    def __init__(self, path: Path, speed: float) -> None:
        self._path, self._speed = path, speed

    def now_s(self) -> float:
        return time.monotonic() + self._offset_s()

    def time_s(self) -> float:
        return time.time() + self._offset_s()

    def sleep_s(self, seconds: float) -> None:
        real_s = seconds / self._speed
        time.sleep(real_s)
        with self._path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            offset_s = float(file.read() or 0) + seconds - real_s
            file.truncate(0)
            file.write(str(offset_s))

    def _offset_s(self) -> float:
        try:
            with self._path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return float(file.read() or 0)
        except FileNotFoundError:
            return 0.0
