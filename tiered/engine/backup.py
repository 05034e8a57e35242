"""Back up: decide which set to write and in which style, and have it written.

Everything that can be wrong with what is there is found before the first object is
written  [docs/format/invariants.md, I4].
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tiered.archive.collection import Chain, Collection, collect
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.engine.context import Context
from tiered.engine.inventory import Purpose, read_seen, take_inventory
from tiered.engine.native.hot import read_set_manifests
from tiered.engine.native.sealing import check_sealing
from tiered.engine.scan import OwnerNames, scan
from tiered.engine.sets import check_volumes, read_manifest
from tiered.engine.written import SourceTree, WrittenSet, localdir
from tiered.errors import AlreadyExists, ConfigError, NoBackup, StoreMissing

if TYPE_CHECKING:  # a run needs one of the two styles
    from tiered.engine.duplicity_set import DuplicitySettings
    from tiered.engine.native.backup import NativeSettings
    from tiered.engine.native.walk_ahead import WalkAhead
    from tiered.engine.pack import Tally

NEW_STYLE = Style.TIERED
"""Of a new archive, if nobody says."""
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
    owners: OwnerNames
    duplicity: "Callable[[], DuplicitySettings]"
    """How sets of that style are written; asked for if one is."""
    native: "Callable[[], NativeSettings]"
    """The same of style tiered."""
    style: Style | None = None
    """None: that of the newest set, and `new_style` for a new archive."""
    new_style: Callable[[], Style] = lambda: NEW_STYLE
    """Asked for if the archive is new, and `style` is None."""
    full_if_older_than_s: int | None = None
    allow_source_mismatch: bool = False
    accept_loss: bool = False
    dry_run: bool = False
    walk: "WalkAhead | None" = None
    """A process that walks, not begun; None to walk here."""


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
    tally: "Tally"
    volumes: int
    stored_bytes: int
    """Volumes, signatures and manifest."""


def plan_backup(
    collection: Collection,
    action: Action,
    time_s: int,
    style: Style,
    full_if_older_than_s: int | None = None,
) -> BackupPlan:
    """Decide between full and inc.  Pure.

    Raises:
        NoBackup: An inc was asked for, and there is nothing to build on.
        ConfigError: The clock is behind the newest set, or an inc would be of
            another style than what it builds on.
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
        return BackupPlan(SetId(time_s, None, style), None)
    if chain.style is not style:
        raise ConfigError(
            f"the newest chain is of style {chain.style.value}",
            hint=f"Begin a chain of style {style.value} with `tiered full`, or leave "
            "--style out.",
        )
    return BackupPlan(SetId(time_s, chain.end_s, style), chain)


def newest_style(collection: Collection) -> Style | None:
    """Of what an archive holds: its newest chain, or without one its newest set, be
    it incomplete.  None for a new archive.
    """
    if collection.chains:
        return collection.chains[-1].style
    sets = (*collection.sets, *collection.incomplete)
    if newest := max(sets, key=lambda s: s.id.end_s, default=None):
        return newest.id.style
    return Style.TIERED if collection.keys else None


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
    source = SourceTree(
        root=request.source,
        host=request.hostname,
        name=localdir(request.source),
        owners=request.owners,
    )
    write = _native if plan.set_id.style is Style.TIERED else _duplicity
    try:
        written = write(context, collection, plan, request, source)
    except AlreadyExists:
        # another machine writes a set of this name: `cleanup` here must not take
        # its objects for ours
        context.cache.journal_remove([str(plan.set_id)])
        raise
    return BackupReport(
        set_id=plan.set_id,
        tally=written.tally,
        volumes=written.volumes,
        stored_bytes=written.stored_bytes,
    )


def _native(
    context: Context,
    collection: Collection,
    plan: BackupPlan,
    request: BackupRequest,
    source: SourceTree,
) -> WrittenSet:
    if request.walk:
        request.walk.begin(request.source)  # while this process loads the rest
    from tiered.engine.native.backup import write_native_set
    from tiered.engine.native.tree import Walk

    settings = request.native()
    if plan.parent is not None:
        _check_encryption(plan.parent, encrypted=settings.keyring is not None)
        check_sealing(context, collection, plan.parent)
        manifests = read_set_manifests(context, collection, plan.parent.sets)
        for backup_set, manifest in zip(plan.parent.sets, manifests, strict=True):
            check_volumes(backup_set, manifest.volumes)
        _check_source(request, source, manifest.host, manifest.source)
    return write_native_set(
        context,
        collection,
        plan.set_id,
        plan.parent,
        source,
        settings,
        accept_loss=request.accept_loss,
        dry_run=request.dry_run,
        begin_walk=request.walk.over if request.walk else Walk,
    )


def _duplicity(
    context: Context,
    collection: Collection,
    plan: BackupPlan,
    request: BackupRequest,
    source: SourceTree,
) -> WrittenSet:
    from tiered.engine.duplicity_set import write_duplicity_set

    settings = request.duplicity()
    if plan.parent is not None:
        _check_encryption(plan.parent, encrypted=settings.codec.suffix == ".gpg")
        for backup_set in plan.parent.sets:
            manifest = read_manifest(context, collection, backup_set)
            check_volumes(backup_set, manifest.volumes)
        _check_source(request, source, manifest.hostname, manifest.localdir)
    return write_duplicity_set(
        context,
        collection,
        plan.set_id,
        plan.parent,
        source,
        settings,
        dry_run=request.dry_run,
    )


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
        request.style or newest_style(collection) or request.new_style(),
        request.full_if_older_than_s,
    )


def _check_encryption(parent: Chain, *, encrypted: bool) -> None:
    """A chain is encrypted as a whole, or not at all."""
    if parent.sets[-1].encrypted != encrypted:
        raise ConfigError(
            "the chain is not encrypted, and this inc would be"
            if encrypted
            else "the chain is encrypted, and this inc would not be",
            hint="Use the option of the last backup, or begin a new chain with "
            "`tiered full`.",
        )


def _check_source(
    request: BackupRequest, source: SourceTree, host: bytes, name: bytes
) -> None:
    """What an inc builds on is of the same source."""
    if request.allow_source_mismatch:
        return
    for what, theirs, ours in (
        ("host", host, source.host),
        ("directory", name, source.name),
    ):
        if theirs != ours:
            raise ConfigError(
                f"the last backup is of the {what} {theirs.decode(errors='replace')!r}"
                f", this one of {ours.decode(errors='replace')!r}",
                hint="Use another URL for another source, or say "
                "--allow-source-mismatch.",
            )
