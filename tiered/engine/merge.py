"""Several sets -> the state at the end of the last: one pass, in archive order.

For each path the newest entry counts; if it is a delta, older ones are taken
in as far as the last complete state.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tiered.archive.difftar import Change, Entry
from tiered.archive.fileinfo import FileInfo
from tiered.archive.paths import PathKey, show_path
from tiered.archive.tar import Readable
from tiered.errors import ArchiveDamaged


@dataclass(frozen=True, slots=True)
class Version:
    """One path to write: a base and the deltas to apply, the oldest first.

    All bodies are valid until the next version is asked for.
    """

    info: FileInfo
    base: Readable
    deltas: tuple[Readable, ...]


def merge_sets(sets: Sequence[Iterator[Entry]], below: PathKey) -> Iterator[Version]:
    """Every path at or below `below` that exists after the last set.

    Args:
        sets: Entries of each set of a chain, the oldest set first.
        below: () for everything.

    Raises:
        ArchiveDamaged: A delta has nothing to build on, or an entry that is
            needed begins in a volume that was not read.
    """
    heads = [next(entries, None) for entries in sets]
    while paths := [e.info.path for e in heads if e is not None]:
        path = min(paths)
        group = [e for e in reversed(heads) if e is not None and e.info.path == path]
        if path[: len(below)] > below:
            return
        if path[: len(below)] == below and (version := _resolve(group)):
            yield version
        for i, entry in enumerate(heads):
            if entry is not None and entry.info.path == path:
                heads[i] = next(sets[i], None)


def _resolve(newest_first: Sequence[Entry]) -> Version | None:
    """What the entries of one path amount to; None if it is deleted."""
    newest = newest_first[0]
    if newest.change is Change.DELETED:
        return None
    deltas: list[Readable] = []
    for entry in newest_first:
        if entry.first_piece != 1:
            raise ArchiveDamaged(
                f"the beginning of {show_path(entry.info.path)} is not where the "
                "manifest says"
            )
        if entry.change is Change.SNAPSHOT:
            return Version(newest.info, entry.body, tuple(reversed(deltas)))
        if entry.change is Change.DELETED:
            break
        deltas.append(entry.body)
    raise ArchiveDamaged(
        f"the archive has changes of {show_path(newest.info.path)}, but not the "
        "file they build on"
    )
