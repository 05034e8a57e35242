"""Write one set of style tiered: scan, pack, upload, commit.

Order of writes: key objects, volumes, signatures, index, manifest
[docs/format/native.md, "Order of writes"; docs/format/invariants.md, I1 to I4].
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

from tiered.archive.collection import Chain, Collection
from tiered.archive.filename import SetId
from tiered.archive.index import IndexReader
from tiered.archive.index_writer import IndexWriter
from tiered.archive.members import (
    HeaderPacker,
    SetDescription,
    pack_end_json,
    pack_set_json,
)
from tiered.archive.set_manifest import (
    Totals,
)
from tiered.codec.envelope import Envelope, PlainEnvelope
from tiered.codec.packing import USUAL_EFFORTS, Effort, Efforts
from tiered.engine.context import Context
from tiered.engine.native.commit import SetCommit, SetParts
from tiered.engine.native.feed import Feed
from tiered.engine.native.hot import open_signatures
from tiered.engine.native.keyring import Keyring
from tiered.engine.native.known import StateContents
from tiered.engine.native.large import LargeFiles
from tiered.engine.native.pack import SMALL_BYTES, SetPacker
from tiered.engine.native.read_ahead import ReadAhead
from tiered.engine.native.rows import RowWriter
from tiered.engine.native.signatures import ChainSums, SignatureWriter
from tiered.engine.native.source_file import READ_BYTES
from tiered.engine.native.state import (
    chain_index,
    pack_block,
)
from tiered.engine.native.sums_queue import SumsQueue
from tiered.engine.native.tree import BeginWalk, OwnerTable, TreeWalk, Walk
from tiered.engine.native.uploads import Uploads
from tiered.engine.native.volumes import FinishedVolume, VolumeSettings, VolumeWriter
from tiered.engine.pack import Tally
from tiered.engine.spool import scratch_file
from tiered.engine.written import SourceTree, WrittenSet

_LEAST_PIECE = SMALL_BYTES
"""What is packed with others is never cut."""
_MOST_PIECE = 4 * READ_BYTES
_PIECES_PER_VOLUME = 8
_MOST_PROCESSES = 4
"""That compress small files: what one thread gives them keeps no more busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSettings:
    """How sets of style tiered are written."""

    keyring: Keyring | None
    """None: they are not encrypted."""
    threads: int
    """That compress, and uploads at a time."""
    volumes: VolumeSettings
    efforts: Efforts = USUAL_EFFORTS

    @property
    def suffix(self) -> str:
        return ".age" if self.keyring else ""

    @property
    def piece_bytes(self) -> int:
        share = self.volumes.volume_bytes // _PIECES_PER_VOLUME
        whole = share // _LEAST_PIECE * _LEAST_PIECE
        return max(_LEAST_PIECE, min(_MOST_PIECE, whole))


@dataclass(slots=True)
class _Work:
    """One run."""

    context: Context
    collection: Collection
    set_id: SetId
    parent: Chain | None
    source: SourceTree
    settings: NativeSettings
    envelope: Envelope
    stack: ExitStack
    index_file: BinaryIO
    signature_file: BinaryIO
    uploads: Uploads | None
    """None if nothing is stored."""
    finished: list[FinishedVolume] = field(default_factory=list)

    def on_volume(self, volume: FinishedVolume) -> None:
        self.finished.append(volume)
        if self.uploads is None:
            volume.object.close()
            return
        namer = self.context.namer
        name = namer.volume(self.set_id, volume.number, self.settings.suffix)
        self.uploads.submit(name, volume.object)


def write_native_set(
    context: Context,
    collection: Collection,
    set_id: SetId,
    parent: Chain | None,
    source: SourceTree,
    settings: NativeSettings,
    *,
    accept_loss: bool,
    dry_run: bool,
    begin_walk: BeginWalk = Walk,
) -> WrittenSet:
    """Write a set.  The caller holds the lock of the cache.

    Args:
        begin_walk: Over the source; not begun before `set_id` was chosen, as what
            is touched from then on is looked at again by the next set.

    Raises:
        SourceError: The source itself cannot be read.
        PassphraseError: The key, or what the set builds on, cannot be opened.
        TieredError: The set is then incomplete and never read.

    Cost: Nothing is read from the store if the cache has what the set builds on.
    """
    if settings.keyring and not dry_run:
        settings.keyring.ensure(collection, accept_loss=accept_loss)
    with ExitStack() as stack:
        sealed = settings.keyring is not None and not dry_run
        work = _Work(
            context=context,
            collection=collection,
            set_id=set_id,
            parent=parent,
            source=source,
            settings=settings,
            envelope=context.envelope_for(".age") if sealed else PlainEnvelope(),
            stack=stack,
            index_file=stack.enter_context(scratch_file(context.scratch)),
            signature_file=stack.enter_context(scratch_file(context.scratch)),
            uploads=None
            if dry_run
            else stack.enter_context(
                Uploads(context.store, context.monitor, settings.threads)
            ),
        )
        return _write(work, begin_walk)


def _write(work: _Work, begin_walk: BeginWalk) -> WrittenSet:
    context = work.context
    before: IndexReader | None = None
    if work.parent:
        opening = chain_index(context, work.collection, work.parent)
        before = work.stack.enter_context(opening)
    if work.uploads:
        context.cache.journal_add([str(work.set_id)])
    index = IndexWriter(work.index_file.write, pack_block)
    owners = OwnerTable(work.source.owners, list(before.owners) if before else [])
    walk = begin_walk(work.source.root, owners)
    tally = _pack(work, walk, owners, index, before)
    for owner in owners.owners:
        index.owner(owner)
    work.finished.sort(key=_number)
    for volume in work.finished:
        index.add_layout(volume.layout)
    index.finish()
    stored = sum(v.object.size for v in work.finished)
    if work.uploads:
        work.uploads.finish()
        totals = Totals(
            paths=walk.paths,
            file_bytes=walk.file_bytes,
            new=tally.new,
            changed=tally.changed,
            deleted=tally.deleted,
            stored_bytes=stored,
        )
        parts = SetParts(
            set_id=work.set_id,
            source=work.source,
            volumes=work.finished,
            signatures=work.signature_file,
            index=work.index_file,
            totals=totals,
        )
        keyring = work.settings.keyring
        stored += SetCommit(context, work.envelope, keyring, before).run(parts)
    return WrittenSet(tally=tally, volumes=len(work.finished), stored_bytes=stored)


def _number(volume: FinishedVolume) -> int:
    return volume.number


def _pack(
    work: _Work,
    walk: TreeWalk,
    owners: OwnerTable,
    index: IndexWriter,
    before: IndexReader | None,
) -> Tally:
    settings, uploads, stack = work.settings, work.uploads, work.stack
    threads = stack.enter_context(
        ThreadPoolExecutor(settings.threads, thread_name_prefix="pack")
    )
    stack.callback(threads.shutdown, cancel_futures=True)

    def effort(size: int) -> Effort:
        efforts = settings.efforts
        if uploads and uploads.are_behind:
            return efforts.patient
        return efforts.large_files if size > SMALL_BYTES else efforts.small_files

    volumes = stack.enter_context(
        VolumeWriter(
            scratch=work.context.scratch,
            envelope=work.envelope,
            settings=settings.volumes,
            threads=threads,
            effort=effort,
            head=lambda number: _head(work, number),
            on_volume=work.on_volume,
        )
    )
    headers = HeaderPacker()
    packer = SetPacker(
        root=work.source.root,
        set_end_s=work.set_id.end_s,
        piece_bytes=settings.piece_bytes,
        volumes=volumes,
        index=index,
        rows=RowWriter(index, work.set_id.end_s),
        sums=SumsQueue(SignatureWriter(work.signature_file.write, headers)),
        headers=headers,
        owners=owners,
        threads=threads,
        monitor=work.context.monitor,
        parent=before,
        known=StateContents(before) if before else None,
    )
    sums = _chain_sums(work)
    if sums:
        stack.callback(sums.close)
    processes = min(settings.threads, _MOST_PROCESSES)
    feed = Feed(packer, LargeFiles(packer, sums))
    ahead = ReadAhead(
        work.source.root,
        feed.pack,
        partial(volumes.start_processes, processes) if processes > 1 else None,
    )
    stack.callback(ahead.close)
    start_ns = (work.parent.end_s if work.parent else 0) * 1_000_000_000
    feed.run(walk, before, start_ns, ahead)
    packer.finish()
    volumes.finish(lambda count: pack_end_json(work.set_id, count))
    return packer.tally


def _head(work: _Work, number: int) -> bytes:
    return pack_set_json(
        SetDescription(
            set_id=work.set_id,
            volume=number,
            piece_bytes=work.settings.piece_bytes,
            host=work.source.host,
            source=work.source.name,
        )
    )


def _chain_sums(work: _Work) -> ChainSums | None:
    """How the signatures of the parent's chain are opened, if there is one."""
    if work.parent is None:
        return None

    opened = (work.context, work.collection)
    openings = [partial(open_signatures, *opened, s) for s in work.parent.sets]
    return ChainSums(openings, work.context.scratch)
