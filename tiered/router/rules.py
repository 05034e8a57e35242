"""Which members of a router a name belongs to.

Placement of a name, the first that applies:

  1. the first route that matches it
  2. the members with a prefix that the name starts with  [as duplicity]
  3. if any member has a tier: the members of the tier that the kind of the
     name wants (volumes and copies of keys cold, all else hot), and those with
     neither prefixes nor tier
  4. all members  [as duplicity]

A member that is read-only belongs to names as any other does; it gets no copy.
"""

from dataclasses import dataclass, field
from enum import Enum

from tiered.archive.kinds import kind_of
from tiered.router.route import Mode, OnFail, Route


class Tier(Enum):
    """Can an object be read at once?"""

    HOT = "hot"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class Member:
    """One store of a router, as far as rules care."""

    label: str
    prefixes: tuple[str, ...] = ()
    tier: Tier | None = None
    weight: float = 1.0
    """Its share of the bytes of a stripe, beside the weights of the others."""
    cost: float = 0.0
    """Of reading from it, in any unit: the cheapest is read first."""
    read_only: bool = False
    """Is it only read?  Then nothing is put there, and nothing deleted."""


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides where names go.  The order of members is their rank."""

    members: tuple[Member, ...]
    mode: Mode = Mode.STRIPE
    """Of names that no route matches; so is `onfail`."""
    onfail: OnFail = OnFail.CONTINUE
    routes: tuple[Route, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("a router needs a member")
        if len(set(self.labels)) < len(self.members):
            raise ValueError(f"labels are not unique: {self.labels}")
        for route in self.routes:
            if not route.labels or not {*route.reading} <= {*self.labels}:
                raise ValueError(f"route {route.name!r} has other members: {route}")
            if route.read_only != self.read_only & {*route.labels}:
                raise ValueError(f"route {route.name!r} writes otherwise: {route}")

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(m.label for m in self.members)

    @property
    def read_only(self) -> frozenset[str]:
        """Labels of the members that are only read."""
        return frozenset(m.label for m in self.members if m.read_only)

    def route_of(self, name: str) -> Route:
        """What happens to `name`."""
        for route in self.routes:
            if route.match(name):
                return route
        members = self._by_prefix(name) or self._by_tier(name) or self.members
        return Route(
            labels=tuple(m.label for m in members),
            mode=self.mode,
            onfail=self.onfail,
            read_only=frozenset(m.label for m in members if m.read_only),
        )

    def eligible(self, name: str) -> tuple[Member, ...]:
        """The members that `name` belongs to, by rank; never empty."""
        labels = self.route_of(name).labels
        return tuple(self.member(label) for label in labels)

    def without(self, label: str) -> "Rules":
        """The same rules for a router that lost a member.

        Raises:
            ValueError: Some route, or all, would have no member.
        """
        return Rules(
            tuple(m for m in self.members if m.label != label),
            self.mode,
            self.onfail,
            routes=tuple(route.without(label) for route in self.routes),
        )

    def member(self, label: str) -> Member:
        return next(m for m in self.members if m.label == label)

    def _by_prefix(self, name: str) -> tuple[Member, ...]:
        return tuple(m for m in self.members if name.startswith(m.prefixes))

    def _by_tier(self, name: str) -> tuple[Member, ...]:
        if not any(m.tier for m in self.members):
            return ()
        wanted = Tier.COLD if kind_of(name).is_cold else Tier.HOT
        return tuple(
            m for m in self.members if m.tier is wanted or not (m.tier or m.prefixes)
        )
