"""Write one set: decide which, pack and upload it, commit it with its manifest.

Order of writes: volumes, signatures, manifest.  The manifest's appearance is
what makes the set exist; every crash before leaves an incomplete set that
nothing reads and `cleanup` removes  [docs/format/invariants.md, I1 to I4].
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum

from tiered.archive.collection import Chain, Collection, collect
from tiered.archive.filename import SetId
from tiered.archive.manifest import Manifest
from tiered.codec.codec import Codec
from tiered.engine.change import find_changes
from tiered.engine.context import Context
from tiered.engine.fetch import cache_optional, remember
from tiered.engine.inventory import Purpose, read_seen, take_inventory
from tiered.engine.pack import Packer, PackSettings, Tally, Volume
from tiered.engine.scan import OwnerNames, Scanned, Unreadable, scan
from tiered.engine.sets import chain_states, check_volumes, read_manifest
from tiered.engine.spool import SpoolFile, SpoolSource
from tiered.engine.upload import Uploader, put_new
from tiered.errors import (
    ConfigError,
    NoBackup,
    StoreMissing,
)

_PATIENCE_S = 5
"""A set must end later than its parent, and than one that a run left behind in
this very second; up to this long is waited for that."""


class Action(Enum):
    """What the user asked for."""

    FULL = "full"
    INC = "incremental"
    AUTO = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """One run."""

    action: Action
    source: bytes
    hostname: bytes
    codec: Codec
    owners: OwnerNames
    pack: PackSettings
    full_if_older_than_s: int | None = None
    allow_source_mismatch: bool = False
    accept_loss: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """Which set to write; nothing has been done."""

    set_id: SetId
    parent: Chain | None
    """What an inc builds on; None for a full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What was written."""

    set_id: SetId
    tally: Tally
    volumes: int
    stored_bytes: int
    """Volumes, signatures and manifest."""


def plan_backup(
    collection: Collection,
    action: Action,
    time_s: int,
    full_if_older_than_s: int | None = None,
) -> BackupPlan:
    """Decide between full and inc.  Pure.

    Raises:
        NoBackup: An inc was asked for, and there is nothing to build on.
        ConfigError: The clock is behind the newest set.
    """
    newest = max((s.id.end_s for s in collection.sets), default=None)
    if newest is not None and time_s <= newest:
        raise ConfigError(
            "the newest set is from the future, seen from this machine's clock",
            hint="Set the clock right.",
            newest_s=newest,
            now_s=time_s,
        )
    chain = collection.chains[-1] if collection.chains else None
    if action is Action.INC and chain is None:
        raise NoBackup(
            "there is no full backup to build on",
            hint="Make one with `tiered full`.",
        )
    too_old = (
        chain is not None
        and full_if_older_than_s is not None
        and chain.start_s < full_if_older_than_s
    )
    if chain is None or action is Action.FULL or too_old:
        return BackupPlan(SetId(time_s), None)
    return BackupPlan(SetId(time_s, chain.end_s), chain)


def run_backup(context: Context, request: BackupRequest) -> BackupReport:
    """Write one set.  The caller holds the lock of the cache.

    Raises:
        ListingDoubtful, StoreError: Before anything was written, if a store
            does not answer or contradicts what is known.
        SourceError: The source itself cannot be read.
        TieredError: Later; the set is then incomplete and never read.
    """
    next(scan(request.source, request.owners))  # readable, before anything else
    collection = _inventory(context, request)
    plan = _plan(context, collection, request)
    if plan.parent is not None:
        _check_parent(context, collection, plan.parent, request)
    return _write_set(context, collection, plan, request)


def _inventory(context: Context, request: BackupRequest) -> Collection:
    """The checked listing; a new archive's container is made on the way."""
    try:
        return take_inventory(context, Purpose.ADD, accept_loss=request.accept_loss)
    except StoreMissing:
        create = context.store.extras.create
        is_new = not read_seen(context)
        if create is None or not is_new or request.action is Action.INC:
            raise
        if request.dry_run:
            return collect((), context.namer)
        create.create()
        context.monitor.note(f"created {context.store.label}")
    return take_inventory(context, Purpose.ADD, accept_loss=request.accept_loss)


def _plan(
    context: Context, collection: Collection, request: BackupRequest
) -> BackupPlan:
    sets = (*collection.sets, *collection.incomplete)  # both hold their names
    soon_s = context.clock.time_s() + _PATIENCE_S
    newest = max((s.id.end_s for s in sets if s.id.end_s < soon_s), default=0)
    ahead_s = newest + 1 - context.clock.time_s()
    if ahead_s > 0:
        context.clock.sleep_s(ahead_s)
    return plan_backup(
        collection,
        request.action,
        int(context.clock.time_s()),
        request.full_if_older_than_s,
    )


def _check_parent(
    context: Context, collection: Collection, parent: Chain, request: BackupRequest
) -> None:
    """Everything an inc builds on is there, and is of the same source."""
    for backup_set in parent.sets:
        manifest = read_manifest(context, collection, backup_set)
        check_volumes(backup_set, manifest.volumes)
    if parent.sets[-1].encrypted != (request.codec.suffix == ".gpg"):
        raise ConfigError(
            "the chain is encrypted, and this inc would not be"
            if parent.sets[-1].encrypted
            else "the chain is not encrypted, and this inc would be",
            hint="Use the option of the last backup, or begin a new chain with "
            "`tiered full`.",
        )
    if request.allow_source_mismatch:
        return
    for what, theirs, ours in (
        ("host", manifest.hostname, request.hostname),
        ("directory", manifest.localdir, _localdir(request.source)),
    ):
        if theirs != ours:
            raise ConfigError(
                f"the last backup is of the {what} {theirs.decode(errors='replace')!r}"
                f", this one of {ours.decode(errors='replace')!r}",
                hint="Use another URL for another source, or say "
                "--allow-source-mismatch.",
            )


def _localdir(source: bytes) -> bytes:
    """As duplicity writes it: without empty components and `.`."""
    parts = [p for p in source.split(b"/") if p not in (b"", b".")]
    root = b"/" if source.startswith(b"/") else b""
    return root + b"/".join(parts) or b"."


def _write_set(
    context: Context, collection: Collection, plan: BackupPlan, request: BackupRequest
) -> BackupReport:
    set_id, suffix = plan.set_id, request.codec.suffix
    with ExitStack() as stack:
        uploader = stack.enter_context(Uploader(context.store, context.monitor))
        packed: list[int] = []

        def on_volume(volume: Volume) -> None:
            name = context.namer.volume(set_id, volume.number, suffix)
            if request.dry_run:
                packed.append(volume.source.size)
                volume.source.close()
            else:
                uploader.submit(name, volume)

        packer = Packer(
            scratch=context.scratch,
            codec=request.codec,
            settings=request.pack,
            owners=request.owners,
            monitor=context.monitor,
            on_volume=on_volume,
        )
        if not request.dry_run:
            context.cache.journal_add([str(set_id)])
        tree = scan(request.source, request.owners)
        signatures = _pack(context, collection, plan, packer, tree)
        stack.callback(signatures.close)
        rows = uploader.finish()
        stored = uploader.stored_bytes + sum(packed)
        if not request.dry_run:
            manifest = Manifest(
                hostname=request.hostname,
                localdir=_localdir(request.source),
                volumes=rows,
            )
            stored += _commit(context, request, set_id, signatures, manifest)
    return BackupReport(
        set_id=set_id,
        tally=packer.tally,
        volumes=len(rows) + len(packed),
        stored_bytes=stored,
    )


def _pack(
    context: Context,
    collection: Collection,
    plan: BackupPlan,
    packer: Packer,
    tree: Iterator[Scanned | Unreadable],
) -> SpoolSource:
    """Pack what changed; returns the signature object.

    When it returns, the parent's signatures are closed, and so known to be what
    was stored: an inc that was built on damaged ones must not be committed.
    """
    if plan.parent is None:
        return packer.pack(find_changes(tree, iter(()), 0))
    with ExitStack() as undo:
        with chain_states(context, collection, plan.parent) as before:
            signatures = packer.pack(find_changes(tree, before, plan.parent.end_s))
            undo.callback(signatures.close)
        undo.pop_all()
    return signatures


def _commit(
    context: Context,
    request: BackupRequest,
    set_id: SetId,
    signatures: SpoolSource,
    manifest: Manifest,
) -> int:
    """Signatures, then the manifest: now the set exists.  Returns bytes stored."""
    suffix = request.codec.suffix
    spool = SpoolFile(context.scratch, _manifest_codec(context, request))
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


def _manifest_codec(context: Context, request: BackupRequest) -> Codec:
    """Manifests are encrypted like the rest, but never only compressed."""
    suffix = request.codec.suffix
    return request.codec if suffix == ".gpg" else context.codec_for("")
