"""Signatures of style duplicity: the state of every path, without its content.

    signature/<path>   a regular file; the body is its librsync signature
    snapshot/<path>    anything else; no body
    deleted/<path>     gone since the parent set

Source: docs/format/duplicity.md, "Signatures".  The state after a chain is the
merge of its signature objects by path, the newest wins, `deleted` hides.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tiered.archive import tar
from tiered.archive.fileinfo import FileInfo, FileType, from_member, to_member
from tiered.archive.paths import PathKey, show_path, split_path
from tiered.errors import ArchiveDamaged

_SIGNATURE, _SNAPSHOT, _DELETED = b"signature/", b"snapshot/", b"deleted/"


@dataclass(frozen=True, slots=True)
class State:
    """One path after a set.  The body is valid until the next state is asked for."""

    info: FileInfo
    deleted: bool
    body: tar.Body
    """The librsync signature of a regular file."""
    body_bytes: int


def pack_state(info: FileInfo, signature: bytes = b"") -> bytes:
    """The tar member of one path."""
    if info.type is FileType.REGULAR:
        header = tar.pack_header(to_member(info, _SIGNATURE, len(signature)))
        return header + signature + tar.padding(len(signature))
    return tar.pack_header(to_member(info, _SNAPSHOT))


def pack_deleted(path: PathKey) -> bytes:
    """The tar member of a path that is gone."""
    info = FileInfo(path=path, type=FileType.REGULAR)
    return tar.pack_header(to_member(info, _DELETED))


def read_states(stream: tar.Readable) -> Iterator[State]:
    """The members of one signature object, in order.

    Raises:
        ArchiveDamaged: A member is of no known kind, or out of order.
    """
    last: PathKey | None = None
    for member, body in tar.read_members(stream):
        prefix = next(
            (p for p in (_SIGNATURE, _SNAPSHOT, _DELETED) if member.name.startswith(p)),
            None,
        )
        if prefix is None or member.type not in tar.KNOWN_TYPES:
            raise ArchiveDamaged(f"signatures hold a member named {member.name[:80]!r}")
        path = split_path(member.name[len(prefix) :])
        if last is not None and path <= last:
            raise ArchiveDamaged(
                f"signatures have {show_path(path)} after {show_path(last)}"
            )
        last = path
        info = from_member(member, path)
        yield State(info, prefix == _DELETED, body, member.size)


def merge_states(chain: Sequence[Iterator[State]]) -> Iterator[State]:
    """The state after a chain, in order; deleted paths are left out.

    Args:
        chain: One iterator for each set, the oldest first.

    Cost: One pass over all of them, constant memory.
    """

    Keyed = tuple[PathKey, int, State]

    def keyed(age: int, states: Iterator[State]) -> Iterator[Keyed]:
        for state in states:
            yield state.info.path, age, state

    newest_first = [keyed(age, s) for age, s in enumerate(reversed(chain))]
    last: PathKey | None = None
    for path, _, state in heapq.merge(*newest_first, key=lambda item: item[:2]):
        if path != last and not state.deleted:
            yield state
        last = path
