"""Delete sets: what nothing reads, and what is too old.  Plan first, then act.

A set is deleted newest first and its manifest before everything else, so that
a run that is killed leaves an incomplete set, never one that looks whole
[docs/format/invariants.md, I5].  The journal is told before, so that the next
run knows what such a set is.  A plan is made from complete listings only.

Keys are of no set, and are not deleted here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tiered.archive.collection import BackupSet, Collection
from tiered.archive.style import Style
from tiered.engine.context import Context
from tiered.engine.inventory import check_absent
from tiered.errors import NotFound
from tiered.monitor import Progress

FOREIGN_AGE_S = 48 * 3600
"""An incomplete set that was not begun on this machine may be a backup that
another machine is writing, until it is this old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePlan:
    """What would be deleted; nothing has been."""

    sets: tuple[BackupSet, ...]
    """The newest first."""
    kept: tuple[BackupSet, ...]
    """Incomplete sets that may be in the making elsewhere."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(o.name for s in self.sets for o in reversed(s.objects))


def plan_cleanup(
    collection: Collection, own: Iterable[str], time_s: float
) -> PrunePlan:
    """Incomplete sets, and incs whose parent is gone.  Pure.

    Args:
        own: Sets (as text) that were begun on this machine and not committed.
    """
    begun_here = set(own)
    useless, kept = list(collection.orphans), list[BackupSet]()
    for each in collection.incomplete:
        old = time_s - each.id.end_s > FOREIGN_AGE_S
        (useless if old or str(each.id) in begun_here else kept).append(each)
    return PrunePlan(sets=_newest_first(useless), kept=tuple(kept))


def plan_remove_older_than(collection: Collection, time_s: int) -> PrunePlan:
    """Chains that ended before `time_s`; never the newest chain.  Pure."""
    old = [c for c in collection.chains[:-1] if c.end_s < time_s]
    return PrunePlan(sets=_newest_first(s for c in old for s in c.sets), kept=())


def run_prune(context: Context, plan: PrunePlan) -> None:
    """Delete; the caller holds the lock and took the inventory to DELETE.

    Raises:
        ListingDoubtful: A set only looks incomplete, as its manifest is there
            and not listed yet.  Nothing was deleted.
        StoreError: A store failed; what is left of the set is incomplete, and
            the next `cleanup` finds it.
    """
    check_absent(context, _manifests(context, plan))
    context.cache.journal_add(str(s.id) for s in plan.sets)
    for done, name in enumerate(plan.names):
        context.monitor.progress(Progress("delete", done, len(plan.names), "objects"))
        try:
            context.store.delete(name)
        except NotFound:
            context.monitor.debug(f"{name} was gone already")
        context.cache.forget(name)
    for each in plan.sets:
        context.cache.forget_state(str(each.id))
    context.cache.journal_remove(str(s.id) for s in plan.sets)


def _manifests(context: Context, plan: PrunePlan) -> Iterator[str]:
    """The names that a manifest of each incomplete set would have."""
    for each in plan.sets:
        if not each.is_whole:
            for suffix in ("", ".age" if each.style is Style.TIERED else ".gpg"):
                yield context.namer.manifest(each.id, suffix)


def _newest_first(sets: Iterable[BackupSet]) -> tuple[BackupSet, ...]:
    return tuple(sorted(sets, key=lambda s: s.id, reverse=True))
