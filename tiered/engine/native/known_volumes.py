"""What the hot objects of a chain say about its volumes."""

from contextlib import ExitStack
from dataclasses import dataclass

from tiered.archive.collection import BackupSet, Chain, Collection
from tiered.archive.index import IndexReader, VolumeLayout, VolumeRow
from tiered.archive.object_name import ObjectName
from tiered.archive.set_manifest import VolumeObject
from tiered.codec.frames import FrameSize, FrameTable
from tiered.engine.context import Context
from tiered.engine.native.hot import open_index_of, read_set_manifest
from tiered.errors import ArchiveDamaged

_INDEXES = 16
"""Indexes that are open at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdVolume:
    """One volume, as the hot objects of its set describe it."""

    name: ObjectName
    object: VolumeObject
    layout: VolumeLayout
    table: FrameTable


class KnownVolumes:
    """What the indexes and manifests of sets say about their volumes."""

    def __init__(self, context: Context, collection: Collection, chain: Chain) -> None:
        self._context, self._collection = context, collection
        self._sets = {s.id.end_s: s for s in chain.sets}
        self._open: dict[int, tuple[IndexReader, tuple[VolumeObject, ...], ExitStack]]
        self._open = {}

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1][2].close()

    def find(self, row: VolumeRow) -> ObjectName:
        """The object of a volume.

        Raises:
            ArchiveDamaged: There is no such set, or the volume is not listed.
        """
        backup_set = self._sets.get(row.set_end_s)
        if backup_set is None:
            raise ArchiveDamaged(
                f"an index refers to a set that ended at {row.set_end_s}, which is "
                "not in the chain"
            )
        name = backup_set.volumes.get(row.number)
        if name is None:
            raise ArchiveDamaged(
                f"the {backup_set.id} lacks volume {row.number}",
                hint="Look whether a store is empty, unmounted or the wrong one.  "
                "Paths that do not need it can be restored with --path-to-restore.",
                volumes=[row.number],
            )
        return name

    def read(self, row: VolumeRow) -> ColdVolume:
        """What is known of a volume.

        Raises:
            ArchiveDamaged: It is not listed; or index and manifest differ.
        """
        name = self.find(row)
        index, known = self._opened(self._sets[row.set_end_s])
        layout = index.layout(row.number)
        sizes = [FrameSize(*s) for s in zip(layout.stored, layout.content, strict=True)]
        table = FrameTable(sizes)
        about = known[row.number - 1] if 0 < row.number <= len(known) else None
        if about is None or (about.number, about.size, about.content_bytes) != (
            row.number,
            layout.size,
            table.content_bytes,
        ):
            raise ArchiveDamaged(f"{name.name}: its index and its manifest differ")
        return ColdVolume(name=name, object=about, layout=layout, table=table)

    def _opened(
        self, backup_set: BackupSet
    ) -> tuple[IndexReader, tuple[VolumeObject, ...]]:
        end_s = backup_set.id.end_s
        if end_s not in self._open:
            while len(self._open) >= _INDEXES:
                self._open.pop(next(iter(self._open)))[2].close()
            manifest = read_set_manifest(self._context, self._collection, backup_set)
            with ExitStack() as stack:
                where = self._context, self._collection, backup_set
                opening = open_index_of(*where, manifest)
                index = stack.enter_context(opening)
                self._open[end_s] = index, manifest.volumes, stack.pop_all()
        index, known, _ = self._open[end_s]
        return index, known
