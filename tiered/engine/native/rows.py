"""The rows of the set that is being written, on their way into its index.

A row is known before the place of its content is: small files are packed together,
and the volume they go to is decided when their run is full.  So rows wait here
until their run is placed.
"""

from collections.abc import Sequence

from tiered.archive.columns import REGULAR, Columns, Renumber
from tiered.archive.extents import Extent
from tiered.archive.index import VolumeRow
from tiered.archive.index_writer import IndexWriter
from tiered.engine.native.changes import Row

_ROWS = 4096
_SAME = Renumber()


class RowWriter:
    """Appends rows to an index, in archive order.

    Args:
        index: Where they go; volumes and owners are numbered by it.
        set_end_s: Of the set that is being written.
    """

    def __init__(self, index: IndexWriter, set_end_s: int) -> None:
        self._index = index
        self._set_end_s = set_end_s
        self._rows = Columns()
        self._places: list[int | Sequence[Extent]] = []

    def gone(self, path: bytes) -> None:
        rows = self._rows
        rows.paths.append(path)
        rows.types += b"-"
        rows.modes.append(0)
        rows.owners.append(0)
        rows.mtimes_ns.append(0)
        rows.ctimes_ns.append(0)
        rows.sizes.append(0)
        rows.flags.append(0)

    def other(self, row: Row, xattrs: dict[bytes, bytes]) -> None:
        """Anything but a regular file."""
        rows = self._rows
        special = row.places.special(row.at)
        if isinstance(special, bytes):
            rows.links.append(special)
        elif special is not None:
            rows.devices.append(special)
        self._attributes(row, row.columns.types[row.at], 0, xattrs)

    def file(
        self,
        row: Row,
        size: int,
        content: bytes,
        place: int | Sequence[Extent],
        xattrs: dict[bytes, bytes],
        *,
        ctime_ns: int | None = None,
    ) -> None:
        """A regular file.

        Args:
            row: Its attributes.
            size: Bytes that were read of it.
            content: BLAKE3 of them.
            place: Offset in the run that waits, or where it lies.
            xattrs: Its extended attributes.
            ctime_ns: Another ctime than the one that was seen: 0 makes the next
                set look at the content again.
        """
        rows = self._rows
        rows.hashes += content
        self._places.append(place if size else ())
        self._attributes(row, REGULAR, size, xattrs)
        if ctime_ns is not None:
            rows.ctimes_ns[-1] = ctime_ns

    def place(self, volume: int, offset: int) -> None:
        """The run that waits lies there; sizes say how long each part of it is."""
        rows = self._rows
        number: int | None = None
        sizes = self._file_sizes()
        for place, size in zip(self._places, sizes, strict=True):
            if isinstance(place, int):
                if number is None:
                    number = self._index.volume(VolumeRow(self._set_end_s, volume))
                rows.extent_counts.append(1)
                rows.extent_volumes.append(number)
                rows.extent_offsets.append(offset + place)
                rows.extent_lengths.append(size)
            else:
                rows.extent_counts.append(len(place))
                for extent in place:
                    rows.extent_volumes.append(extent.volume)
                    rows.extent_offsets.append(extent.offset)
                    rows.extent_lengths.append(extent.length)
        self._places.clear()
        if len(rows) >= _ROWS or len(rows.extent_volumes) >= _ROWS:
            self._index.add_columns(rows, 0, len(rows), _SAME)
            self._rows = Columns()

    def finish(self) -> None:
        """Hand over what is left; nothing may wait for its place."""
        self.place(0, 0)
        self._index.add_columns(self._rows, 0, len(self._rows), _SAME)
        self._rows = Columns()

    def _file_sizes(self) -> list[int]:
        """Sizes of the files whose places are not written yet: the last ones."""
        rows, waiting = self._rows, len(self._places)
        found: list[int] = []
        at = len(rows)
        while len(found) < waiting:
            at -= 1
            if rows.types[at] == REGULAR:
                found.append(rows.sizes[at])
        found.reverse()
        return found

    def _attributes(
        self, row: Row, kind: int, size: int, xattrs: dict[bytes, bytes]
    ) -> None:
        rows, columns, at = self._rows, row.columns, row.at
        if xattrs:
            rows.xattrs[len(rows.paths)] = xattrs
        rows.paths.append(columns.paths[at])
        rows.types.append(kind)
        rows.modes.append(columns.modes[at])
        rows.owners.append(columns.owners[at])
        rows.mtimes_ns.append(columns.mtimes_ns[at])
        rows.ctimes_ns.append(columns.ctimes_ns[at])
        rows.sizes.append(size)
        rows.flags.append(columns.flags[at])
