"""A process that walks a tree for a backup: another interpreter's lock.

It is told the root, and answers a message for each batch of the walk.  Owners are
numbers of pairs of ids; what a pair is stands in the first message that needs it.
"""

from array import array
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, NamedTuple

from tiered.archive.columns import Columns
from tiered.engine.native.messages import receive, send
from tiered.engine.native.tree import Walk
from tiered.engine.scan import Unreadable
from tiered.errors import SourceError

Ids = tuple[int, int]
"""Of user and group."""


class Batch(NamedTuple):
    """Paths, with owners by the numbers of ids."""

    columns: Columns
    new_ids: list[Ids]
    """Those of the numbers that follow the known ones."""


class _IdTable:
    """Numbers for ids, as they come."""

    def __init__(self) -> None:
        self._rows: dict[Ids, int] = {}
        self._told = 0

    def row(self, uid: int, gid: int) -> int:
        return self._rows.setdefault((uid, gid), len(self._rows))

    def new(self) -> list[Ids]:
        """Those that were not told yet."""
        found = list(self._rows)[self._told :]
        self._told += len(found)
        return found


def pack_item(item: Batch | Unreadable | SourceError) -> tuple[Any, ...]:  # marshal's
    """A message that says one thing of a walk."""
    if isinstance(item, Unreadable):
        return "unreadable", item.path, item.reason
    if isinstance(item, SourceError):
        return "error", str(item), item.hint
    columns, new_ids = item
    return (
        *("batch", columns.paths, bytes(columns.types), bytes(columns.flags)),
        *(_pack_numbers(columns.modes), _pack_numbers(columns.owners)),
        *(_pack_numbers(columns.mtimes_ns), _pack_numbers(columns.ctimes_ns)),
        *(_pack_numbers(columns.sizes), columns.links, columns.devices, new_ids),
    )


def unpack_item(
    message: tuple[Any, ...],  # marshal's
) -> Batch | Unreadable | SourceError:
    """What `pack_item` has packed."""
    kind, *rest = message
    if kind == "unreadable":
        return Unreadable(*rest)
    if kind == "error":
        text, hint = rest
        return SourceError(text, hint=hint)
    paths, types, flags, modes, owners, mtimes, ctimes, sizes, *others = rest
    links, devices, new_ids = others
    columns = Columns(
        paths=paths,
        types=bytearray(types),
        flags=bytearray(flags),
        modes=_unpack_numbers(modes),
        owners=_unpack_numbers(owners),
        mtimes_ns=_unpack_numbers(mtimes),
        ctimes_ns=_unpack_numbers(ctimes),
        sizes=_unpack_numbers(sizes),
        links=links,
        devices=devices,
    )
    return Batch(columns, new_ids)


def _pack_numbers(numbers: list[int]) -> bytes:
    return array("q", numbers).tobytes()


def _unpack_numbers(data: bytes) -> list[int]:
    numbers = array("q")
    numbers.frombytes(data)
    return numbers.tolist()


def _walk(root: bytes) -> Iterator[Batch | Unreadable | SourceError]:
    ids = _IdTable()
    try:
        for item in Walk(root, ids).batches():
            yield Batch(item, ids.new()) if isinstance(item, Columns) else item
    except SourceError as e:
        yield e


def serve(memory_fd: int, size: int, get: IO[bytes], put: IO[bytes]) -> None:
    """Walk the tree that is named, if one is."""
    root = receive(get)
    if root is None:
        return
    with suppress(BrokenPipeError):  # nobody wants to know any more
        for item in _walk(root):
            send(put, pack_item(item))
        send(put, ("end",))
