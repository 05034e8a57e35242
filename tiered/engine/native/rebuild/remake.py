"""The hot objects of one set, made from its volumes: in the scratch folder, unsealed.

First all volumes are read, one after the other.  What they hold whole is known then;
contents that lie partly in volumes of earlier sets are put together in a second pass
over the rows, once all that must be thawed for them has been.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO

from tiered.archive.collection import Chain, Collection
from tiered.archive.columns import HASH_BYTES, REGULAR, Columns, Places
from tiered.archive.index import IndexReader, VolumeRow
from tiered.archive.index_writer import IndexWriter
from tiered.archive.member_stream import Member, SetReader, read_sums
from tiered.archive.members import HeaderPacker, SetDescription
from tiered.archive.paths import join_path, split_path
from tiered.archive.set_manifest import VolumeObject
from tiered.codec.frames import FrameStream, FrameTable
from tiered.engine.context import Context
from tiered.engine.native.hot import index_reader
from tiered.engine.native.known import LARGE_BYTES
from tiered.engine.native.known_volumes import ColdVolume
from tiered.engine.native.rebuild.content import ChainVolumes, ContentReader
from tiered.engine.native.rebuild.draft import Before, Draft
from tiered.engine.native.rebuild.members import UNKNOWN, SetRows
from tiered.engine.native.rebuild.plan import LostSet
from tiered.engine.native.rebuild.volume import Thawing, VolumeFile, fetched_volume
from tiered.engine.native.schedule import VolumeNumbers
from tiered.engine.native.signatures import SignatureWriter
from tiered.engine.native.state import merge_indexes, pack_block
from tiered.engine.spool import open_spool, scratch_file
from tiered.errors import ArchiveDamaged
from tiered.rsync.sums import Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class RemadeSet:
    """What the volumes of a set tell, as files that are open."""

    description: SetDescription
    volumes: tuple[VolumeObject, ...]
    index: BinaryIO
    signatures: BinaryIO
    state: BinaryIO
    """The index of the state after the set."""
    new: int
    changed: int
    deleted: int


@dataclass(slots=True, kw_only=True)
class Remaking:
    """Makes one set.

    Args:
        collection: Where the sets that it builds on are looked up.
        chain: These sets; none for a full.
        before: The state after them.
        stack: Closes the files of the result.
        on_volume: Told the size of each volume that has been read.
    """

    context: Context
    collection: Collection
    lost: LostSet
    chain: Chain
    before: IndexReader | None
    thawing: Thawing
    stack: ExitStack
    on_volume: Callable[[int], None]
    _own: dict[VolumeRow, ColdVolume] = field(default_factory=dict)

    def run(self) -> RemadeSet:
        """Read the volumes, and make what is lost.

        Raises:
            ArchiveDamaged, Corrupt, NotFound: The volumes are not whole, or do not
                fit to the sets before.
            ConfigError: They are of a version that is not known.
            StoreError, PassphraseError: A volume could not be read.
            ScratchError: There is no room.

        Cost: All volumes of the set are read once; for files that are stored as
            deltas also what they share with earlier sets.
        """
        draft, sums_file = Draft(self._file()), self._file()
        sums = SignatureWriter(sums_file.write, HeaderPacker())
        before = Before(self.before) if self.before else None
        rows = SetRows(self.lost.id, before, draft, sums)
        description = self._read_volumes(rows)
        rows.finish()
        sums.finish()
        sums_file.flush()
        index, signatures = self._file(), self._file()
        self._write(draft, rows, sums_file, index, signatures)
        state = index
        if self.before:
            state = self._file()
            merge_indexes([self.before, index_reader(index)], state)
        return RemadeSet(
            description=description,
            volumes=tuple(volume.object for volume in self._own.values()),
            index=index,
            signatures=signatures,
            state=state,
            new=rows.new,
            changed=rows.changed,
            deleted=rows.deleted,
        )

    def _file(self) -> BinaryIO:
        return self.stack.enter_context(scratch_file(self.context.scratch))

    def _read_volumes(self, rows: SetRows) -> SetDescription:
        reader = SetReader(self.lost.id)
        for number in sorted(self.lost.backup_set.volumes):
            with self._fetched(number) as volume, volume.content() as content:
                for member in _named(volume, reader.volume(content)):
                    rows.take(member, number)
                self._add_own(number, volume)
                self.on_volume(volume.size)
        reader.finish()
        if reader.description is None:
            raise ArchiveDamaged(f"the {self.lost.id} has no volume")
        return reader.description

    def _fetched(self, number: int) -> AbstractContextManager[VolumeFile]:
        name = self.lost.backup_set.volumes[number]
        manifest = self.lost.manifest
        known = manifest.volumes[number - 1] if manifest else None
        entry = self.collection.sizes[name.name]
        return fetched_volume(self.context, name, entry, known, self.thawing)

    def _add_own(self, number: int, volume: VolumeFile) -> None:
        self._own[VolumeRow(self.lost.id.end_s, number)] = ColdVolume(
            name=volume.name,
            object=VolumeObject(
                number, volume.size, volume.hash(), volume.content_bytes
            ),
            layout=volume.layout(number),
            table=FrameTable(volume.frames),
        )

    def _write(
        self,
        draft: Draft,
        rows: SetRows,
        sums_file: BinaryIO,
        index_file: BinaryIO,
        signature_file: BinaryIO,
    ) -> None:
        numbers, context = VolumeNumbers(), self.context
        with (
            ChainVolumes(
                context, self.collection, self.chain, numbers, self._own
            ) as volumes,
            open_spool(sums_file) as drafted,
        ):
            contents = ContentReader(volumes, draft.volumes, numbers, self.thawing)
            self.thawing.wait(contents.names(_needed(draft)))
            signatures = _Signatures(signature_file, drafted)
            index = IndexWriter(index_file.write, pack_block)
            for owner in draft.owners:
                index.owner(owner)
            for row in draft.volumes:
                index.volume(row)
            for columns in draft.blocks():
                _complete(columns, contents, rows.unknown, signatures)
                index.add_columns(columns, 0, len(columns))
            signatures.finish()
        for volume in self._own.values():
            index.add_layout(volume.layout)
        index.finish()
        index_file.flush()
        signature_file.flush()


class _Signatures:
    """Sums that were made on the way, and those that were not, in one order."""

    def __init__(self, file: BinaryIO, drafted: BinaryIO) -> None:
        self._file = file
        self._writer = SignatureWriter(file.write, HeaderPacker())
        self._drafted = _read_pairs(drafted)
        self._next = next(self._drafted, None)

    def add(self, path: bytes, content: bytes, sums: Sums) -> None:
        """The sums of a file that the draft does not have."""
        self._copy_until(path)
        self._writer.add(path, content, sums)

    def finish(self) -> None:
        self._copy_until(None)
        self._writer.finish()

    def _copy_until(self, path: bytes | None) -> None:
        end = None if path is None else split_path(path)
        while self._next and (end is None or split_path(self._next[0]) < end):
            self._writer.add(*self._next)
            self._next = next(self._drafted, None)


def _read_pairs(file: BinaryIO) -> Iterator[tuple[bytes, bytes, Sums]]:
    """Path, BLAKE3 and sums, as `SignatureWriter.add` was given them."""
    members = read_sums(FrameStream(file))
    for member in members:
        signature = member.body.read(member.size)
        blocks = next(members)
        data = blocks.body.read(blocks.size)
        sums = Sums(signature, data[HASH_BYTES:])
        yield join_path(member.path), data[:HASH_BYTES], sums


def _needed(draft: Draft) -> list[int]:
    """Volumes that hold something of contents that are not known yet."""
    needed: set[int] = set()
    for columns in draft.blocks():
        places = Places(columns)
        for row, _ in _unknown_rows(columns):
            needed.update(e.volume for e in places.extents(row))
    return sorted(needed)


def _unknown_rows(columns: Columns) -> Iterator[tuple[int, int]]:
    """Row, and where its hash begins."""
    if UNKNOWN not in columns.hashes:
        return
    at = 0
    for row, kind in enumerate(columns.types):
        if kind == REGULAR:
            if columns.hashes[at : at + HASH_BYTES] == UNKNOWN:
                yield row, at
            at += HASH_BYTES


def _complete(
    columns: Columns,
    contents: ContentReader,
    own: set[bytes],
    signatures: _Signatures,
) -> None:
    """Fill in the hashes of a block.

    Args:
        own: Paths whose content is new in this set; others that are not known have
            the same as one of them, and no sums.
    """
    places = Places(columns)
    for row, at in _unknown_rows(columns):
        path = columns.paths[row]
        content, sums = contents.sums(places.extents(row))
        columns.hashes[at : at + HASH_BYTES] = content
        if path in own and columns.sizes[row] >= LARGE_BYTES:
            signatures.add(path, content, sums)


def _named(volume: VolumeFile, members: Iterator[Member]) -> Iterator[Member]:
    """The members; what is wrong with one is told with the name of the volume."""
    try:
        yield from members
    except ArchiveDamaged as e:
        if volume.name.name in str(e):
            raise
        raise ArchiveDamaged(f"{volume.name.name}: {e}", hint=e.hint) from e
