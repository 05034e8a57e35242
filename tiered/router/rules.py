"""Which members of a router a name belongs to.

Placement of a name, the first that applies:

  1. the members with a prefix that the name starts with  [as duplicity]
  2. if any member has a tier: the members of the tier that the kind of the
     name wants (volumes and copies of keys cold, all else hot), and those with
     neither prefixes nor tier
  3. all members  [as duplicity]
"""

from dataclasses import dataclass
from enum import Enum

from tiered.archive.kinds import kind_of


class Tier(Enum):
    """Can an object be read at once?"""

    HOT = "hot"
    COLD = "cold"


class Mode(Enum):
    """What several members are for."""

    STRIPE = "stripe"
    """Each object lies on one of them."""
    MIRROR = "mirror"
    """Each object lies on all of them."""


class OnFail(Enum):
    """What a put does when a member fails."""

    CONTINUE = "continue"
    """Stripe: take the next one.  Mirror: one copy is enough for now."""
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Member:
    """One store of a router, as far as rules care."""

    label: str
    prefixes: tuple[str, ...] = ()
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides where names go.  The order of members is their rank."""

    members: tuple[Member, ...]
    mode: Mode = Mode.STRIPE
    onfail: OnFail = OnFail.CONTINUE

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("a router needs a member")
        if len(set(self.labels)) < len(self.members):
            raise ValueError(f"labels are not unique: {self.labels}")

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(m.label for m in self.members)

    def eligible(self, name: str) -> tuple[Member, ...]:
        """The members that `name` belongs to, by rank; never empty."""
        return self._by_prefix(name) or self._by_tier(name) or self.members

    def _by_prefix(self, name: str) -> tuple[Member, ...]:
        return tuple(m for m in self.members if name.startswith(m.prefixes))

    def _by_tier(self, name: str) -> tuple[Member, ...]:
        if not any(m.tier for m in self.members):
            return ()
        wanted = Tier.COLD if kind_of(name).is_cold else Tier.HOT
        return tuple(
            m for m in self.members if m.tier is wanted or not (m.tier or m.prefixes)
        )
