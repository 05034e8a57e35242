"""A store that does not answer costs its time-out once."""

from pathlib import Path

import pytest

from tests.unit.sites import Down
from tiered.backends.file import FileSettings, FileStore
from tiered.errors import Full, NotFound, RateLimited, StoreError, Unavailable
from tiered.testing.clocks import JumpingClock
from tiered.wrap.breaker import FIRST_REST_S, LONGEST_REST_S, Breaker
from tiered.wrap.record import Recorded


class Bench:
    def __init__(self, root: Path) -> None:
        self.clock = JumpingClock()
        self.down = Down(FileStore(FileSettings(root=root)))
        self.seen = Recorded(self.down)
        self.store = Breaker(self.seen, self.clock)

    def asked(self) -> int:
        """How many calls reached the store since the last time."""
        calls = len(self.seen.calls)
        self.seen.forget()
        return calls

    def fail(self) -> str:
        with pytest.raises(Unavailable) as caught:
            self.store.list()
        return str(caught.value)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_it_is_asked_once_and_then_left_alone(bench: Bench) -> None:
    bench.down.error = Unavailable("no answer")
    assert bench.fail() == "no answer"
    assert all("left alone" in bench.fail() for _ in range(100))
    assert "no answer" in bench.fail()
    assert bench.asked() == 1


def test_it_is_asked_again_after_the_rest(bench: Bench) -> None:
    bench.down.error = Unavailable("no answer")
    bench.fail()
    bench.clock.sleep_s(FIRST_REST_S)
    bench.down.error = None
    assert bench.store.list() == ()
    assert bench.store.list() == ()
    assert bench.asked() == 3


def test_the_rest_doubles_up_to_a_bound(bench: Bench) -> None:
    bench.down.error = Unavailable("no answer")
    rests = []
    for _ in range(8):
        assert bench.fail() == "no answer"
        start_s = bench.clock.now_s()
        while "left alone" in bench.fail():
            bench.clock.sleep_s(FIRST_REST_S / 2)
        rests.append(bench.clock.now_s() - start_s)
        bench.clock.sleep_s(LONGEST_REST_S)
    assert rests[0] == FIRST_REST_S
    assert rests == sorted(rests)
    assert rests[-1] <= LONGEST_REST_S


@pytest.mark.parametrize(
    "error", [NotFound("o"), Full("no quota left"), RateLimited("slow down")]
)
def test_a_store_that_answers_is_never_left_alone(
    error: StoreError, bench: Bench
) -> None:
    bench.down.error = error
    for _ in range(3):
        with pytest.raises(type(error)):
            bench.store.list()
    assert bench.asked() == 3
