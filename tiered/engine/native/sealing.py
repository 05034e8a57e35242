"""Is a chain sealed as it should be?

Who can write to a store can put sets in the clear there, and delete others; sealed
ones he cannot make, as the public half of the key lies in no store.  So an archive
that has a key is not believed what is in the clear, unless the user says so
[docs/format/native.md, "Encryption"].
"""

from tiered.archive.collection import Chain, Collection
from tiered.archive.style import Style
from tiered.engine.context import Context
from tiered.errors import ArchiveDamaged


def check_sealing(context: Context, collection: Collection, chain: Chain) -> None:
    """Refuse a chain of style tiered that is not sealed, and should be.

    Args:
        collection: Everything that is listed.

    Raises:
        ArchiveDamaged: Some of its objects are sealed, and some are not; or none
            is, the archive has a key, and the user did not say that it is in the
            clear.
    """
    objects = [each for backup_set in chain.sets for each in backup_set.objects]
    clear = next((each.name for each in objects if not each.encrypted), None)
    if clear is None:
        return
    if any(each.encrypted for each in objects):
        raise ArchiveDamaged(
            f"{clear} is not encrypted, and other objects of its chain are",
            hint="Somebody has put it there, or renamed it.  Restore an earlier time, "
            "or another copy of the store.",
        )
    if context.encrypted is not False and _has_key(context, collection):
        raise ArchiveDamaged(
            f"{clear} is not encrypted, and the archive has a key",
            hint="Was it written with --no-encryption?  Then say that now, too.  If "
            "not, somebody has put it there: restore an earlier time.",
        )


def _has_key(context: Context, collection: Collection) -> bool:
    """Does anything speak for a key: the user, this machine, or the listing?"""
    sets = (*collection.sets, *collection.incomplete)
    return (
        context.encrypted is True
        or bool(collection.keys)
        or context.cache.recipient() is not None
        or any(s.style is Style.TIERED and s.encrypted for s in sets)
    )


def has_sealed(collection: Collection) -> bool:
    """Is anything listed that is sealed for the archive's key?"""
    sets = (*collection.sets, *collection.incomplete)
    return any(s.style is Style.TIERED and s.encrypted for s in sets)
