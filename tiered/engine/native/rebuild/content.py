"""Contents that lie in pieces over the volumes of a chain, put together and hashed.

A window of one file at a time: its extents are read by volume and place, each
frame once, into memory, and hashed from there.
"""

from collections.abc import Iterator, Sequence

from tiered.archive.collection import Chain, Collection
from tiered.archive.extents import Extent, Slicer
from tiered.archive.index import VolumeRow
from tiered.archive.object_name import ObjectName
from tiered.engine.context import Context
from tiered.engine.native.cold import ColdVolumes
from tiered.engine.native.known_volumes import ColdVolume
from tiered.engine.native.rebuild.members import ContentSums
from tiered.engine.native.rebuild.volume import Thawing
from tiered.engine.native.schedule import (
    ReadSettings,
    Run,
    Segment,
    VolumeNumbers,
    plan_runs,
    split_segments,
)
from tiered.errors import Frozen
from tiered.rsync.sums import Sums, native_block_len

_WINDOW_BYTES = 32 << 20
_SETTINGS = ReadSettings()


class ChainVolumes(ColdVolumes):
    """The volumes of a chain, and those of a set that has no index yet.

    Args:
        own: Volumes of that set.
    """

    def __init__(
        self,
        context: Context,
        collection: Collection,
        chain: Chain,
        numbers: VolumeNumbers,
        own: dict[VolumeRow, ColdVolume],
    ) -> None:
        super().__init__(context, collection, chain, numbers)
        self._rows, self._own = numbers, own

    def name(self, number: int) -> ObjectName:
        own = self._own.get(self._rows.row(number))
        return own.name if own else super().name(number)

    def volume(self, number: int) -> ColdVolume:
        return self._own.get(self._rows.row(number)) or super().volume(number)


class ContentReader:
    """Reads contents by their extents.

    Args:
        volumes: All that extents may lie in.
        rows: What the volume numbers of extents mean.
        numbers: What the numbers of `volumes` mean.
        thawing: If a volume is sealed again.
    """

    def __init__(
        self,
        volumes: ColdVolumes,
        rows: Sequence[VolumeRow],
        numbers: VolumeNumbers,
        thawing: Thawing,
    ) -> None:
        self._volumes, self._thawing = volumes, thawing
        self._numbers = numbers.of(rows)

    def names(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """The objects of volumes, by the numbers in extents.

        Raises:
            ArchiveDamaged: One is not listed.
        """
        return tuple(self._volumes.name(self._numbers[n]).name for n in numbers)

    def sums(self, extents: Sequence[Extent]) -> tuple[bytes, Sums]:
        """BLAKE3 and sums of a content.

        Raises:
            ArchiveDamaged: A frame that it needs is damaged in all copies.
            StoreError: A store does not answer.

        Cost: 32 MiB of memory, and the frames of one read.
        """
        slicer = Slicer(extents)
        found = ContentSums(native_block_len(slicer.length))
        for start in range(0, slicer.length, _WINDOW_BYTES):
            length = min(_WINDOW_BYTES, slicer.length - start)
            found.update(self._window(list(slicer.cut(start, length)), length))
        return found.digest(), found.sums()

    def _window(self, extents: Sequence[Extent], length: int) -> memoryview:
        window = memoryview(bytearray(length))
        segments: list[Segment] = []
        at = 0
        for extent in extents:
            number = self._numbers[extent.volume]
            segments.append((number, extent.offset, 0, at, extent.length))
            at += extent.length
        for run in plan_runs(segments, self._volumes.table, _SETTINGS):
            while True:
                try:
                    for place, data in self._pieces(run):
                        window[place : place + len(data)] = data
                    break
                except Frozen as e:
                    self._thawing.again(self._volumes.name(run.volume).name, e)
        return window

    def _pieces(self, run: Run) -> Iterator[tuple[int, memoryview]]:
        """What a run holds, and where in the window it goes."""
        opened = self._volumes.open_run(run.volume, run.frames)
        table = self._volumes.table(run.volume)
        frames = range(run.frames.first, run.frames.last + 1)
        ends = [table.content_start(frame + 1) for frame in frames]
        parts = split_segments(run.segments, ends)
        for frame, part in zip(frames, parts, strict=True):
            if not part:
                continue
            content = memoryview(opened.content(frame))
            start = table.content_start(frame)
            for _, offset, _, at, length in part:
                skip = max(0, start - offset)
                first = offset + skip - start
                yield at + skip, content[first : first + length - skip]
