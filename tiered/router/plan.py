"""Where to write, read and delete: decided here, from values alone.

Holds for all rules and names, and is checked in tests/property:
  * what a write plan may touch, the read plan and the delete plan cover
  * what is read-only, the read plan alone covers
  * a plan depends on the rules, the name and, for a write, the loads only
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind, kind_of
from tiered.router.route import Mode, OnFail, Route
from tiered.router.rules import Rules

_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan:
    """Put on `targets` until `copies` have the object."""

    targets: tuple[str, ...]
    """Empty if all members that the name belongs to are read-only."""
    copies: int
    """How many are wanted."""
    need: int
    """With fewer the put has failed; what is missing between is a debt."""
    arbiter: bool = False
    """Is the first target asked alone, before the others?  Then of two writers
    that create one name at once, one gets it, as far as that member can tell."""


def plan_write(
    rules: Rules, name: str, loads: Mapping[str, int] = _NOTHING
) -> WritePlan:
    """Where to put `name`.

    Args:
        loads: Bytes that each member took before, by label; only striping looks
            at it: the member with the least for its weight is next.
    """
    route = rules.route_of(name)
    if route.mode is Mode.MIRROR:
        return WritePlan(
            targets=route.writing,
            copies=route.copies,
            need=route.need,
            arbiter=kind_of(name) is Kind.MANIFEST,
        )

    def fill(label: str) -> float:
        return loads.get(label, 0) / rules.member(label).weight

    targets = tuple(sorted(route.writing, key=fill))
    go_on = route.onfail is OnFail.CONTINUE
    return WritePlan(targets=targets if go_on else targets[:1], copies=1, need=1)


def plan_read(rules: Rules, name: str) -> tuple[str, ...]:
    """All members, those that `name` belongs to first.

    The others follow because a rule may be younger than an object.
    """
    route = rules.route_of(name)
    first = route.reading
    if not route.read_order:
        members = map(rules.member, first)
        by_cost = sorted(members, key=lambda member: (member.read_only, member.cost))
        first = tuple(member.label for member in by_cost)
    return first + tuple(label for label in rules.labels if label not in first)


def plan_delete(rules: Rules, name: str) -> tuple[str, ...]:
    """Every place where a copy may be, under these rules or older ones, but for
    those that are read-only.
    """
    read_only = rules.read_only
    return tuple(k for k in plan_read(rules, name) if k not in read_only)


def plan_survey(rules: Rules) -> tuple[frozenset[str], ...]:
    """Groups of members; of each group, one at least must answer a survey.

    A group that is silent would make a kind of object look empty.  When
    striping each member is a group, as what it holds is nowhere else.  Of a mirror
    one that is read-only does not do: it has nothing new.
    """
    if rules.mode is Mode.STRIPE and not rules.routes:
        return tuple(frozenset([label]) for label in rules.labels)
    groups = (group for route in every_route(rules) for group in _groups(route))
    return tuple(dict.fromkeys(groups))


def is_writable(rules: Rules, silent: frozenset[str]) -> bool:
    """Can objects of every kind be put while members are silent?"""
    return all(
        len(silent & {*route.writing}) <= _spare(route) for route in every_route(rules)
    )


def _spare(route: Route) -> int:
    """How many of its members a put can do without; below 0: none is enough."""
    if not route.writing:
        return -1
    if route.mode is Mode.MIRROR:
        return route.copies - route.need
    return len(route.writing) - 1 if route.onfail is OnFail.CONTINUE else 0


def every_route(rules: Rules) -> tuple[Route, ...]:
    """All there are, and where names of each kind go that match none."""
    prefixes = {"", *(p for m in rules.members for p in m.prefixes)}
    prefixes |= {p for route in rules.routes for p in route.match.prefixes}
    samples = (*SAMPLES.values(), *NATIVE_SAMPLES.values())
    names = (p + sample for p in sorted(prefixes) for sample in samples)
    return (*rules.routes, *(rules.route_of(name) for name in names))


def _groups(route: Route) -> tuple[frozenset[str], ...]:
    if route.mode is Mode.MIRROR:
        return (frozenset(route.writing or route.labels),)
    return tuple(frozenset([label]) for label in route.labels)
