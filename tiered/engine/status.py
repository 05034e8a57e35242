"""What is in the archive, from names and sizes alone: no volume is read."""

from collections.abc import Mapping
from dataclasses import dataclass

from tiered.archive.collection import BackupSet, Collection
from tiered.archive.filename import KeyName, SetId
from tiered.archive.style import Style
from tiered.engine.context import Context
from tiered.engine.copies.look import Holding, holding
from tiered.engine.inventory import Purpose, find_doubt, take_inventory
from tiered.errors import ListingDoubtful
from tiered.monitor import Progress
from tiered.store import Debt, Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus:
    """One set, as `collection-status` shows it."""

    id: SetId
    volumes: int
    size_bytes: int
    encrypted: bool
    missing: tuple[int, ...]
    """Volume numbers that are not listed, as far as this machine knows the set's
    manifest, and else those below the highest one that is listed."""
    has_signatures: bool
    """Without them the set can be restored, but not built on."""
    has_index: bool
    """Without it a set of style tiered cannot be restored; others have none."""

    @property
    def damaged(self) -> bool:
        """Does it lack what its manifest promises, if it has one?

        A set of style duplicity that lacks its signatures can be restored whole.
        """
        native = self.id.style is Style.TIERED
        hot = self.has_signatures and self.has_index
        return bool(self.missing) or (native and not hot)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersStatus:
    """The stores of a router."""

    holdings: Mapping[str, Holding]
    """What each has of archives, by label."""
    silent: tuple[str, ...]
    """Who did not answer."""
    debts: tuple[Debt, ...]
    """Copies that are owed, as far as runs kept it, of objects that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole archive."""

    chains: tuple[tuple[SetStatus, ...], ...]
    orphans: tuple[SetStatus, ...]
    incomplete: tuple[SetStatus, ...]
    keys: tuple[KeyName, ...]
    """Key objects that are listed, and their copies."""
    doubt: ListingDoubtful | None
    """Why nothing should be built on this, if so."""
    members: MembersStatus | None
    """If the store has some."""

    @property
    def damaged(self) -> tuple[SetStatus, ...]:
        """Whole sets that lack objects that they cannot do without."""
        return tuple(s for s in self._whole if s.damaged)

    @property
    def keyless(self) -> bool:
        """Are there encrypted sets of style tiered, and no key to open them?"""
        tiered = (s for s in self._whole if s.id.style is Style.TIERED)
        return not self.keys and any(s.encrypted for s in tiered)

    @property
    def _whole(self) -> tuple[SetStatus, ...]:
        return (*(s for c in self.chains for s in c), *self.orphans)


def read_status(context: Context) -> Status:
    """What listings tell, and the debts that are kept.

    Cost: One listing of each store; of objects only those that keep debts are read.
    """
    told: list[Survey] = []

    def tell(survey: Survey) -> None:
        told.append(survey)
        count = len(survey.listings)
        context.monitor.progress(Progress("list", count, count, "stores"))

    context.monitor.progress(Progress("list", 0, None, "stores"))
    collection = take_inventory(context, Purpose.READ, accept_loss=True, tell=tell)
    known = context.cache.volumes()
    return Status(
        chains=tuple(
            tuple(_status(collection, s, known) for s in c.sets)
            for c in collection.chains
        ),
        orphans=tuple(_status(collection, s, known) for s in collection.orphans),
        incomplete=tuple(_status(collection, s, known) for s in collection.incomplete),
        keys=collection.keys,
        doubt=find_doubt(context, collection),
        members=_members(context, told[-1]) if told else None,
    )


def _members(context: Context, survey: Survey) -> MembersStatus:
    group = context.store.extras.group
    debts = group.debts(survey.listings) if group else ()
    if not survey.silent:  # else what nobody lists may be there alone
        owing = {debt.name for debt in debts}
        there = {entry.name for entry in survey.entries if entry.name in owing}
        debts = tuple(debt for debt in debts if debt.name in there)
    return MembersStatus(
        holdings={label: holding(found) for label, found in survey.listings.items()},
        silent=tuple(survey.silent),
        debts=debts,
    )


def _status(
    collection: Collection, backup_set: BackupSet, known: Mapping[str, int]
) -> SetStatus:
    highest = max(backup_set.volumes, default=0)
    count = known.get(str(backup_set.id), max(highest, 1))
    if not backup_set.is_whole:
        count = highest
    missing = tuple(n for n in range(1, count + 1) if n not in backup_set.volumes)
    return SetStatus(
        id=backup_set.id,
        volumes=len(backup_set.volumes),
        size_bytes=collection.size_bytes(backup_set),
        encrypted=backup_set.encrypted,
        missing=missing,
        has_signatures=backup_set.signatures is not None,
        has_index=backup_set.index is not None,
    )
