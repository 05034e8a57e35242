"""Which findings are anybody's business: those of sets that are whole.

A set without a manifest is being written, perhaps by another machine, which would
not get the names that a repair takes; or it was interrupted, and `cleanup` deletes
it.  One that this machine began to delete must not come back; nor one that was
deleted wherever anything can be deleted, and lies on read-only members alone.
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
    alone: frozenset[SetId]
    """Sets that lie on read-only members alone: left as they are, too."""

    @property
    def names(self) -> frozenset[str]:
        """What is left as it is."""
        return frozenset(finding.name for finding in self.held)


def scope_of(
    context: Context, comparison: Comparison, *, brings_back: bool = False
) -> Scope:
    """Sort out what a comparison found.

    Names of archives with other prefixes are not told apart.

    Args:
        brings_back: Are sets that read-only members alone have to be copied?
    """
    namer, own = context.namer, frozenset(context.cache.journal())
    whole = _whole_sets(namer, comparison.listings) if comparison.findings else set()
    alone = set() if brings_back else _sets_alone(namer, comparison)
    findings: list[Finding] = []
    held: list[Finding] = []
    sets: set[SetId] = set()
    for finding in comparison.findings:
        parsed = namer.parse(finding.name)
        if parsed and (parsed.set_id not in whole or str(parsed.set_id) in own):
            held.append(finding)
            sets.add(parsed.set_id)
        elif parsed and parsed.set_id in alone:
            continue
        else:
            findings.append(finding)
    return Scope(
        findings=tuple(findings),
        held=tuple(held),
        sets=frozenset(sets),
        alone=frozenset(alone & whole) - sets,
    )


def unseen(comparison: Comparison, debts: Iterable[Debt]) -> frozenset[str]:
    """Names of debts that nobody lists, while a member is silent that may."""
    if not comparison.silent:
        return frozenset()
    names = {debt.name for debt in debts}
    for entries in comparison.listings.values():
        names -= {entry.name for entry in entries if entry.name in names}
    return frozenset(names)


def _sets_alone(namer: Namer, comparison: Comparison) -> set[SetId]:
    """Those of which no other member lists anything.

    None while one is silent; nor if no set is anywhere else: whoever deletes sets
    keeps some, so then the others have lost all.
    """
    read_only = comparison.read_only
    copies = (f for f in comparison.findings if {*f.good, *f.different} <= read_only)
    found = {p.set_id for f in copies if (p := namer.parse(f.name))}
    if not found or not read_only.issuperset(comparison.silent):
        return set()
    elsewhere = {
        parsed.set_id
        for label in comparison.listings.keys() - read_only
        for entry in comparison.listings[label]
        if (parsed := namer.parse(entry.name))
    }
    return found - elsewhere if elsewhere else set()


def _whole_sets(namer: Namer, listings: Mapping[str, Sequence[Entry]]) -> set[SetId]:
    """Those whose manifest is listed anywhere."""
    names = {
        entry.name
        for entries in listings.values()
        for entry in entries
        if ".manifest" in entry.name and kind_of(entry.name) is Kind.MANIFEST
    }
    return {parsed.set_id for name in names if (parsed := namer.parse(name))}
