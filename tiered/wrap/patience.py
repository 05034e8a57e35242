"""How long to go on trying: the one loop that repeats calls in tiered.

The loop is tenacity's, which is loaded when a first call has failed.  What is
ours: the error says of itself whether to repeat, time is the Clock's, and a store
that asks for a pause gets it.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, TypeVar

from tiered.clock import Clock
from tiered.errors import Retry, TieredError
from tiered.units import format_count, format_duration

if TYPE_CHECKING:  # 20 ms that a store which answers does not need
    import tenacity

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When to stop, and how long to wait in between.

    The n-th wait is between half and all of `first_wait_s` * 2^(n-1), at most
    `longest_wait_s`, and never shorter than the store asked for.
    """

    attempts: int = 6
    """Calls in all, the first one included."""
    total_s: float = 600.0
    """No call starts later than this after the first one."""
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0


class Patience:
    """A policy, with the time and the dice it needs."""

    def __init__(self, policy: RetryPolicy, clock: Clock, random: Random) -> None:
        self._policy, self._clock, self._random = policy, clock, random

    def repeat(self, run: Callable[[int], T]) -> T:
        """Call `run` with 1, 2, 3 ... until it returns or it is no use.

        Raises:
            TieredError: The last error, with a note of attempts and time.
        """
        start_s = self._clock.now_s()
        try:
            return run(1)
        except TieredError as e:
            if not _is_worth_repeating(e):
                raise
            first = e
        return self._go_on(run, first, start_s)

    def _go_on(self, run: Callable[[int], T], first: TieredError, start_s: float) -> T:
        """Behind the first call, which the loop is only told of."""
        import tenacity

        attempts = itertools.count(1)

        def call() -> T:
            if (attempt := next(attempts)) == 1:
                raise first
            return run(attempt)

        loop = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_worth_repeating),
            stop=lambda state: self._is_over(state, start_s),
            wait=self._wait_s,
            sleep=self._clock.sleep_s,
            reraise=True,
        )
        try:
            return loop(call)
        except TieredError as e:
            made = next(attempts) - 1
            if made > 1 or _is_worth_repeating(e):
                e.add_note(self._farewell(made, self._clock.now_s() - start_s, e))
            raise

    def _farewell(self, made: int, spent_s: float, error: TieredError) -> str:
        said = f"gave up after {format_count(made, 'attempt')} in {spent_s:.0f} s"
        if (error.wait_s or 0.0) > self._policy.total_s - spent_s:
            wait = format_duration(error.wait_s or 0.0)
            said += f", as it asks to be left alone for {wait}"
        return said

    def _wait_s(self, state: "tenacity.RetryCallState") -> float:
        doubled_s = self._policy.first_wait_s * 2.0 ** (state.attempt_number - 1)
        longest_s = min(self._policy.longest_wait_s, doubled_s)
        wait_s = self._random.uniform(longest_s / 2, longest_s)
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.wait_s if isinstance(error, TieredError) else None
        return max(wait_s, asked_s or 0.0)

    def _is_over(self, state: "tenacity.RetryCallState", start_s: float) -> bool:
        next_s = self._clock.now_s() - start_s + state.upcoming_sleep
        too_late = next_s > self._policy.total_s
        return too_late or state.attempt_number >= self._policy.attempts


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, TieredError) and error.retry is Retry.SOON
