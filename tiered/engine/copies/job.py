"""A repair from the first listing to the last copy, in rounds with thaws between.

Each round lists, plans and copies under the archive's lock.  While thaws are waited
for nothing is locked, so a backup can be made meanwhile; the next round looks anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tiered.cold.run import ask_for, thaw_and_wait
from tiered.engine.context import Context
from tiered.engine.copies.look import (
    Comparison,
    compare_listed,
    list_members,
    read_frosts,
)
from tiered.engine.copies.plan import Frosts, RepairPlan, plan_repair
from tiered.engine.copies.proof import Decoding
from tiered.engine.copies.repair import RepairReport, run_repair
from tiered.engine.copies.scope import Scope, scope_of, unseen
from tiered.engine.copies.witness import read_witnesses
from tiered.store import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be made right."""

    group: Group
    only: str | None = None
    """A member to make copies on; None: all."""
    without: str | None = None
    """A member that is to hold nothing any more."""
    new: str | None = None
    """A member that is made if it is not there."""
    thaw: bool = False
    """May cold stores be asked?"""
    settles: bool = True
    """Do debts end that nobody owes?"""
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What was found, and what would be done about it; nothing has been."""

    comparison: Comparison
    scope: Scope
    frosts: Frosts
    plan: RepairPlan

    @property
    def waits(self) -> Mapping[str, float | None]:
        """How long each store says that its thaws take."""
        return {
            label: max(
                (w for n in names if (w := self.frosts[label][n].wait_s) is not None),
                default=None,
            )
            for label, names in self.plan.thaws.items()
        }


def look_at(context: Context, job: Job) -> Prospect:
    """List every member, compare, plan.

    Raises:
        StoreError: Nobody answered, or not the one that the job is about.

    Cost: One listing of each member, and one get for each run that left debts.
    """
    group = job.group
    listings, silent = list_members(group, context.monitor, new=job.new)
    if job.only is not None and job.only in silent:
        raise silent[job.only]
    debts = group.debts(listings)
    comparison = compare_listed(
        group, context.monitor, listings, silent, debts, without=job.without
    )
    brings_back = job.only is not None or job.without in group.read_only
    scope = scope_of(context, comparison, brings_back=brings_back)
    frosts = read_frosts(group, scope.findings)
    plan = plan_repair(
        scope.findings,
        debts if job.settles else (),
        frosts,
        frozenset(listings),
        members=frozenset(group.members),
        read_only=group.read_only,
        kept=scope.names | unseen(comparison, debts),
        only=job.only,
        loads={label: sum(e.size for e in found) for label, found in listings.items()},
    )
    return Prospect(comparison=comparison, scope=scope, frosts=frosts, plan=plan)


def run_job(
    context: Context, job: Job, tell: Callable[[Prospect], None]
) -> tuple[Prospect, RepairReport]:
    """Copy what can be copied; with `thaw`, ask for the rest, wait, and copy it.

    It may be killed at any moment and started again: what was copied is listed, and
    what was asked for is not asked for twice.

    Args:
        tell: Called with each round's prospect before anything is done; may raise.

    Returns:
        The last prospect, and what all rounds did.

    Raises:
        Locked: Another process works on this archive on this machine.
        ScratchError, StoreError: See `run_repair`; `look_at`.
    """
    asked: set[tuple[str, str]] = set()
    done = RepairReport()
    while True:
        with context.cache.locked():
            prospect = look_at(context, job)
            tell(prospect)
            _create(job)
            thaws = prospect.plan.thaws if job.thaw else {}
            _ask(context, job.group, thaws)
            report = _round(context, job, prospect)
            done = done.followed_by(report)
        wanted = {(label, name) for label, names in thaws.items() for name in names}
        if job.thaw:  # a copy was wrong, and the next one is sealed
            wanted |= {("", name) for name in report.frozen}
        if wanted <= asked:
            return prospect, done
        asked |= wanted
        _wait(context, job.group, thaws)


def _round(context: Context, job: Job, prospect: Prospect) -> RepairReport:
    """Copy what can be read now."""
    transfers = prospect.plan.transfers
    listings = prospect.comparison.listings
    witnesses = read_witnesses(context, listings, [t.name for t in transfers])
    return run_repair(
        context,
        job.group,
        prospect.plan,
        transfers,
        prospect.comparison,
        witnesses,
        job.threads,
        Decoding(context, listings),
    )


def _create(job: Job) -> None:
    if job.new and (create := job.group.members[job.new].extras.create):
        create.create()


def _ask(context: Context, group: Group, thaws: Mapping[str, tuple[str, ...]]) -> None:
    """Before what is warm is copied: thaws take hours, and go on meanwhile."""
    for label, names in thaws.items():
        if thaw := group.members[label].extras.thaw:
            ask_for(thaw, names, context.cache, context.clock, context.monitor)


def _wait(context: Context, group: Group, thaws: Mapping[str, tuple[str, ...]]) -> None:
    for label, names in thaws.items():
        if thaw := group.members[label].extras.thaw:
            thaw_and_wait(thaw, names, context.cache, context.clock, context.monitor)
