"""The paths of one time, from hot objects alone, whatever the style."""

from collections.abc import Iterator
from typing import NamedTuple

from tiered.archive.collection import Chain, Collection
from tiered.archive.columns import REGULAR
from tiered.archive.fileinfo import TYPE_OF_BYTE, FileType
from tiered.archive.paths import join_path
from tiered.archive.style import Style
from tiered.engine.context import Context
from tiered.engine.inventory import Purpose, take_inventory
from tiered.engine.native.state import chain_index
from tiered.engine.sets import chain_at, chain_states

_NS = 1_000_000_000


class ListedPath(NamedTuple):
    """One path, as `list-current-files` shows it."""

    path: bytes
    """With slashes between; the root is empty."""
    type: FileType
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size_bytes: int | None
    """Of a regular file, if the style keeps it."""


def list_files(
    context: Context, time_s: int, *, accept_loss: bool = False
) -> Iterator[ListedPath]:
    """Every path that a restore of `time_s` would write, in archive order.

    Cost: The signatures (style duplicity) or indexes (style tiered) of one chain,
    from cache or hot store.

    Raises:
        NoBackup, ArchiveDamaged: See `chain_at`.
    """
    collection = take_inventory(context, Purpose.READ, accept_loss=accept_loss)
    chain = chain_at(context, collection, time_s)
    if chain.style is Style.TIERED:
        return _from_index(context, collection, chain)
    return _from_signatures(context, collection, chain)


def _from_index(
    context: Context, collection: Collection, chain: Chain
) -> Iterator[ListedPath]:
    with chain_index(context, collection, chain) as index:
        owners = index.owners
        for columns in index.blocks():
            for path, kind, mode, row, mtime_ns, size in zip(
                columns.paths,
                columns.types,
                columns.modes,
                columns.owners,
                columns.mtimes_ns,
                columns.sizes,
                strict=True,
            ):
                owner = owners[row]
                known = size if kind == REGULAR else None
                yield ListedPath(
                    path,
                    TYPE_OF_BYTE[kind],
                    mode,
                    owner.uid,
                    owner.gid,
                    mtime_ns,
                    known,
                )


def _from_signatures(
    context: Context, collection: Collection, chain: Chain
) -> Iterator[ListedPath]:
    with chain_states(context, collection, chain) as states:
        for state in states:
            info = state.info
            yield ListedPath(
                join_path(info.path),
                info.type,
                info.mode,
                info.uid,
                info.gid,
                info.mtime_s * _NS,
                None,
            )
