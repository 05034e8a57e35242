"""What happens to a group of names: where their copies go, and how many count."""

from dataclasses import dataclass, replace
from enum import Enum
from fnmatch import fnmatchcase

from tiered.archive.kinds import Kind, kind_of


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which names a route is for: all that is said must hold.

    Of each list one entry is enough; an empty list says nothing.
    """

    kinds: frozenset[Kind] = frozenset()
    """What goes with these (`Kind.home`) belongs to them."""
    prefixes: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    """As in a shell, of the whole name; upper and lower case differ."""

    def __call__(self, name: str) -> bool:
        return (
            (not self.kinds or kind_of(name).home in self.kinds)
            and (not self.prefixes or name.startswith(self.prefixes))
            and (not self.globs or any(fnmatchcase(name, g) for g in self.globs))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where names go."""

    name: str = ""
    """As messages call it."""
    match: Match = Match()
    labels: tuple[str, ...]
    """Members by rank, not empty."""
    mode: Mode
    onfail: OnFail
    quorum: int | None = None
    """Mirror: a put with fewer copies has failed.  None: as `onfail` says."""
    read_order: tuple[str, ...] = ()
    """Members to read from first; the others follow by rank."""
    read_only: frozenset[str] = frozenset()
    """Members that get nothing and lose nothing: they are read."""

    @property
    def writing(self) -> tuple[str, ...]:
        """Members that get copies, by rank; empty if all are read-only."""
        return tuple(label for label in self.labels if label not in self.read_only)

    @property
    def copies(self) -> int:
        """How many are wanted of each object."""
        return len(self.writing) if self.mode is Mode.MIRROR else 1

    @property
    def need(self) -> int:
        """With fewer copies a put has failed; what is missing between is a debt."""
        if self.quorum is not None:
            return min(self.quorum, self.copies)
        return 1 if self.onfail is OnFail.CONTINUE else self.copies

    @property
    def reading(self) -> tuple[str, ...]:
        """Its members, in the order in which they are asked.

        Those that are read-only come last unless `read_order` names them: what was
        replaced is old there.
        """
        rest = [label for label in self.labels if label not in self.read_order]
        return self.read_order + tuple(sorted(rest, key=self.read_only.__contains__))

    def without(self, label: str) -> "Route":
        """The same route without one of its members."""
        return replace(
            self,
            labels=tuple(k for k in self.labels if k != label),
            read_order=tuple(k for k in self.read_order if k != label),
            read_only=self.read_only - {label},
        )
