"""Which copies to make, from where, and what has to thaw for it.  Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tiered.engine.copies.compare import Finding
from tiered.store import Debt, Frost, Warmth

Frosts = Mapping[str, Mapping[str, Frost]]
"""Label -> name -> how cold that copy is; who is not there has warm ones."""
_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Copies of one object to be made; of each source, it is read once."""

    name: str
    size_bytes: int
    sources: tuple[str, ...]
    """All members that have a copy, best to read from first."""
    targets: tuple[str, ...]
    """Members to get a copy, by all that is known without reading."""
    good: frozenset[str]
    """Sources that agree with most."""
    damaged: frozenset[str] = frozenset()
    """Sources that were read before, and were wrong."""
    contested: bool = False
    """Listings do not tell which source is right."""
    only: str | None = None
    """A member to write on; None: all."""
    barred: frozenset[str] = frozenset()
    """Members not to write on."""

    @property
    def copies(self) -> int:
        """To be made, at most: of contested copies one at least is right."""
        is_one_right = self.contested and {*self.sources} <= {*self.targets}
        return len(self.targets) - is_one_right

    def may_write(self, label: str) -> bool:
        return self.only in (None, label) and label not in self.barred

    def without(self, labels: Iterable[str]) -> "Transfer":
        """The same, but for some of its targets."""
        barred = frozenset(labels)
        targets = tuple(label for label in self.targets if label not in barred)
        return replace(self, targets=targets, barred=self.barred | barred)


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
    """Every copy was found damaged.  What can be read is read again, in case that
    somebody brought a good one."""
    left: Mapping[str, tuple[str, ...]]
    """Member that is read-only -> names whose copy there differs, and stays."""

    @property
    def size_bytes(self) -> int:
        """To be written."""
        every = (*self.transfers, *self.sealed)
        return sum(t.size_bytes * t.copies for t in every)

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
    members: frozenset[str] | None = None,
    read_only: frozenset[str] = frozenset(),
    kept: frozenset[str] = frozenset(),
    only: str | None = None,
    loads: Mapping[str, int] = _NOTHING,
) -> RepairPlan:
    """Decide what to copy where.

    Of copies that contradict each other, and listings do not tell which is right,
    each is a source, and each a target: reading tells.

    Args:
        findings: Of all members that answered.
        debts: What is kept; it ends if no finding confirms it.
        answered: Members whose listing the findings are made from.
        members: All there are; debts of others end, too.  None: `answered`, and
            whoever owes.
        read_only: Members that are left as they are; their debts end.
        kept: Names whose debts stay whatever the findings say.
        only: A member to make copies on; None: all.
        loads: Bytes that each member has: where not all members of a route get a
            copy, the one with the least gets it.
    """
    findings = tuple(findings)
    transfers, sealed, lost = [], [], []
    needed: set[tuple[str, str]] = set()
    wanting = set(kept)
    filled = Counter(loads)
    for finding in findings:
        needed |= {(finding.name, k) for k in (*finding.missing, *finding.different)}
        wanting.add(finding.name)
        if finding.lost:
            lost.append(finding)
        transfer = _transfer(finding, frosts, filled, only, read_only)
        if transfer is None:
            continue
        if not _rank(transfer.name, frosts, transfer.sources[0]):
            transfers.append(transfer)
        elif not finding.lost:
            sealed.append(transfer)

    def is_paid(debt: Debt) -> bool:
        if debt.name in kept:
            return False
        if members is not None and debt.label not in members:
            return debt.name not in wanting
        if debt.label in read_only:
            return True
        return debt.label in answered and (debt.name, debt.label) not in needed

    return RepairPlan(
        transfers=tuple(transfers),
        sealed=tuple(sealed),
        paid=tuple(filter(is_paid, debts)),
        lost=tuple(lost),
        left=_left(findings, read_only),
    )


def _left(
    findings: Iterable[Finding], read_only: frozenset[str]
) -> Mapping[str, tuple[str, ...]]:
    left = defaultdict(list)
    for finding in findings:
        for label in sorted(read_only.intersection(finding.different)):
            left[label].append(finding.name)
    return {label: tuple(names) for label, names in left.items()}


def _transfer(
    finding: Finding,
    frosts: Frosts,
    loads: Counter[str],
    only: str | None,
    read_only: frozenset[str],
) -> Transfer | None:
    holders = (*finding.good, *finding.different)
    contested = finding.unclear or finding.lost
    by_load = sorted(finding.missing, key=loads.__getitem__)
    new = [k for k in by_load[: finding.lacking] if only in (None, k)]
    doubtful = holders if contested else finding.different
    wrong = [k for k in doubtful if only in (None, k) and k not in read_only]
    if not new and not wrong:
        return None
    for label in new:
        loads[label] += max(finding.size_bytes, 1)

    def rank(label: str) -> tuple[bool, bool, int, bool]:
        is_last = label in finding.damaged
        is_late = not contested and label not in finding.good
        frost = _rank(finding.name, frosts, label)
        return is_last, is_late, frost, label in read_only  # which refuses to thaw

    return Transfer(
        name=finding.name,
        size_bytes=finding.size_bytes,
        sources=tuple(sorted(holders, key=rank)),
        targets=(*new, *wrong),
        good=frozenset(finding.good),
        damaged=frozenset(finding.damaged),
        contested=contested,
        only=only,
        barred=read_only,
    )


def _rank(name: str, frosts: Frosts, label: str) -> int:
    """0: it can be read at once."""
    frost = frosts.get(label, {}).get(name)
    order = {Warmth.WARM: 0, Warmth.THAWING: 1, Warmth.COLD: 2}
    return order[frost.warmth] if frost else 0
