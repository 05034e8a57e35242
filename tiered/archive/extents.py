"""Where the bytes of a file lie: lists of extents, and arithmetic with them.  Pure.

An extent is a run of bytes in the tar of one volume.  The content of any
version of a file is a list of extents, joined; a delta against a version whose
extents are known is resolved to extents too, so no version ever needs a chain
of patches  [docs/format/native.md, "Extents"].
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tiered.errors import ArchiveDamaged


@dataclass(frozen=True, slots=True, order=True)
class Extent:
    """`length` bytes at `offset` of the tar in one volume."""

    volume: int
    """Row in the table of volumes that goes with the list."""
    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


class ExtentList:
    """Builds a list: neighbours that touch become one, empty ones are dropped."""

    def __init__(self) -> None:
        self._extents: list[Extent] = []
        self.length = 0

    def add(self, extent: Extent) -> None:
        if not extent.length:
            return
        self.length += extent.length
        last = self._extents[-1] if self._extents else None
        if last and last.volume == extent.volume and last.end == extent.offset:
            length = last.length + extent.length
            self._extents[-1] = Extent(last.volume, last.offset, length)
        else:
            self._extents.append(extent)

    def extend(self, extents: Iterable[Extent]) -> None:
        for extent in extents:
            self.add(extent)

    def __len__(self) -> int:
        return len(self._extents)

    def done(self) -> tuple[Extent, ...]:
        return tuple(self._extents)


class Slicer:
    """Cuts ranges out of one version, forwards or back, in O(log n) each."""

    def __init__(self, extents: Sequence[Extent]) -> None:
        self._extents = extents
        self._starts = [0]
        for extent in extents:
            self._starts.append(self._starts[-1] + extent.length)

    @property
    def length(self) -> int:
        return self._starts[-1]

    def cut(self, start: int, length: int) -> Iterator[Extent]:
        """The extents of bytes start to start + length of the version.

        Raises:
            ArchiveDamaged: The version is shorter than that.
        """
        if start < 0 or length < 0 or start + length > self.length:
            raise ArchiveDamaged(
                f"a copy of bytes {start} to {start + length} of a file that had "
                f"{self.length}"
            )
        at = bisect_right(self._starts, start) - 1
        while length:
            extent = self._extents[at]
            inside = start - self._starts[at]
            take = min(length, extent.length - inside)
            if take:
                yield Extent(extent.volume, extent.offset + inside, take)
            start, length, at = start + take, length - take, at + 1
