"""Write one set of style duplicity: pack, upload, commit.

Order of writes: volumes, signatures, manifest.  The manifest's appearance is
what makes the set exist; every crash before leaves an incomplete set that
nothing reads and `cleanup` removes  [docs/format/invariants.md, I1 to I4].
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from tiered.archive.collection import Chain, Collection
from tiered.archive.filename import SetId
from tiered.archive.manifest import Manifest
from tiered.codec.codec import Codec
from tiered.engine.change import find_changes
from tiered.engine.context import Context
from tiered.engine.fetch import cache_optional, remember
from tiered.engine.pack import Packer, PackSettings, Volume
from tiered.engine.scan import Scanned, Unreadable, scan
from tiered.engine.sets import chain_states
from tiered.engine.spool import SpoolFile, SpoolSource
from tiered.engine.upload import Uploader, put_new
from tiered.engine.written import SourceTree, WrittenSet


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicitySettings:
    """How sets of style duplicity are written."""

    codec: Codec
    pack: PackSettings


def write_duplicity_set(
    context: Context,
    collection: Collection,
    set_id: SetId,
    parent: Chain | None,
    source: SourceTree,
    settings: DuplicitySettings,
    *,
    dry_run: bool,
) -> WrittenSet:
    """Write a set.  The caller holds the lock of the cache.

    Raises:
        SourceError: The source itself cannot be read.
        TieredError: The set is then incomplete and never read.
    """
    suffix = settings.codec.suffix
    with ExitStack() as stack:
        uploader = stack.enter_context(Uploader(context.store, context.monitor))
        packed: list[int] = []

        def on_volume(volume: Volume) -> None:
            name = context.namer.volume(set_id, volume.number, suffix)
            if dry_run:
                packed.append(volume.source.size)
                volume.source.close()
            else:
                uploader.submit(name, volume)

        packer = Packer(
            scratch=context.scratch,
            codec=settings.codec,
            settings=settings.pack,
            owners=source.owners,
            monitor=context.monitor,
            on_volume=on_volume,
        )
        if not dry_run:
            context.cache.journal_add([str(set_id)])
        tree = scan(source.root, source.owners)
        signatures = _pack(context, collection, parent, packer, tree)
        stack.callback(signatures.close)
        rows = uploader.finish()
        stored = uploader.stored_bytes + sum(packed)
        if not dry_run:
            manifest = Manifest(
                hostname=source.host, localdir=source.name, volumes=rows
            )
            stored += _commit(context, settings, set_id, signatures, manifest)
    return WrittenSet(
        tally=packer.tally, volumes=len(rows) + len(packed), stored_bytes=stored
    )


def _pack(
    context: Context,
    collection: Collection,
    parent: Chain | None,
    packer: Packer,
    tree: Iterator[Scanned | Unreadable],
) -> SpoolSource:
    """Pack what changed; returns the signature object.

    When it returns, the parent's signatures are closed, and so known to be what
    was stored: an inc that was built on damaged ones must not be committed.
    """
    if parent is None:
        return packer.pack(find_changes(tree, iter(()), 0))
    with ExitStack() as undo:
        with chain_states(context, collection, parent) as before:
            signatures = packer.pack(find_changes(tree, before, parent.end_s))
            undo.callback(signatures.close)
        undo.pop_all()
    return signatures


def _commit(
    context: Context,
    settings: DuplicitySettings,
    set_id: SetId,
    signatures: SpoolSource,
    manifest: Manifest,
) -> int:
    """Signatures, then the manifest: now the set exists.  Returns bytes stored."""
    suffix = settings.codec.suffix
    spool = SpoolFile(context.scratch, _manifest_codec(context, settings))
    try:
        spool.write(manifest.dump())
        text = spool.finish()
    finally:
        spool.abort()
    try:
        names = (
            context.namer.signatures(set_id, suffix),
            context.namer.manifest(set_id, suffix),
        )
        for name, source in zip(names, (signatures, text), strict=True):
            put_new(context.store, name, source)
        for name, source in zip(names, (signatures, text), strict=True):
            with source.open() as data:
                remember(context, name, data)  # it is what the next inc reads
    finally:
        text.close()
    with cache_optional(context):  # the set is safe
        context.cache.volumes_add(str(set_id), len(manifest.volumes))
        context.cache.journal_remove([str(set_id)])
    return signatures.size + text.size


def _manifest_codec(context: Context, settings: DuplicitySettings) -> Codec:
    """Manifests are encrypted like the rest, but never only compressed."""
    suffix = settings.codec.suffix
    return settings.codec if suffix == ".gpg" else context.codec_for("")
