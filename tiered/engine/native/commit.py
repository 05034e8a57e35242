"""A set begins to exist: signatures, index, and last the manifest are stored.

[docs/format/native.md, "Order of writes"]
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import BinaryIO

from tiered.archive.filename import SetId
from tiered.archive.index import IndexReader
from tiered.archive.set_manifest import (
    SetManifest,
    StoredObject,
    Totals,
    VolumeObject,
)
from tiered.codec.envelope import Envelope
from tiered.engine.context import Context
from tiered.engine.fetch import cache_optional
from tiered.engine.native.hot import index_reader, remember_opened
from tiered.engine.native.keyring import Keyring
from tiered.engine.native.sealed import SealedObject, seal_file
from tiered.engine.native.state import keep_state
from tiered.engine.native.volumes import FinishedVolume
from tiered.engine.spool import scratch_file
from tiered.engine.upload import put_new
from tiered.engine.written import SourceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class SetParts:
    """What a set is made of; its volumes are stored, the rest is not."""

    set_id: SetId
    source: SourceTree
    volumes: Sequence[FinishedVolume]
    signatures: BinaryIO
    index: BinaryIO
    totals: Totals
    """Of the volumes; signatures and index are added."""


@dataclass(frozen=True, slots=True)
class SetCommit:
    """Stores the hot objects of one set.

    Args:
        keyring: Must be able to open what is sealed; None if nothing is.
        before: The state that the set builds on; None for a full.
    """

    context: Context
    envelope: Envelope
    keyring: Keyring | None
    before: IndexReader | None

    def run(self, parts: SetParts) -> int:
        """Store them, and keep in the cache what the next run needs.

        Returns:
            Bytes that were stored.

        Raises:
            TieredError: The set is then incomplete and never read.
        """
        context, set_id = self.context, parts.set_id
        namer, suffix = context.namer, self.envelope.suffix
        with ExitStack() as stack:
            signatures = self._seal(parts.signatures, stack)
            index = self._seal(parts.index, stack)
            text = stack.enter_context(scratch_file(context.scratch))
            text.write(_manifest(parts, signatures, index).dump())
            objects = (
                (namer.signatures(set_id, suffix), signatures, parts.signatures),
                (namer.index(set_id, suffix), index, parts.index),
                (namer.manifest(set_id, suffix), self._seal(text, stack), text),
            )
            if self.keyring:
                self.keyring.check_made()
            for name, sealed, _ in objects:
                put_new(context.store, name, sealed)
            for name, sealed, plain in objects:
                remember_opened(context, name, sealed.size, plain)
            if self.before:
                readers = [self.before, index_reader(parts.index)]
                keep_state(context, set_id, index.size, readers)
        with cache_optional(context):  # the set is safe
            context.cache.volumes_add(str(set_id), len(parts.volumes))
            context.cache.journal_remove([str(set_id)])
        return sum(sealed.size for _, sealed, _ in objects)

    def _seal(self, plain: BinaryIO, stack: ExitStack) -> SealedObject:
        sealed = seal_file(plain, self.context.scratch, self.envelope)
        stack.callback(sealed.close)
        return sealed


def _manifest(
    parts: SetParts, signatures: SealedObject, index: SealedObject
) -> SetManifest:
    stored_bytes = parts.totals.stored_bytes + signatures.size + index.size
    return SetManifest(
        set_id=parts.set_id,
        host=parts.source.host,
        source=parts.source.name,
        volumes=tuple(_volume_object(v) for v in parts.volumes),
        signatures=StoredObject(signatures.size, signatures.hash),
        index=StoredObject(index.size, index.hash),
        totals=replace(parts.totals, stored_bytes=stored_bytes),
    )


def _volume_object(volume: FinishedVolume) -> VolumeObject:
    return VolumeObject(
        number=volume.number,
        size=volume.object.size,
        blake3=volume.object.hash,
        content_bytes=volume.content_bytes,
    )
