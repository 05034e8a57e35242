"""Carry thaw plans out: ask once, wait by listing, go on after a restart."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from tiered.clock import Clock
from tiered.cold.plan import ThawPlan, plan_thaw
from tiered.monitor import Monitor, Progress
from tiered.store import Thaw
from tiered.units import format_count, format_duration

POLL_S = 60.0
"""Between two looks if the store does not say how long it takes."""
LONGEST_POLL_S = 300.0
_BATCH = 100
"""Requests between two notes in the journal."""


class Requests(Protocol):
    """Remembers what was asked for, over restarts."""

    def thaws(self) -> Mapping[str, float]: ...
    def thaws_add(self, names: Iterable[str], time_s: float) -> None: ...


def look(
    thaw: Thaw, names: Iterable[str], requests: Requests, clock: Clock
) -> ThawPlan:
    """The plan for `names`, from listings alone; nothing is asked for.

    Raises:
        NotFound: One of them is not listed.
    """
    return plan_thaw(thaw.frost(tuple(names)), requests.thaws(), clock.time_s())


def ask_for(
    thaw: Thaw, names: Iterable[str], requests: Requests, clock: Clock, monitor: Monitor
) -> None:
    """Ask for what is sealed and was not asked for; return at once.

    Raises:
        NotFound: One of them is not listed.
    """
    plan = look(thaw, names, requests, clock)
    if plan.ask:
        _ask(thaw, plan.ask, requests, clock, monitor)


def thaw_and_wait(
    thaw: Thaw, names: Iterable[str], requests: Requests, clock: Clock, monitor: Monitor
) -> None:
    """Return when all of `names` can be read.

    It may be killed at any moment and started again: what was asked for is seen
    in the store's listing or in `requests`, and is not asked for twice.
    """
    wanted = tuple(names)
    begun_s: float | None = None
    while True:
        plan = look(thaw, wanted, requests, clock)
        if plan.ask:
            _ask(thaw, plan.ask, requests, clock, monitor)
            plan = look(thaw, wanted, requests, clock)
        if plan.is_done:
            return
        if begun_s is None:
            begun_s = clock.time_s()
            _say_what_is_waited_for(plan, len(wanted), monitor)
        waited_s = clock.time_s() - begun_s
        total_s = None if plan.wait_s is None else int(waited_s + plan.wait_s)
        monitor.progress(Progress("thaw", int(waited_s), total_s, "s"))
        clock.sleep_s(min(plan.wait_s or POLL_S, LONGEST_POLL_S))


def _say_what_is_waited_for(plan: ThawPlan, count: int, monitor: Monitor) -> None:
    how_long = (
        "the store does not say how long"
        if plan.wait_s is None
        else f"about {format_duration(plan.wait_s)}"
    )
    monitor.note(
        f"waiting for {len(plan.thawing)} of {format_count(count, 'volume')} to thaw, "
        f"{how_long}; "
        "you may stop here and run the same command later"
    )


def _ask(
    thaw: Thaw,
    names: tuple[str, ...],
    requests: Requests,
    clock: Clock,
    monitor: Monitor,
) -> None:
    monitor.note(f"asking the cold store to thaw {format_count(len(names), 'volume')}")
    for at in range(0, len(names), _BATCH):
        batch = names[at : at + _BATCH]
        thaw.thaw(batch)
        requests.thaws_add(batch, clock.time_s())
