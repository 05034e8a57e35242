"""Key objects that are lost: from their copies, or from the key that is at hand."""

from collections.abc import Container

from tiered.archive.collection import Collection
from tiered.archive.object_name import KeyName, SetId
from tiered.engine.context import Context
from tiered.engine.native.keyobjects import MAIN
from tiered.engine.native.keyring import Keyring, NewWay
from tiered.engine.native.sealing import has_sealed
from tiered.engine.native.ways import add_way
from tiered.store import Warmth


def sealed_keys(context: Context, collection: Collection) -> tuple[str, ...]:
    """Copies of keys that must be thawed, as no key can be read without that."""
    thaw = context.store.extras.thaw
    if thaw is None or not all(key.is_copy for key in collection.keys):
        return ()
    names = tuple(key.name for key in collection.keys)
    frosts = thaw.frost(names)
    if any(frost.warmth is Warmth.WARM for frost in frosts.values()):
        return ()
    return names


def lost_keys(collection: Collection) -> tuple[KeyName, ...]:
    """The newest copy for each way in that has nothing but copies."""
    there = {key.way for key in collection.keys if not key.is_copy}
    copies = [key for key in collection.keys if key.way not in there]
    newest = {k.way: k for k in sorted(copies, key=lambda k: k.generation)}
    return tuple(newest.values())


def has_no_way_in(keyring: Keyring, collection: Collection) -> bool:
    """Is an archive sealed, and nothing listed that holds its key?

    Not if the user keeps the key himself, and says so with the public half.
    """
    return (
        not collection.keys
        and keyring.sources.recipient is None
        and has_sealed(collection)
    )


def make_keys(
    keyring: Keyring,
    collection: Collection,
    opened: Container[SetId],
    way: NewWay | None,
) -> list[str]:
    """Write the key objects that are lost, and what is lost of their copies.

    Args:
        keyring: Of the archive.
        collection: As it was listed; copies that are needed have been thawed.
        opened: Sets that are whole by now: one that is sealed shows that the key
            at hand is the archive's.
        way: Whom to let in if no key object and no copy is left; None: nobody.

    Returns:
        The names of key objects that were written.

    Raises:
        ConfigError: Somebody else has let the same way in meanwhile.
        StoreError: One could not be written; the next run goes on.
    """
    sets = (*collection.sets, *collection.incomplete)
    if collection.keys:
        keyring.ensure(collection)
    elif way and any(each.encrypted and each.id in opened for each in sets):
        add_way(keyring, MAIN, lambda: way)
    else:
        return []
    known = {key.name for key in collection.keys}
    now = (key.name for key in keyring.objects.listed() if not key.is_copy)
    return [name for name in now if name not in known]
