"""What is known of an object besides what stores say: the word of its manifest."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from blake3 import blake3

from tiered.archive.collection import BackupSet, Collection, collect
from tiered.archive.object_name import ObjectName
from tiered.archive.set_manifest import StoredObject, VolumeObject
from tiered.archive.style import Style
from tiered.engine.context import Context
from tiered.errors import PassphraseError, TieredError
from tiered.store import Entry

_COPY_BYTES = 1 << 20
_JUDGED = "so copies are judged by size and by what stores say of them"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Bytes that were read."""

    size_bytes: int
    blake3: bytes
    sha1: bytes
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What the manifest says; None where it says nothing."""

    size_bytes: int | None = None
    blake3: bytes | None = None
    sha1: bytes | None = None

    def knows(self, found: Fingerprint) -> bool:
        """Are these the bytes?"""
        return (
            self.size_bytes in (None, found.size_bytes)
            and self.blake3 in (None, found.blake3)
            and self.sha1 in (None, found.sha1)
        )


def copy_and_hash(stream: BinaryIO, target: BinaryIO | None) -> Fingerprint:
    """Read a stream to its end and close it.

    Args:
        target: Gets the bytes; None: they are only hashed.
    """
    blake, sha1 = blake3(), hashlib.sha1(usedforsecurity=False)
    md5 = hashlib.md5(usedforsecurity=False)
    size = 0
    with stream:
        while chunk := stream.read(_COPY_BYTES):
            for each in (blake, sha1, md5):
                each.update(chunk)
            if target:
                target.write(chunk)
            size += len(chunk)
    if target:
        target.flush()
    return Fingerprint(size, blake.digest(), sha1.digest(), md5.hexdigest())


def read_witnesses(
    context: Context,
    listings: Mapping[str, Sequence[Entry]],
    names: Iterable[str],
) -> Mapping[str, Witness]:
    """What manifests say of `names`; who is not in the answer is not mentioned.

    A manifest that cannot be read is a warning, and one for all if there is no key:
    their objects are then known by what stores say of them alone.

    Args:
        listings: What each member lists, by label.

    Cost: One hot object for each set, from the cache if it is there.
    """
    wanted = {p.set_id for n in names if (p := context.namer.parse(n))}
    if not wanted:
        return {}
    every = {entry.name: entry for found in listings.values() for entry in found}
    collection = collect(every.values(), context.namer)
    known: dict[str, Witness] = {}
    for each in collection.sets:
        if each.id not in wanted:
            continue
        try:
            known |= _of_set(context, collection, each)
        except PassphraseError as e:
            context.monitor.warn(f"manifests cannot be read, {_JUDGED}: {e}", e.hint)
            break
        except TieredError as e:
            context.monitor.warn(
                f"the manifest of the {each.id} cannot be read, {_JUDGED}: {e}", e.hint
            )
    return known


def _of_set(
    context: Context, collection: Collection, backup_set: BackupSet
) -> Mapping[str, Witness]:
    if backup_set.style is Style.DUPLICITY:
        return _of_duplicity(context, collection, backup_set)
    from tiered.engine.native.hot import read_set_manifest

    manifest = read_set_manifest(context, collection, backup_set)
    stored: list[tuple[ObjectName | None, StoredObject | VolumeObject]] = [
        (backup_set.signatures, manifest.signatures),
        (backup_set.index, manifest.index),
        *((backup_set.volumes.get(v.number), v) for v in manifest.volumes),
    ]
    return {
        name.name: Witness(size_bytes=each.size, blake3=each.blake3)
        for name, each in stored
        if name
    }


def _of_duplicity(
    context: Context, collection: Collection, backup_set: BackupSet
) -> Mapping[str, Witness]:
    from tiered.engine.sets import read_manifest

    manifest = read_manifest(context, collection, backup_set)
    return {
        backup_set.volumes[row.number].name: Witness(sha1=bytes.fromhex(row.sha1))
        for row in manifest.volumes
        if row.number in backup_set.volumes and row.sha1
    }
