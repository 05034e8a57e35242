"""The ways into an archive: listed, added, changed, taken away.

Nothing else of the archive is touched.  Who has read the private half once can go on
reading with it, also after their way in is gone: only a new archive helps then.

Each of these lists the whole store, and changes nothing if a member is silent.  An
interrupted change leaves more ways in than wanted, never fewer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tiered.archive.collection import Collection
from tiered.archive.filename import KeyName
from tiered.codec.age import X25519Identity, header_end, unwrap_identity, wrap_identity
from tiered.codec.age.header import parse
from tiered.engine.native.keyobjects import KeyObjects
from tiered.engine.native.keyring import Keyring, NewWay
from tiered.engine.native.sealing import has_sealed
from tiered.errors import ArchiveDamaged, ConfigError, PassphraseError, StoreError

_KINDS = {"scrypt": "passphrase", "X25519": "key pair"}
MakeWay = Callable[[], NewWay]
"""Asks for a new passphrase, if one is needed: only once nothing else is in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One generation of a way in."""

    name: str
    generation: int
    has_key: bool
    has_copy: bool
    kind: str
    """"passphrase", "key pair", "damaged", or "unknown" if it could not be read."""


def list_ways(objects: KeyObjects) -> tuple[Way, ...]:
    """All ways in, by name.

    Raises:
        StoreError: The store did not answer.

    Cost: Each key object is read; a copy is not.
    """
    keys = objects.seen()
    found = sorted({(k.way, k.generation) for k in keys})
    return tuple(
        _way(objects, [k for k in keys if (k.way, k.generation) == each])
        for each in found
    )


def init_keys(
    keyring: Keyring,
    collection: Collection,
    way: str,
    make_way: MakeWay,
    *,
    accept_loss: bool = False,
) -> None:
    """Give an archive without key objects its first one.

    With a key pair that the user has given, that is the archive's: so key objects
    that were lost are made again from the recovery sheet.

    Args:
        keyring: Of the archive.
        collection: The whole archive, listed for adding to it.
        way: What the way in is called.
        make_way: Who it is for.
        accept_loss: As `Keyring.ensure`.

    Raises:
        ConfigError: There are key objects; or several keys were given.
        PassphraseError: The key that was given does not open the sets that are there.
        ArchiveDamaged, ListingDoubtful, StoreError: As `Keyring.ensure`.
    """
    if collection.keys:
        raise ConfigError(
            "the archive has its key",
            hint="`tiered key list` shows the ways in; `tiered key add` adds one.",
        )
    given = keyring.sources.identities()
    if len(given) > 1:
        raise ConfigError(
            f"{len(given)} private keys were given, and an archive has one",
            hint="Give a file with one key to --identity.",
        )
    if given:
        _refuse_foreign(keyring, given[0], collection)
        keyring.make(given[0], way, make_way())
    else:
        keyring.refuse_second(collection, accept_loss=accept_loss)
        new = X25519Identity.generate(keyring.sources.random_bytes)
        keyring.make(new, way, make_way())


def add_way(keyring: Keyring, way: str, make_way: MakeWay) -> None:
    """Let someone else in.

    Raises:
        ConfigError: There is a way of this name.
        TieredError: As `Keyring.identity` and `KeyObjects.create`.
    """
    if _generations(keyring.objects.listed(), way):
        raise ConfigError(
            f"there is a way in that is called {way}",
            hint="Choose another name with --way, or change it: `tiered key rotate`.",
        )
    _write(keyring, way, 1, make_way)


def rotate_way(keyring: Keyring, way: str, make_way: MakeWay) -> int:
    """Change the passphrase or key of a way in.

    The new generation is written, read back and opened before the old is deleted.

    Returns:
        The new generation.

    Raises:
        ConfigError: There is no way of this name.
        TieredError: As `Keyring.identity` and `KeyObjects.create`.  Both generations
            may be there; rotating or revoking again ends that.
    """
    old = _generations(keyring.objects.listed(), way)
    if not old:
        raise _no_way(way, keyring.objects.listed())
    generation = max(k.generation for k in old) + 1
    _write(keyring, way, generation, make_way)
    keyring.objects.delete(old)
    return generation


def revoke_way(objects: KeyObjects, way: str, *, force: bool) -> tuple[str, ...]:
    """Take a way in away.

    Args:
        objects: Of the archive.
        way: What it is called.
        force: Also the last one: then only the recovery sheet is left.

    Returns:
        The names that were deleted.

    Raises:
        ConfigError: There is no such way, or it is the last one.
        StoreError: Something could not be deleted; revoke again.
    """
    keys = objects.listed()
    gone = _generations(keys, way)
    if not gone:
        raise _no_way(way, keys)
    if all(k.way == way for k in keys if not k.is_copy) and not force:
        raise ConfigError(
            f"{way} is the last way in",
            hint="Add another one first.  With --force it is deleted; then only who "
            "has the recovery sheet can read the archive.",
        )
    objects.delete(gone)
    return tuple(k.name for k in gone)


def _way(objects: KeyObjects, keys: Sequence[KeyName]) -> Way:
    originals = [k for k in keys if not k.is_copy]
    return Way(
        name=keys[0].way,
        generation=keys[0].generation,
        has_key=bool(originals),
        has_copy=any(k.is_copy for k in keys),
        kind=_kind(objects, originals[0].name) if originals else "unknown",
    )


def _kind(objects: KeyObjects, name: str) -> str:
    try:
        data = next(objects.read(name))
        stanzas = parse(data[: header_end(data)]).stanzas
    except StoreError:
        return "unknown"
    except ArchiveDamaged:
        return "damaged"
    return _KINDS.get(stanzas[0].kind, "unknown")


def _refuse_foreign(
    keyring: Keyring, identity: X25519Identity, collection: Collection
) -> None:
    """Does a key that was given belong to the sets that are there?"""
    known = keyring.remembered()
    if known is None and has_sealed(collection):
        known = keyring.identity().recipient  # opens a manifest, or raises
    if known not in (None, identity.recipient):
        raise PassphraseError(
            f"the key that was given is not the archive's, which is that of {known}",
            hint="Give the key of the archive's recovery sheet.",
        )


def _write(keyring: Keyring, way: str, generation: int, make_way: MakeWay) -> None:
    """Write a key object, compared with what the store has of it, and opened."""
    identity = keyring.identity()
    new = make_way()
    data = wrap_identity(identity, new.recipient, keyring.sources.random_bytes)
    name = keyring.objects.create(way, generation, data)
    if new.opener:
        unwrap_identity(data, [new.opener], archive=identity.recipient, name=name)


def _generations(keys: Sequence[KeyName], way: str) -> list[KeyName]:
    return [k for k in keys if k.way == way]


def _no_way(way: str, keys: Sequence[KeyName]) -> ConfigError:
    known = ", ".join(sorted({k.way for k in keys})) or "none"
    return ConfigError(
        f"there is no way in that is called {way}",
        hint=f"Say another with --way; there are: {known}.",
    )
