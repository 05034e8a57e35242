"""Which objects to ask for: decided from what is known, nothing else."""

import pytest

from tiered.cold.plan import GRACE_S, ThawPlan, plan_thaw
from tiered.store import Frost, Warmth

NOW_S = 1_800_000_000.0
WARM, COLD = Frost(Warmth.WARM), Frost(Warmth.COLD)


def thawing(wait_s: float | None = None) -> Frost:
    return Frost(Warmth.THAWING, wait_s)


def plan(asked_s: dict[str, float] | None = None, /, **frosts: Frost) -> ThawPlan:
    return plan_thaw(frosts, asked_s or {}, NOW_S)


def test_each_object_gets_what_it_needs() -> None:
    made = plan(d=COLD, c=thawing(60), b=WARM, a=COLD)
    assert made == ThawPlan(warm=("b",), thawing=("c",), ask=("a", "d"), wait_s=60)
    assert not made.is_done


@pytest.mark.parametrize("frosts", [{}, {"a": WARM, "b": WARM}])
def test_nothing_is_left_to_do(frosts: dict[str, Frost]) -> None:
    assert plan_thaw(frosts, {}, NOW_S).is_done


def test_the_longest_wait_counts() -> None:
    assert plan(a=thawing(60), b=thawing(7200), c=thawing()).wait_s == 7200
    assert plan(a=thawing()).wait_s is None
    assert plan(a=thawing(0.0)).wait_s == 0.0


@pytest.mark.parametrize(
    ("ago_s", "asked_again"), [(0.0, False), (GRACE_S - 1, False), (GRACE_S, True)]
)
def test_a_listing_may_lag_behind_a_request(ago_s: float, asked_again: bool) -> None:
    made = plan({"a": NOW_S - ago_s}, a=COLD)
    assert (made.ask, made.thawing) == ((("a",), ()) if asked_again else ((), ("a",)))
    assert not made.is_done


def test_an_object_that_was_sealed_again_is_asked_for_again() -> None:
    assert plan({"a": NOW_S - 30 * 3600}, a=COLD).ask == ("a",)


def test_what_is_thawing_is_not_asked_for_however_long_ago_that_was() -> None:
    made = plan({"a": NOW_S - 48 * 3600}, a=thawing(10), b=thawing())
    assert made.ask == ()
    assert made.thawing == ("a", "b")


def test_requests_for_other_objects_mean_nothing() -> None:
    assert plan({"b": NOW_S}, a=COLD).ask == ("a",)


def test_a_plan_does_not_depend_on_the_order_of_a_listing() -> None:
    assert plan(c=COLD, a=COLD, b=COLD) == plan(a=COLD, b=COLD, c=COLD)
