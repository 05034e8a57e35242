"""What is in the archive: a listing, believed only after it was checked."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from tiered.archive.collection import Collection, collect
from tiered.archive.filename import SetId
from tiered.archive.kinds import Kind, kind_of
from tiered.engine.context import Context
from tiered.engine.trust import check_listing
from tiered.errors import ListingDoubtful, NotFound
from tiered.store import Entry, Stat, Survey
from tiered.units import format_count


class Purpose(Enum):
    """What an inventory is for, so how whole it must be."""

    READ = "read"
    """A silent mirror is a warning, as long as the others hold all kinds of
    objects."""
    ADD = "add"
    """The same, if the store takes objects while that one is silent; and all that
    this machine knows of must be listed."""
    DELETE = "delete"
    """Every store must answer, as something is done about what is *not* listed."""


def read_seen(context: Context) -> frozenset[SetId]:
    """Sets that this machine has read or written, without asking a store."""
    parsed = (context.namer.parse(n) for n in context.cache.names())
    return frozenset(p.set_id for p in parsed if p and p.kind is Kind.MANIFEST)


def take_inventory(
    context: Context,
    purpose: Purpose,
    *,
    accept_loss: bool = False,
    tell: Callable[[Survey], object] = lambda _: None,
) -> Collection:
    """List the archive and check the listing.

    Args:
        context: The archive.
        purpose: What the listing is good enough for.
        accept_loss: Believe the listing in any case, and forget the rest.
        tell: Called with what each member said, if the store has members.

    Raises:
        ListingDoubtful: See `tiered.engine.trust`.  The cache is untouched.
        StoreError: A store did not answer.

    Cost: One listing of each store; no object is read.
    """
    entries, silent = _entries(context, purpose, tell)
    collection = collect(entries, context.namer)
    if not collection.sizes:
        _look_for_others(context, entries)
    if not accept_loss and (doubt := find_doubt(context, collection)):
        raise doubt
    if purpose is not Purpose.READ:
        missing = [n for n in _cached(context) if n not in collection.sizes]
        if silent and missing and not accept_loss:
            raise ListingDoubtful(
                f"{missing[0]} is known here, and not listed while {silent} does not "
                "answer",
                hint="It may be there alone.  Run again when that store is back.",
            )
        if not silent:
            _forget_deleted(context, missing)
        _end_journal(context, collection)
    return collection


def _cached(context: Context) -> Iterator[str]:
    """What of the cache is of this archive: with other prefixes it has others."""
    namer = context.namer
    for name in context.cache.names():
        if namer.parse(name) or namer.parse_key(name):
            yield name


def find_doubt(context: Context, collection: Collection) -> ListingDoubtful | None:
    """What the listing contradicts, if anything."""
    try:
        check_listing(collection, read_seen(context), context.cache.journal())
    except ListingDoubtful as doubt:
        return doubt
    return None


def _look_for_others(context: Context, entries: Iterable[Entry]) -> None:
    """A forgotten prefix makes an archive invisible; say so."""
    ours = (Kind.OTHER, Kind.DEBTS)
    others = [e.name for e in entries if kind_of(e.name) not in ours]
    if others:
        context.monitor.warn(
            f"the store holds {format_count(len(others), 'object')} of archives with "
            f"other prefixes, such as {others[0]}",
            "Every command needs the same --file-prefix options.",
        )


def _forget_deleted(context: Context, names: Iterable[str]) -> None:
    """Drop cached objects that are gone, asked one by one: a listing may lag (R2)."""
    gone = tuple(names)
    check_absent(context, gone)
    for name in gone:
        context.monitor.debug(f"{name} was deleted elsewhere; it is forgotten")
        context.cache.forget(name)


def _end_journal(context: Context, collection: Collection) -> None:
    """A whole set was committed, and nothing of it was deleted: no run of ours
    that was killed has left anything of it to do.
    """
    begun = set(context.cache.journal())
    if ended := begun & {str(s.id) for s in collection.sets}:
        context.cache.journal_remove(ended)


def check_absent(context: Context, names: Iterable[str]) -> None:
    """Are names that are not listed really not there?  A listing may lag (R2).

    Raises:
        ListingDoubtful: One is there.

    Cost: One stat for each name, if the store can.
    """
    stat = context.store.extras.stat
    for name in names:
        if stat and _is_there(stat, name):
            raise ListingDoubtful(
                f"{name} is stored, but not listed yet",
                hint="Listings of this store lag behind; try again in a few minutes.",
            )


def _is_there(stat: Stat, name: str) -> bool:
    try:
        stat.stat(name)
    except NotFound:
        return False
    return True


def _entries(
    context: Context, purpose: Purpose, tell: Callable[[Survey], object]
) -> tuple[tuple[Entry, ...], str]:
    """The listing, and who was silent, as text."""
    surveys = context.store.extras.surveys
    if purpose is Purpose.DELETE or surveys is None:
        return context.store.list(), ""
    survey = surveys.survey()
    tell(survey)
    if purpose is Purpose.ADD and not survey.writable:
        raise next(iter(survey.silent.values()))
    for label, error in survey.silent.items():
        context.monitor.warn(
            f"{label} does not answer ({error}); going on with the other copies",
            "Run `tiered status` when it is back.",
        )
    return survey.entries, ", ".join(survey.silent)
