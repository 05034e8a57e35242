"""Where to write, read and delete: decided here, from values alone.

Holds for all rules and names, and is checked in tests/property:
  * what a write plan may touch, the read plan and the delete plan cover
  * a plan depends on the rules, the name and, for a write, the cursor only
"""

from dataclasses import dataclass

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES
from tiered.router.rules import Mode, OnFail, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan:
    """Go through `targets` until `copies` have the object."""

    targets: tuple[str, ...]
    copies: int
    """How many are wanted."""
    need: int
    """With fewer the put has failed; what is missing between is a debt."""


def plan_write(rules: Rules, name: str, cursor: int = 0) -> WritePlan:
    """Where to put `name`.

    Args:
        cursor: How many names of the same members were put before; only
            striping looks at it.
    """
    labels = tuple(m.label for m in rules.eligible(name))
    go_on = rules.onfail is OnFail.CONTINUE
    if rules.mode is Mode.MIRROR:
        need = 1 if go_on else len(labels)
        return WritePlan(targets=labels, copies=len(labels), need=need)
    first = cursor % len(labels)
    turned = labels[first:] + labels[:first]
    return WritePlan(targets=turned if go_on else turned[:1], copies=1, need=1)


def plan_read(rules: Rules, name: str) -> tuple[str, ...]:
    """All members, those that `name` belongs to first.

    The others follow because a rule may be younger than an object.
    """
    first = tuple(m.label for m in rules.eligible(name))
    return first + tuple(label for label in rules.labels if label not in first)


def plan_delete(rules: Rules, name: str) -> tuple[str, ...]:
    """Every place where a copy may be, under these rules or older ones."""
    return plan_read(rules, name)


def plan_survey(rules: Rules) -> tuple[frozenset[str], ...]:
    """Groups of members; of each group, one at least must answer a survey.

    A group that is silent would make a kind of object look empty.  When
    striping each member is a group, as what it holds is nowhere else.
    """
    if rules.mode is Mode.STRIPE:
        return tuple(frozenset([label]) for label in rules.labels)
    prefixes = {"", *(p for m in rules.members for p in m.prefixes)}
    samples = (*SAMPLES.values(), *NATIVE_SAMPLES.values())
    names = (p + sample for p in sorted(prefixes) for sample in samples)
    groups = (frozenset(m.label for m in rules.eligible(name)) for name in names)
    return tuple(dict.fromkeys(groups))
