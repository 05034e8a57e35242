"""Where the bytes of a file lie that is stored as a delta; does that pay?  Pure.

[docs/format/native.md, "Extents"]
"""

from collections.abc import Sequence

from tiered.archive.extents import Extent, ExtentList, Slicer
from tiered.rsync.commands import Command, Copy

_DELTA = -1
"""Volume of an extent that lies in the delta's body, wherever that will be."""
_MOST_EXTENTS = 1 << 18
_EXTENTS = 4096
_BYTES_PER_EXTENT = 4096
_LEAST_LIVE = 0.5


def resolve(commands: Sequence[Command], old: Sequence[Extent]) -> tuple[Extent, ...]:
    """Where the bytes of a new version lie.

    Args:
        commands: Literals by their offset in the delta's body.
        old: Extents of the version before.

    Returns:
        Extents; those of literals have the volume `_DELTA`.

    Raises:
        ArchiveDamaged: A copy goes beyond the version before.
    """
    slicer, new = Slicer(old), ExtentList()
    for command in commands:
        if isinstance(command, Copy):
            new.extend(slicer.cut(command.offset, command.length))
        else:
            new.add(Extent(_DELTA, command.offset, command.length))
    return new.done()


def is_worth_it(extents: Sequence[Extent], size: int, delta_bytes: int) -> bool:
    """Is a delta better than storing a file whole again?"""
    if len(extents) > min(_MOST_EXTENTS, _EXTENTS + size // _BYTES_PER_EXTENT):
        return False
    spans: dict[int, tuple[int, int]] = {}
    for extent in extents:
        if extent.volume != _DELTA:
            start, end = spans.get(extent.volume, (extent.offset, extent.end))
            span = min(start, extent.offset), max(end, extent.end)
            spans[extent.volume] = span
    held = delta_bytes + sum(end - start for start, end in spans.values())
    return size >= held * _LEAST_LIVE


def place_literals(extents: Sequence[Extent], places: Sequence[Extent]) -> list[Extent]:
    """The extents with those of literals cut at the pieces of the delta."""
    slicer, new = Slicer(places), ExtentList()
    for extent in extents:
        if extent.volume == _DELTA:
            new.extend(slicer.cut(extent.offset, extent.length))
        else:
            new.add(extent)
    return list(new.done())
