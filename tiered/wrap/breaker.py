"""A store that did not answer is left alone for a while.

Without this a dead mirror costs its time-out once for each object, which makes a
backup that goes on without it last for days.  It belongs around the retries, so
what opens it is a call that was given up.

The first call after the rest is let through alone, while others are still
refused; its outcome decides.  Each failure in a row doubles the rest.
"""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from tiered.clock import Clock
from tiered.errors import RateLimited, StoreError, Unavailable
from tiered.store import Store
from tiered.wrap.base import Wrapped

T = TypeVar("T")

FIRST_REST_S = 60.0
LONGEST_REST_S = 900.0


class Breaker(Wrapped):
    """`inner`, asked again only some time after it did not answer.

    Raises (any call):
        Unavailable: It is being left alone; `inner` was not asked.
    """

    def __init__(self, inner: Store, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock
        self._lock = Lock()
        self._failures = 0
        self._until_s: float | None = None
        self._why = ""

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        self._check()
        try:
            result = run()
        except RateLimited:
            self._trust()  # it answered: it is there, and busy
            raise
        except Unavailable as e:
            self._rest(e)
            raise
        except StoreError:
            self._trust()  # it answered
            raise
        self._trust()
        return result

    def _check(self) -> None:
        with self._lock:
            if self._until_s is None:
                return
            left_s = self._until_s - self._clock.now_s()
            if left_s <= 0:  # this call finds out; the others wait for its outcome
                self._until_s = self._clock.now_s() + FIRST_REST_S
                return
            raise Unavailable(
                f"{self.label} is left alone for {left_s:.0f} s more: {self._why}",
                hint="It did not answer before.  Copies that it misses are kept as "
                "debts; run `tiered repair` when it is back.",
            )

    def _rest(self, error: Unavailable) -> None:
        with self._lock:
            rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2.0**self._failures)
            self._failures += 1
            self._until_s = self._clock.now_s() + rest_s
            self._why = str(error)

    def _trust(self) -> None:
        with self._lock:
            self._failures, self._until_s = 0, None
