"""Which findings are anybody's business: those of sets that are whole.

A set without a manifest is being written, perhaps by another machine, which would
not get the names that a repair takes; or it was interrupted, and `cleanup` deletes
it.  One that this machine began to delete must not come back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tiered.archive.filename import Namer, SetId
from tiered.archive.kinds import Kind, kind_of
from tiered.engine.context import Context
from tiered.engine.copies.compare import Finding
from tiered.engine.copies.look import Comparison
from tiered.store import Debt, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Findings, sorted out."""

    findings: tuple[Finding, ...]
    """What scrub shows and repair sees to."""
    held: tuple[Finding, ...]
    """Of sets that are not whole, or that this machine is at: left as they are."""
    sets: frozenset[SetId]
    """Those sets."""

    @property
    def names(self) -> frozenset[str]:
        """What is left as it is."""
        return frozenset(finding.name for finding in self.held)


def scope_of(context: Context, comparison: Comparison) -> Scope:
    """Sort out what a comparison found.

    Names of archives with other prefixes are not told apart.
    """
    namer, own = context.namer, frozenset(context.cache.journal())
    whole = _whole_sets(namer, comparison.listings) if comparison.findings else set()
    findings: list[Finding] = []
    held: list[Finding] = []
    sets: set[SetId] = set()
    for finding in comparison.findings:
        parsed = namer.parse(finding.name)
        if parsed and (parsed.set_id not in whole or str(parsed.set_id) in own):
            held.append(finding)
            sets.add(parsed.set_id)
        else:
            findings.append(finding)
    return Scope(findings=tuple(findings), held=tuple(held), sets=frozenset(sets))


def unseen(comparison: Comparison, debts: Iterable[Debt]) -> frozenset[str]:
    """Names of debts that nobody lists, while a member is silent that may."""
    if not comparison.silent:
        return frozenset()
    names = {debt.name for debt in debts}
    for entries in comparison.listings.values():
        names -= {entry.name for entry in entries if entry.name in names}
    return frozenset(names)


def _whole_sets(namer: Namer, listings: Mapping[str, Sequence[Entry]]) -> set[SetId]:
    """Those whose manifest is listed anywhere."""
    names = {
        entry.name
        for entries in listings.values()
        for entry in entries
        if ".manifest" in entry.name and kind_of(entry.name) is Kind.MANIFEST
    }
    return {parsed.set_id for name in names if (parsed := namer.parse(name))}
