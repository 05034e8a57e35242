"""A token bucket: what comes in bursts goes on at a steady rate.

Why no library: docs/decisions/0023-token-bucket.md.
"""

from collections.abc import Sequence
from threading import Lock

from tiered.clock import Clock


class TokenBucket:
    """`rate_per_s` tokens a second, of which `burst` may be saved.

    In any span of t seconds at most rate_per_s * t + burst tokens are given out
    (a single take of more than `burst` comes when it has been earned).  Who asks
    first is served first: a take reserves its tokens, and then waits for them, so
    a large one is not overtaken for ever by small ones.
    """

    def __init__(self, rate_per_s: float, burst: float, clock: Clock) -> None:
        if rate_per_s <= 0 or burst <= 0:
            raise ValueError(f"{rate_per_s} a second, {burst} saved: nothing would run")
        self.rate_per_s, self.burst = rate_per_s, burst
        self.clock = clock
        self._lock = Lock()
        self._saved = burst  # negative: reserved, and not earned yet
        self._counted_s = clock.now_s()

    def reserve(self, tokens: float) -> float:
        """Take `tokens`; the seconds until they may be used, at once if below 0."""
        with self._lock:
            now_s = self.clock.now_s()
            earned = (now_s - self._counted_s) * self.rate_per_s
            self._saved = min(self.burst, self._saved + earned) - tokens
            self._counted_s = now_s
            return -self._saved / self.rate_per_s


def take(buckets: Sequence[TokenBucket], tokens: float) -> None:
    """Return when all of `buckets` have given `tokens`.

    One wait for all: who waited for one after the other would let those that are
    full run over, and be slower than the slowest.  So what one bucket delays may
    come later than another has reckoned: one take of each thread, at most.
    """
    wait_s = max((bucket.reserve(tokens) for bucket in buckets), default=0.0)
    if wait_s > 0:
        buckets[0].clock.sleep_s(wait_s)
