"""Make copies that are missing or wrong: each object is read once, checked, and put.

It may be killed at any moment and started again: what was copied is listed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tiered.archive.filename import SetId
from tiered.archive.kinds import Kind, kind_of
from tiered.engine.context import Context
from tiered.engine.copies.crew import work_through
from tiered.engine.copies.look import Comparison
from tiered.engine.copies.payer import Outcome, Payer
from tiered.engine.copies.plan import RepairPlan, Transfer
from tiered.engine.copies.proof import Prove, unknown
from tiered.engine.copies.witness import Witness
from tiered.errors import Frozen, StoreError
from tiered.monitor import Progress
from tiered.store import Debt, Group

_SETTLE_AFTER = 5_000
"""Copies between two times that debts are forgotten."""


@dataclass(slots=True, kw_only=True)
class RepairReport:
    """What was done."""

    copies: Counter[str] = field(default_factory=Counter)
    """Made, by label."""
    size_bytes: int = 0
    """Written."""
    failed: dict[str, StoreError] = field(default_factory=dict)
    """Names that could not be copied everywhere, with the reason."""
    undecided: list[str] = field(default_factory=list)
    """Names whose copies differ, and nothing tells which is right."""
    damaged: list[str] = field(default_factory=list)
    """Names of which every copy was read, and is not right."""
    held_back: list[str] = field(default_factory=list)
    """Manifests that were not copied, as something of their set was not."""

    @property
    def frozen(self) -> frozenset[str]:
        """Names of `failed` whose last hope is sealed."""
        failed = self.failed.items()
        return frozenset(name for name, e in failed if isinstance(e, Frozen))

    @property
    def unfinished(self) -> tuple[str, ...]:
        return (*self.failed, *self.undecided, *self.damaged, *self.held_back)

    def followed_by(self, later: "RepairReport") -> "RepairReport":
        """Both together; what is not finished is what the later one left."""
        return replace(
            later,
            copies=self.copies + later.copies,
            size_bytes=self.size_bytes + later.size_bytes,
        )

    def add(self, name: str, outcome: Outcome) -> None:
        """What was done for one object."""
        self.copies.update(outcome.made)
        self.size_bytes += outcome.size_bytes * len(outcome.made)
        if outcome.error:
            self.failed[name] = outcome.error
        if outcome.is_undecided:
            self.undecided.append(name)
        if outcome.is_damaged:
            self.damaged.append(name)


def run_repair(
    context: Context,
    group: Group,
    plan: RepairPlan,
    transfers: Sequence[Transfer],
    comparison: Comparison,
    witnesses: Mapping[str, Witness],
    threads: int,
    prove: Prove = unknown,
) -> RepairReport:
    """Carry out transfers of a plan; those of sealed copies must have thawed.

    A manifest is put behind everything else, and on no member that lacks something
    of its set after this: a set must not look whole where it is not.

    Args:
        plan: Whose debts are forgotten, as they are paid.
        witnesses: What is known of names besides listings.
        prove: Tells of objects without a witness whether they can be right.

    Raises:
        ScratchError: There is no room for `threads` of the objects.
        StoreError: What is owed could not be read.

    A store that fails costs its own copies: what it misses stays owed.
    """
    if plan.paid:
        group.settle(plan.paid)
    payer = Payer(context, group, comparison, witnesses, prove)
    chosen = {id(t) for t in transfers}
    lacking = _Lacking(context)
    for transfer in (*plan.transfers, *plan.sealed):
        if id(transfer) not in chosen:
            lacking.add(transfer.name, transfer.targets)
    run = _Run(payer, context, group, threads, sum(t.size_bytes for t in transfers))
    manifests = [t for t in transfers if kind_of(t.name) is Kind.MANIFEST]
    try:
        run.do((t for t in transfers if kind_of(t.name) is not Kind.MANIFEST), lacking)
        run.do(_allowed(manifests, lacking, run.report), lacking)
    finally:
        run.settle()
    return run.report


class _Lacking:
    """Which members lack something of which set."""

    def __init__(self, context: Context) -> None:
        self._namer = context.namer
        self._found: set[tuple[SetId | None, str]] = set()

    def add(self, name: str, labels: Sequence[str]) -> None:
        self._found |= {(self._set_of(name), label) for label in labels}

    def says(self, name: str, label: str) -> bool:
        return (self._set_of(name), label) in self._found

    def _set_of(self, name: str) -> SetId | None:
        parsed = self._namer.parse(name)
        return parsed.set_id if parsed else None


def _allowed(
    manifests: Sequence[Transfer], lacking: _Lacking, report: RepairReport
) -> Iterator[Transfer]:
    """Where the rest of the set is; `report` hears of the others."""
    for transfer in manifests:
        barred = [k for k in transfer.targets if lacking.says(transfer.name, k)]
        if barred:
            report.held_back.append(transfer.name)
        if len(barred) < len(transfer.targets):
            yield transfer.without(barred)


@dataclass(slots=True)
class _Run:
    """Several transfers at a time; this is called by one thread."""

    payer: Payer
    context: Context
    group: Group
    threads: int
    total_bytes: int
    done_bytes: int = 0
    report: RepairReport = field(default_factory=RepairReport)
    paid: list[Debt] = field(default_factory=list)

    def do(self, transfers: Iterator[Transfer], lacking: _Lacking) -> None:
        outcomes: dict[int, Outcome] = {}

        def pay(transfer: Transfer) -> None:
            outcomes[id(transfer)] = self.payer.pay(transfer)

        def done(transfer: Transfer) -> None:
            outcome = outcomes.pop(id(transfer))
            self._note(transfer, outcome)
            lacking.add(transfer.name, outcome.left)

        work_through(transfers, pay, self.threads, done)

    def settle(self) -> None:
        """Forget what was paid."""
        paid, self.paid = self.paid, []
        if paid:
            self.group.settle(paid)

    def _note(self, transfer: Transfer, outcome: Outcome) -> None:
        self.report.add(transfer.name, outcome)
        self.paid += [Debt(transfer.name, label) for label in outcome.right]
        if len(self.paid) >= _SETTLE_AFTER:
            self.settle()
        self.done_bytes += transfer.size_bytes
        self.context.monitor.progress(
            Progress("copy", self.done_bytes, self.total_bytes, "bytes")
        )
