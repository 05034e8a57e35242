"""Which objects to thaw: a pure decision from what is known."""

from collections.abc import Mapping
from dataclasses import dataclass

from tiered.store import Frost, Warmth

GRACE_S = 900.0
"""A listing may lag behind a request by minutes (Swift); an object that was
asked for within this time and still looks cold is not asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThawPlan:
    """What a restore has to ask for and to wait for."""

    warm: tuple[str, ...]
    thawing: tuple[str, ...]
    ask: tuple[str, ...]
    wait_s: float | None
    """Longest wait that the store announced for what is thawing, if any."""

    @property
    def is_done(self) -> bool:
        return not self.thawing and not self.ask


def plan_thaw(
    frosts: Mapping[str, Frost], asked_s: Mapping[str, float], time_s: float
) -> ThawPlan:
    """Decide for each object: nothing, wait, or ask.

    Args:
        frosts: How cold each needed object is.
        asked_s: When objects were asked for, in seconds since 1970; also in
            earlier runs.
        time_s: The present.
    """
    warm, thawing, ask = [], [], []
    waits = []
    for name in sorted(frosts):
        frost = frosts[name]
        recent = time_s - asked_s.get(name, float("-inf")) < GRACE_S
        if frost.warmth is Warmth.WARM:
            warm.append(name)
        elif frost.warmth is Warmth.THAWING or recent:
            thawing.append(name)
            if frost.wait_s is not None:
                waits.append(frost.wait_s)
        else:
            ask.append(name)
    return ThawPlan(
        warm=tuple(warm),
        thawing=tuple(thawing),
        ask=tuple(ask),
        wait_s=max(waits, default=None),
    )
