"""What is in the archive, from names and sizes alone: no volume is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tiered.archive.collection import BackupSet, Collection
from tiered.archive.fileinfo import FileInfo
from tiered.archive.filename import SetId
from tiered.engine.context import Context
from tiered.engine.inventory import Purpose, find_doubt, take_inventory
from tiered.engine.sets import chain_at, chain_states
from tiered.errors import ListingDoubtful


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole archive."""

    chains: tuple[tuple[SetStatus, ...], ...]
    orphans: tuple[SetStatus, ...]
    incomplete: tuple[SetStatus, ...]
    doubt: ListingDoubtful | None
    """Why nothing should be built on this, if so."""

    @property
    def damaged(self) -> tuple[SetStatus, ...]:
        """Whole sets that lack volumes."""
        whole = [s for c in self.chains for s in c]
        return tuple(s for s in [*whole, *self.orphans] if s.missing)


def read_status(context: Context) -> Status:
    """One listing of each store; no object is read."""
    collection = take_inventory(context, Purpose.READ, accept_loss=True)
    known = context.cache.volumes()
    return Status(
        chains=tuple(
            tuple(_status(collection, s, known) for s in c.sets)
            for c in collection.chains
        ),
        orphans=tuple(_status(collection, s, known) for s in collection.orphans),
        incomplete=tuple(_status(collection, s, known) for s in collection.incomplete),
        doubt=find_doubt(context, collection),
    )


def list_files(
    context: Context, time_s: int, *, accept_loss: bool = False
) -> Iterator[FileInfo]:
    """Every path that a restore of `time_s` would write, in archive order.

    Cost: The signature objects of one chain, from cache or hot store.

    Raises:
        NoBackup, ArchiveDamaged: See `chain_at`.
    """
    collection = take_inventory(context, Purpose.READ, accept_loss=accept_loss)
    chain = chain_at(context, collection, time_s)
    with chain_states(context, collection, chain) as states:
        for state in states:
            yield state.info


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
    )
