"""A token bucket never gives more than it has, whoever asks, and wastes nothing."""

from functools import partial
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stepping import SteppingClock
from tiered.wrap.tokens import TokenBucket, take

RATE, BURST = 8.0, 16
"""Powers of two: what is computed in floats is then exact."""

Program = list[tuple[int, int]]
"""Of one thread: seconds to do something else, and then tokens to take."""
programs = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, BURST)), max_size=6),
    min_size=1,
    max_size=6,
)


def passed(threads: list[Program]) -> list[tuple[float, int]]:
    """When how many tokens were given out, in order."""
    clock = SteppingClock()
    bucket = TokenBucket(RATE, BURST, clock)
    found: list[tuple[float, int]] = []

    def run(program: Program) -> None:
        for idle_s, tokens in program:
            clock.sleep_s(idle_s)
            take([bucket], tokens)
            found.append((clock.now_s(), tokens))

    clock.run([partial(run, program) for program in threads])
    return sorted(found)


@given(programs)
def test_never_more_than_the_rate_and_what_was_saved(threads: list[Program]) -> None:
    found = passed(threads)
    sums = [0, *accumulate(tokens for _, tokens in found)]
    for i, (first_s, _) in enumerate(found):
        for j in range(i, len(found)):
            allowed = RATE * (found[j][0] - first_s) + BURST
            assert sums[j + 1] - sums[i] <= allowed


@given(programs)
def test_nobody_waits_longer_than_needed(threads: list[Program]) -> None:
    found = passed(threads)
    tokens = sum(t for _, t in found)
    assert len(found) == sum(map(len, threads))
    idle_s = max(sum(s for s, _ in program) for program in threads)
    last_s = found[-1][0] if found else 0.0
    assert last_s <= idle_s + tokens / RATE


@given(st.integers(BURST + 1, 10 * BURST), st.integers(1, BURST))
def test_more_than_fits_comes_when_it_is_earned(large: int, small: int) -> None:
    clock = SteppingClock()
    bucket = TokenBucket(RATE, BURST, clock)
    take([], large)
    for tokens in (large, small):
        clock.run([partial(take, [bucket], tokens)])
    assert clock.now_s() == (large + small - BURST) / RATE
