"""What a restore of style tiered has to read at least, by the indexes in a cache.

    python -m contrib.bench.needed CACHE NEEDED.json [PATH]

Of every file of the newest state, or of PATH alone, the extents; of those the
frames that hold them.  NEEDED.json becomes an object: volume, as the end of its
set and its number, and the stored bytes of its frames that are needed.  None of
the code that plans restores is used.
"""

import json
import mmap
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Final

from contrib.bench.reads import end_of
from tiered.archive.index import IndexReader, VolumeLayout
from tiered.codec.frames import FrameSize, unpack_frame

_MOST_BYTES: Final = 1 << 30


def needed_bytes(cache: Path, path: str | None) -> dict[str, int]:
    """Volume -> stored bytes, compressed and not encrypted, that hold what is wanted.

    Args:
        cache: Folder of the archive's cache: it holds opened indexes.
        path: Of one file; None for everything.
    """
    indexes = {end_of(f.name): f for f in cache.glob("opened/*.index*")}
    states = [f for f in cache.glob("state/*") if f.is_file()]
    newest = states[0] if states else max(indexes.items())[1]
    wanted: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    with closing(_opened(newest)) as data:
        state = _reader(data)
        for volume, offset, length in _extents(state, path):
            row = state.volumes[volume]
            wanted[row.set_end_s, row.number].add((offset, length))
    found = {}
    for (end_s, number), ranges in sorted(wanted.items()):
        end = datetime.fromtimestamp(end_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        with closing(_opened(indexes[end])) as data:
            layout = _reader(data).layout(number)
        found[f"{end} {number}"] = _bytes_of_frames(layout, ranges)
    return found


def _extents(state: IndexReader, path: str | None) -> Iterator[tuple[int, int, int]]:
    if path is None:
        for columns in state.blocks():
            volumes, offsets = columns.extent_volumes, columns.extent_offsets
            yield from zip(volumes, offsets, columns.extent_lengths, strict=True)
        return
    wanted = tuple(path.encode().split(b"/"))
    for row in state:
        for extent in row.extents if row.path == wanted else ():
            yield extent.volume, extent.offset, extent.length


def _bytes_of_frames(layout: VolumeLayout, ranges: set[tuple[int, int]]) -> int:
    starts = [0, *accumulate(layout.content)]
    frames: set[int] = set()
    for offset, length in ranges:
        first = bisect_right(starts, offset) - 1
        last = bisect_right(starts, offset + length - 1) - 1
        frames.update(range(first, last + 1))
    return sum(layout.stored[frame] for frame in frames)


def _opened(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _reader(data: mmap.mmap) -> IndexReader:
    return IndexReader(
        lambda at, size: data[at : at + size],
        len(data),
        lambda frame, size: unpack_frame(
            frame, FrameSize(len(frame), size), _MOST_BYTES
        ),
    )


if __name__ == "__main__":
    path = sys.argv[3] if len(sys.argv) > 3 else None
    needed = needed_bytes(Path(sys.argv[1]), path)
    Path(sys.argv[2]).write_text(json.dumps(needed) + "\n")
