"""Which copies to make, from where, and what has to thaw for it.  Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tiered.engine.copies.compare import Finding
from tiered.store import Debt, Frost, Warmth

Frosts = Mapping[str, Mapping[str, Frost]]
"""Label -> name -> how cold that copy is; who is not there has warm ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Copies of one object to be made; it is read once."""

    name: str
    size_bytes: int
    sources: tuple[str, ...]
    """Members to read from, best first."""
    targets: tuple[str, ...]
    replaced: frozenset[str] = frozenset()
    """Those of `targets` that have a wrong copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """What a repair would do; nothing has been done."""

    transfers: tuple[Transfer, ...]
    """What can be done at once."""
    sealed: tuple[Transfer, ...]
    """What must thaw before, at the first source of each."""
    paid: tuple[Debt, ...]
    """Debts that nobody owes any more."""
    lost: tuple[Finding, ...]
    """Every copy is damaged."""

    @property
    def size_bytes(self) -> int:
        """To be written."""
        every = (*self.transfers, *self.sealed)
        return sum(t.size_bytes * len(t.targets) for t in every)

    @property
    def thaws(self) -> Mapping[str, tuple[str, ...]]:
        """Label -> what to ask it for."""
        asks = defaultdict(list)
        for transfer in self.sealed:
            asks[transfer.sources[0]].append(transfer.name)
        return {label: tuple(names) for label, names in asks.items()}


def plan_repair(
    findings: Iterable[Finding],
    debts: Iterable[Debt],
    frosts: Frosts,
    answered: frozenset[str],
    *,
    only: str | None = None,
) -> RepairPlan:
    """Decide what to copy where.

    Of copies that contradict each other, as many against as many, each is a
    source, and each a target: reading tells which is right.

    Args:
        findings: Of all members that answered.
        debts: What is kept; it ends if no finding confirms it.
        answered: Members whose listing the findings are made from.
        only: A member to make copies on; None: all.
    """
    transfers, sealed, lost = [], [], []
    needed: set[tuple[str, str]] = set()
    loads: Counter[str] = Counter()
    for finding in findings:
        needed |= {(finding.name, k) for k in (*finding.missing, *finding.different)}
        transfer = _transfer(finding, frosts, loads, only)
        if transfer is None:
            continue
        if not transfer.sources:
            lost.append(finding)
        elif _rank(transfer, frosts, transfer.sources[0]):
            sealed.append(transfer)
        else:
            transfers.append(transfer)
    paid = (
        debt
        for debt in debts
        if debt.label in answered and (debt.name, debt.label) not in needed
    )
    return RepairPlan(
        transfers=tuple(transfers),
        sealed=tuple(sealed),
        paid=tuple(paid),
        lost=tuple(lost),
    )


def _transfer(
    finding: Finding, frosts: Frosts, loads: Counter[str], only: str | None
) -> Transfer | None:
    by_load = sorted(finding.missing, key=loads.__getitem__)
    new = [k for k in by_load[: finding.lacking] if only in (None, k)]
    wrong = [k for k in finding.different if only in (None, k)]
    sources = finding.good
    if finding.unclear:
        sources += finding.different
        wrong = [k for k in (*finding.good, *finding.different) if only in (None, k)]
    if not new and not wrong:
        return None
    for label in new:
        loads[label] += max(finding.size_bytes, 1)
    plain = Transfer(
        name=finding.name,
        size_bytes=finding.size_bytes,
        sources=sources,
        targets=(*new, *wrong),
        replaced=frozenset(wrong),
    )
    ranked = sorted(sources, key=lambda label: _rank(plain, frosts, label))
    return Transfer(
        name=plain.name,
        size_bytes=plain.size_bytes,
        sources=tuple(ranked),
        targets=plain.targets,
        replaced=plain.replaced,
    )


def _rank(transfer: Transfer, frosts: Frosts, label: str) -> int:
    """0: it can be read at once."""
    frost = frosts.get(label, {}).get(transfer.name)
    order = {Warmth.WARM: 0, Warmth.THAWING: 1, Warmth.COLD: 2}
    return order[frost.warmth] if frost else 0
