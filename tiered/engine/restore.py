"""Write the files of one time back: plan, thaw, restore.

Everything that needs no volume comes first: which sets, which volumes, whether
they are all there, how cold they are.  So nothing is asked of a cold store that
cannot lead to a restored file.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from tiered.archive import tar
from tiered.archive.collection import BackupSet, Chain, Collection
from tiered.archive.difftar import Entry, read_entries
from tiered.archive.fileinfo import FileType
from tiered.archive.filename import ObjectName
from tiered.archive.manifest import VolumeInfo
from tiered.archive.paths import PathKey, show_path
from tiered.archive.style import Style
from tiered.cold.plan import ThawPlan
from tiered.cold.run import POLL_S, look, thaw_and_wait
from tiered.engine.context import Context
from tiered.engine.fetch import Expected, expect, opened
from tiered.engine.inventory import Purpose, take_inventory
from tiered.engine.merge import Version, merge_sets
from tiered.engine.native.restore import run_native_restore
from tiered.engine.native.restore_plan import NativeRestorePlan, plan_native_restore
from tiered.engine.place import Placer, check_target
from tiered.engine.rebuild import rebuild
from tiered.engine.restoration import NO_USE_TO_GO_ON
from tiered.engine.restoration import RestoreReport as RestoreReport
from tiered.engine.restoration import RestoreRequest as RestoreRequest
from tiered.engine.sets import chain_at, check_volumes, read_manifest
from tiered.errors import NoBackup, TargetError
from tiered.monitor import Progress


@dataclass(frozen=True, slots=True)
class NeededVolume:
    """One volume that holds something to restore."""

    name: ObjectName
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What a restore would read; nothing has been asked for."""

    chain: Chain
    volumes: tuple[tuple[NeededVolume, ...], ...]
    """For each set of the chain, in order."""
    thaw: ThawPlan | None
    """None if no store is cold."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(v.name.name for volumes in self.volumes for v in volumes)

    @property
    def size_bytes(self) -> int:
        return sum(v.expected.size for volumes in self.volumes for v in volumes)


AnyPlan = RestorePlan | NativeRestorePlan


def plan_restore(
    context: Context, path: PathKey, time_s: int, *, accept_loss: bool = False
) -> AnyPlan:
    """Find out what a restore needs, from hot objects and listings alone.

    Raises:
        NoBackup: Nothing is that old.
        ArchiveDamaged: A volume that is needed is not listed; see `chain_at`.
        ListingDoubtful, StoreError: See `take_inventory`.
    """
    collection = take_inventory(context, Purpose.READ, accept_loss=accept_loss)
    chain = chain_at(context, collection, time_s)
    if chain.style is Style.TIERED:
        return plan_native_restore(context, collection, chain, path)
    volumes = tuple(_needed(context, collection, s, path) for s in chain.sets)
    names = [v.name.name for each in volumes for v in each]
    thaw = context.store.extras.thaw
    plan = look(thaw, names, context.cache, context.clock) if thaw else None
    return RestorePlan(chain=chain, volumes=volumes, thaw=plan)


def run_restore(
    context: Context, plan: AnyPlan, request: RestoreRequest
) -> RestoreReport:
    """Thaw, wait and write.

    Raises:
        TargetError: The target is in use; nothing was asked for or written.
        NoBackup: The path is not in the archive at that time.
        TieredError: Files written so far are whole and stay.
    """
    if isinstance(plan, NativeRestorePlan):
        return run_native_restore(context, plan, request)
    check_target(request.target, force=request.force)
    if thaw := context.store.extras.thaw:
        thaw_and_wait(thaw, plan.names, context.cache, context.clock, context.monitor)
    report = RestoreReport()
    placer = Placer(request.target, request.place)
    with ExitStack() as stack:
        streams = [_entries(context, each, stack) for each in plan.volumes]
        for version in merge_sets(streams, request.path):
            _restore(context, placer, version, request.path, report)
        _finish(context, placer, report)
    if not report.paths and not report.skipped:
        raise NoBackup(
            f"{show_path(request.path)} is not in the archive at that time",
            hint="`tiered list-current-files` shows what is.",
        )
    return report


def _needed(
    context: Context, collection: Collection, backup_set: BackupSet, path: PathKey
) -> tuple[NeededVolume, ...]:
    manifest = read_manifest(context, collection, backup_set)
    wanted = tuple(v for v in manifest.volumes if v.may_hold(path))
    check_volumes(backup_set, wanted)
    return tuple(_volume(collection, backup_set, v) for v in wanted)


def _volume(
    collection: Collection, backup_set: BackupSet, info: VolumeInfo
) -> NeededVolume:
    name = backup_set.volumes[info.number]
    return NeededVolume(name, expect(collection.sizes[name.name], info.sha1))


def _restore(
    context: Context,
    placer: Placer,
    version: Version,
    below: PathKey,
    report: RestoreReport,
) -> None:
    path = version.info.path
    try:
        data = rebuild(version, context.scratch)
        placer.place(version.info, path[len(below) :], data)
    except OSError as e:
        if e.errno in NO_USE_TO_GO_ON:
            raise TargetError(
                f"cannot restore {show_path(path)}: {e.strerror}",
                hint="Free space there and restore again, with --force or to a new "
                "place.",
            ) from e
        report.skipped += 1
        context.monitor.warn(f"cannot restore {show_path(path)}: {e.strerror}")
        return
    report.paths += 1
    report.files += version.info.type is FileType.REGULAR
    context.monitor.progress(Progress("restore", report.files, None, "files"))


def _finish(context: Context, placer: Placer, report: RestoreReport) -> None:
    for error in placer.finish():
        report.skipped += 1
        context.monitor.warn(f"cannot set the attributes of a directory: {error}")


def _entries(
    context: Context, volumes: tuple[NeededVolume, ...], stack: ExitStack
) -> Iterator[Entry]:
    """The entries of one set; one volume is on disk at a time."""

    def members() -> Generator[tuple[tar.Member, tar.Body], None, None]:
        for volume in volumes:
            with opened(context, volume.name, volume.expected, thaw_again) as decoder:
                yield from tar.read_members(decoder)

    def thaw_again(name: str) -> None:
        """It was readable when the restore began, and was sealed since.

        The listing may not know yet; so this looks at it a while later.
        """
        if thaw := context.store.extras.thaw:
            context.monitor.warn(f"{name} was sealed again; thawing it once more")
            clock, monitor = context.clock, context.monitor
            clock.sleep_s(POLL_S)
            thaw_and_wait(thaw, [name], context.cache, clock, monitor)

    return read_entries(stack.enter_context(closing(members())))
