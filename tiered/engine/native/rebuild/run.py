"""Make hot objects again, set by set, and put them in the place of what is lost.

All of a set is made before anything of it is touched.  Then what cannot be used is
deleted, the manifest first, and signatures, index and manifest are created, in the
order of any set: a run that is stopped leaves a set without manifest, and the next
run makes it again.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from tiered.archive.collection import Chain, Collection
from tiered.archive.index import IndexReader
from tiered.archive.object_name import ObjectName, SetId
from tiered.archive.set_manifest import SetManifest, StoredObject, Totals
from tiered.codec.envelope import Envelope
from tiered.engine.context import Context
from tiered.engine.fetch import cache_optional
from tiered.engine.native.hot import index_reader, remember_opened
from tiered.engine.native.rebuild.hot import (
    BAD,
    Survivor,
    hot_names,
    same_index,
    same_signatures,
)
from tiered.engine.native.rebuild.plan import LostSet, RebuildPlan
from tiered.engine.native.rebuild.remake import RemadeSet, Remaking
from tiered.engine.native.rebuild.volume import Thawing
from tiered.engine.native.sealed import SealedObject, seal_file
from tiered.engine.native.state import chain_index
from tiered.engine.spool import scratch_file
from tiered.engine.upload import put_new
from tiered.errors import NotFound, PassphraseError, TieredError
from tiered.monitor import Progress
from tiered.store import Entry

_NO_PARENT = "the set it builds on could not be made again"


@dataclass(slots=True)
class RebuildReport:
    """What was done."""

    made: list[SetId] = field(default_factory=list)
    failed: dict[SetId, str] = field(default_factory=dict)
    """Sets that could not be made again, and why."""
    created: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


def run_rebuild(context: Context, plan: RebuildPlan) -> RebuildReport:
    """Thaw, read and write; the caller holds the lock of the cache.

    A set whose volumes are damaged is left as it is, and so are those that build on
    it; all others are made.

    Raises:
        StoreError, PassphraseError, ScratchError: Sets that were made so far are
            whole; running again goes on with the next.
    """
    return _Rebuild(context, plan).run()


class _Rebuild:
    def __init__(self, context: Context, plan: RebuildPlan) -> None:
        self._context, self._plan = context, plan
        self._sizes = dict(plan.collection.sizes)
        self._collection: Collection = replace(plan.collection, sizes=self._sizes)
        self._thawing = Thawing(context)
        self._state: tuple[SetId, BinaryIO, ExitStack] | None = None
        self._done_bytes = 0
        self.report = RebuildReport()

    def run(self) -> RebuildReport:
        self._thawing.wait(self._plan.needed)
        try:
            for lost in self._plan.lost:
                self._rebuild(lost)
        finally:
            if self._state:
                self._state[2].close()
        return self.report

    def _rebuild(self, lost: LostSet) -> None:
        before = Chain(self._plan.chains[lost.id].sets[:-1])
        if any(each.id in self.report.failed for each in before.sets):
            self._fail(lost.id, _NO_PARENT)
            return
        with ExitStack() as stack:
            try:
                remade = self._remade(lost, before, stack)
            except BAD as e:
                self._fail(lost.id, str(e))
                return
            _Commit(self._context, lost, remade, self._sizes, self.report).run()
            self.report.made.append(lost.id)
            if self._state:
                self._state[2].close()
            self._state = lost.id, remade.state, stack.pop_all()

    def _remade(self, lost: LostSet, before: Chain, stack: ExitStack) -> RemadeSet:
        with self._state_after(before) as state:
            return Remaking(
                context=self._context,
                collection=self._collection,
                lost=lost,
                chain=before,
                before=state,
                thawing=self._thawing,
                stack=stack,
                on_volume=self._tell,
            ).run()

    @contextmanager
    def _state_after(self, chain: Chain) -> Iterator[IndexReader | None]:
        if not chain.sets:
            yield None
        elif self._state and self._state[0] == chain.sets[-1].id:
            yield index_reader(self._state[1])
        else:
            with chain_index(self._context, self._collection, chain) as reader:
                yield reader

    def _tell(self, size_bytes: int) -> None:
        self._done_bytes += size_bytes
        progress = Progress("rebuild", self._done_bytes, self._plan.size_bytes, "bytes")
        self._context.monitor.progress(progress)

    def _fail(self, set_id: SetId, reason: str) -> None:
        self.report.failed[set_id] = reason
        self._context.monitor.warn(f"the {set_id} cannot be made again: {reason}")


class _Commit:
    """Puts the objects of one set in their places."""

    def __init__(
        self,
        context: Context,
        lost: LostSet,
        remade: RemadeSet,
        sizes: dict[str, Entry],
        report: RebuildReport,
    ) -> None:
        self._context, self._lost, self._remade = context, lost, remade
        self._sizes, self._report = sizes, report
        self._envelope: Envelope = context.envelope_for(lost.suffix)
        self._new: list[tuple[str, SealedObject, BinaryIO]] = []
        """What is created, in order: name, sealed and plain."""

    def run(self) -> None:
        context, lost, remade = self._context, self._lost, self._remade
        namer, old = context.namer, lost.backup_set
        with ExitStack() as stack:
            signatures = self._kept_signatures() or self._sealed(
                namer.signatures(lost.id, lost.suffix), remade.signatures, stack
            )
            index = self._kept_index() or self._sealed(
                namer.index(lost.id, lost.suffix), remade.index, stack
            )
            manifest = self._manifest(signatures, index)
            text = stack.enter_context(scratch_file(context.scratch))
            text.write(manifest.dump())
            self._sealed(namer.manifest(lost.id, lost.suffix), text, stack)
            new = {name for name, _, _ in self._new}
            for each in (old.manifest, old.index, old.signatures):
                if each and each.name in new:
                    self._delete(each.name)
            for name, sealed, plain in self._new:
                self._create(name, sealed, plain)
        with cache_optional(context):
            context.cache.volumes_add(str(lost.id), len(remade.volumes))

    def _manifest(self, signatures: StoredObject, index: StoredObject) -> SetManifest:
        remade, description = self._remade, self._remade.description
        state = index_reader(remade.state)
        stored = sum(v.size for v in remade.volumes) + signatures.size + index.size
        return SetManifest(
            set_id=self._lost.id,
            host=description.host,
            source=description.source,
            volumes=remade.volumes,
            signatures=signatures,
            index=index,
            totals=Totals(
                paths=state.rows,
                file_bytes=sum(sum(columns.sizes) for columns in state.blocks()),
                new=remade.new,
                changed=remade.changed,
                deleted=remade.deleted,
                stored_bytes=stored,
            ),
        )

    def _kept_index(self) -> StoredObject | None:
        """The index that is there, if it can stay: it knows ctimes, ours does not."""
        name, manifest = self._survivor("index"), self._lost.manifest
        if name is None:
            return None
        if manifest and "index" not in self._lost.lost:
            return manifest.index
        with ExitStack() as stack:
            try:
                found = self._opened(name, stack)
                if same_index(found.plain, self._remade.index):
                    return found.stored
            except (*BAD, PassphraseError) as e:
                self._tell_of(name, e)
        return None

    def _kept_signatures(self) -> StoredObject | None:
        """The signatures that are there, if they can stay."""
        name, manifest = self._survivor("signatures"), self._lost.manifest
        if name is None:
            return None
        if manifest and "signatures" not in self._lost.lost:
            return manifest.signatures
        with ExitStack() as stack:
            try:
                found = self._opened(name, stack)
                if same_signatures(found.plain, self._remade.signatures):
                    return found.stored
            except (*BAD, PassphraseError) as e:
                self._tell_of(name, e)
        return None

    def _survivor(self, what: str) -> ObjectName | None:
        name = hot_names(self._lost.backup_set)[what]
        return name if name and name.suffix == self._lost.suffix else None

    def _opened(self, name: ObjectName, stack: ExitStack) -> Survivor:
        return Survivor(self._context, name, self._sizes[name.name], stack)

    def _tell_of(self, name: ObjectName, error: TieredError) -> None:
        self._context.monitor.debug(f"{name.name} cannot be kept: {error}")

    def _sealed(self, name: str, plain: BinaryIO, stack: ExitStack) -> StoredObject:
        sealed = seal_file(plain, self._context.scratch, self._envelope)
        stack.callback(sealed.close)
        self._new.append((name, sealed, plain))
        return StoredObject(sealed.size, sealed.hash)

    def _delete(self, name: str) -> None:
        """Objects are never replaced: what is no use makes room first."""
        self._context.monitor.note(f"deleting {name}, which cannot be used any more")
        with suppress(NotFound):
            self._context.store.delete(name)
        self._context.cache.forget(name)
        self._sizes.pop(name, None)
        self._report.deleted.append(name)

    def _create(self, name: str, sealed: SealedObject, plain: BinaryIO) -> None:
        context, backup_set = self._context, self._lost.backup_set
        put_new(context.store, name, sealed)
        self._report.created.append(name)
        self._sizes[name] = Entry(name, sealed.size)
        context.cache.forget(name)
        remember_opened(context, name, sealed.size, plain)
        parsed = context.namer.parse(name)
        if name == context.namer.signatures(backup_set.id, self._lost.suffix):
            backup_set.signatures = parsed
        elif name == context.namer.index(backup_set.id, self._lost.suffix):
            backup_set.index = parsed
        else:
            backup_set.manifest = parsed
