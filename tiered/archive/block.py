"""A block of an index on the wire: columns as msgpack, checked when read.

Times and offsets stand as differences, which compress better
[docs/format/native.md, "Index"].
"""

from itertools import islice
from typing import TypeVar

import msgspec

from tiered.archive.columns import (
    DEVICES,
    FIRST_TIME_NS,
    HASH_BYTES,
    LAST_TIME_NS,
    REGULAR,
    SPARSE,
    TYPES,
    WITH_LINK,
    Columns,
    count_types,
)
from tiered.archive.fileinfo import FileType
from tiered.archive.paths import check_order, check_paths
from tiered.errors import ArchiveDamaged

T = TypeVar("T")
_MOST = 1 << 62
_MODES = 0o7777
_HARDLINK = FileType.HARDLINK.value[0]
_UNKNOWN = -(1 << 62)
"""What stands for a ctime that is not known."""


class _Wire(msgspec.Struct, array_like=True):
    """A block as msgpack: times and offsets as differences."""

    paths: list[bytes]
    types: bytearray
    modes: list[int]
    owners: list[int]
    mtimes_ns: list[int]
    ctime_gaps: list[int]
    sizes: list[int]
    flags: bytearray
    hashes: bytearray
    links: list[bytes]
    devices: list[tuple[int, int]]
    xattrs: dict[int, dict[bytes, bytes]]
    extent_counts: list[int]
    extent_volumes: list[int]
    extent_gaps: list[int]
    extent_lengths: list[int]


class _Paths(msgspec.Struct, array_like=True):
    """The same, of which nothing else is looked at."""

    paths: list[bytes]


def dump_columns(columns: Columns) -> bytes:
    """The content of a block."""
    offsets, lengths = columns.extent_offsets, columns.extent_lengths
    ends = [0, *(o + n for o, n in zip(offsets, lengths, strict=True))]
    times = zip(columns.ctimes_ns, columns.mtimes_ns, strict=True)
    return msgspec.msgpack.encode(
        _Wire(
            paths=columns.paths,
            types=columns.types,
            modes=columns.modes,
            owners=columns.owners,
            mtimes_ns=columns.mtimes_ns,
            ctime_gaps=[c - m if c else _UNKNOWN for c, m in times],
            sizes=columns.sizes,
            flags=columns.flags,
            hashes=columns.hashes,
            links=columns.links,
            devices=columns.devices,
            xattrs=columns.xattrs,
            extent_counts=columns.extent_counts,
            extent_volumes=columns.extent_volumes,
            extent_gaps=[o - e for o, e in zip(offsets, ends, strict=False)],
            extent_lengths=lengths,
        )
    )


def parse_columns(data: bytes, owners: int, volumes: int) -> Columns:
    """A block, checked: what no writer makes is an error.

    Args:
        data: Its content.
        owners: Rows of the table of owners.
        volumes: Rows of the table of volumes.

    Raises:
        ArchiveDamaged: It does not parse, its columns do not fit together, it
            points out of a table, or a path is odd or out of order.
    """
    wire = decode(data, _Wire)
    _check_lengths(wire)
    _check_values(wire, owners, volumes)
    _check_extents(wire)
    _check_links(wire)
    check_paths(wire.paths)
    check_order(wire.paths)
    offsets = []
    end = 0
    for gap, length in zip(wire.extent_gaps, wire.extent_lengths, strict=True):
        offsets.append(end + gap)
        end += gap + length
    if offsets and not 0 <= min(offsets) <= max(offsets) < _MOST:
        raise _unfit()
    return Columns(
        paths=wire.paths,
        types=wire.types,
        modes=wire.modes,
        owners=wire.owners,
        mtimes_ns=wire.mtimes_ns,
        ctimes_ns=[
            0 if g == _UNKNOWN else g + m
            for g, m in zip(wire.ctime_gaps, wire.mtimes_ns, strict=True)
        ],
        sizes=wire.sizes,
        flags=wire.flags,
        hashes=wire.hashes,
        links=wire.links,
        devices=wire.devices,
        xattrs=wire.xattrs,
        extent_counts=wire.extent_counts,
        extent_volumes=wire.extent_volumes,
        extent_offsets=offsets,
        extent_lengths=wire.extent_lengths,
    )


def parse_paths(data: bytes) -> list[bytes]:
    """The paths of a block, checked, and nothing else.

    Raises:
        ArchiveDamaged: As `parse_columns`, as far as it is looked at.

    Cost: That of the paths, however many extents there are.
    """
    paths = decode(data, _Paths).paths
    check_paths(paths)
    check_order(paths)
    return paths


def _check_lengths(wire: _Wire) -> None:
    count = len(wire.paths)
    files = wire.types.count(REGULAR)
    extents = len(wire.extent_volumes)
    wanted = (
        (wire.types, count),
        (wire.modes, count),
        (wire.owners, count),
        (wire.mtimes_ns, count),
        (wire.ctime_gaps, count),
        (wire.sizes, count),
        (wire.flags, count),
        (wire.hashes, files * HASH_BYTES),
        (wire.links, count_types(wire.types, WITH_LINK)),
        (wire.devices, count_types(wire.types, DEVICES)),
        (wire.extent_counts, files),
        (wire.extent_gaps, extents),
        (wire.extent_lengths, extents),
    )
    if any(len(column) != length for column, length in wanted):
        raise _unfit()


def _check_values(wire: _Wire, owners: int, volumes: int) -> None:
    count = len(wire.paths)
    ranges = (
        (wire.modes, 0, _MODES + 1),
        (wire.owners, 0, owners),
        (wire.mtimes_ns, FIRST_TIME_NS, LAST_TIME_NS + 1),
        (wire.flags, 0, SPARSE + 1),
        (wire.extent_volumes, 0, volumes),
        (wire.xattrs, 0, count),
        (wire.extent_lengths, 1, _MOST),
        (wire.extent_counts, 0, _MOST),
        (wire.sizes, 0, _MOST),
    )
    bad = any(v and not low <= min(v) <= max(v) < high for v, low, high in ranges)
    if bad or not set(wire.types) <= TYPES.keys():
        raise _unfit()


def _check_extents(wire: _Wire) -> None:
    """Of each file they are as long as it is; nothing else has a size."""
    if sum(wire.extent_counts) != len(wire.extent_volumes):
        raise _unfit()
    lengths = iter(wire.extent_lengths)
    sizes = iter(wire.extent_counts)
    for size, kind in zip(wire.sizes, wire.types, strict=True):
        wanted = sum(islice(lengths, next(sizes))) if kind == REGULAR else 0
        if size != wanted:
            raise _unfit()


def _check_links(wire: _Wire) -> None:
    """What a hard link is to is a path, as any other."""
    if _HARDLINK in wire.types:
        links = iter(wire.links)
        kinds = (kind for kind in wire.types if kind in WITH_LINK)
        hard = [
            link for link, kind in zip(links, kinds, strict=True) if kind == _HARDLINK
        ]
        if not all(hard):
            raise _unfit()
        check_paths(hard)


def _unfit() -> ArchiveDamaged:
    return ArchiveDamaged("the columns of an index do not fit together")


def decode(data: bytes, kind: type[T]) -> T:
    """msgpack of a part of an index.

    Raises:
        ArchiveDamaged: It is none, or of another shape.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as e:
        raise ArchiveDamaged(f"an index does not parse: {e}") from None
