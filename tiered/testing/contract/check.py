"""A check of one rule: what it is about, and how it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tiered.testing.contract.rig import Broken, NotOffered, NotTried, Rig


class Outcome(Enum):
    """What a check saw."""

    HOLDS = "ok"
    BROKEN = "failed"
    NOT_OFFERED = "not offered"
    """The store can do without it, and does."""
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """How a check ended."""

    outcome: Outcome
    remark: str = ""
    """What was seen, or why it was not tried."""


@dataclass(frozen=True)
class Check:
    """A check, called as the function that it is made of."""

    run: Callable[[Rig], None]
    rule: str
    """Of `tiered.store`, or the capability that it is about."""
    text: str
    """What holds, in a few words."""
    is_optional: bool = False
    """Nothing rests on it: a store may do without."""
    on_volumes: bool = False
    """Is it about what only volumes are, where a store keeps only these cold?"""

    @property
    def __name__(self) -> str:
        """Stable: the table of stores and reports name checks by it."""
        return self.run.__name__

    def __call__(self, rig: Rig) -> Finding:
        """Run it.

        Raises:
            Broken: The store does not keep the rule.
            TieredError: The store failed otherwise.
        """
        try:
            self.run(rig)
        except NotOffered as e:
            return Finding(Outcome.NOT_OFFERED, str(e))
        except NotTried as e:
            return Finding(Outcome.NOT_TRIED, str(e))
        except Broken as e:
            if not self.is_optional:
                raise
            return Finding(Outcome.NOT_OFFERED, str(e))
        return Finding(Outcome.HOLDS, "; ".join(rig.remarks))


def check(
    rule: str, text: str, *, is_optional: bool = False, on_volumes: bool = False
) -> Callable[[Callable[[Rig], None]], Check]:
    """Make a function the check of a rule."""

    def make(run: Callable[[Rig], None]) -> Check:
        return Check(run, rule, text, is_optional, on_volumes)

    return make
