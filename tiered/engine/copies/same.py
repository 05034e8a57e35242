"""Is what a store holds the archive that is to be copied there?"""

from tiered.archive.kinds import Kind, kind_of
from tiered.download import read_at_most
from tiered.engine.context import Context
from tiered.engine.copies.compare import is_compared
from tiered.engine.copies.look import Comparison
from tiered.engine.copies.pair import Pair
from tiered.errors import CopiesDiffer, Frozen
from tiered.units import format_count

_ELSEWHERE = "Nothing was copied.  Choose a store without another archive."
_KEY_BYTES = 1 << 20


def check_same_archive(context: Context, pair: Pair, comparison: Comparison) -> None:
    """Does the target hold nothing, or a part of this archive, or an older state?

    Raises:
        CopiesDiffer: It holds another one.

    Cost: Two gets for each key object that is on both sides.
    """
    here = {e.name for e in comparison.listings[pair.target] if is_compared(e.name)}
    if not here:
        return
    there = {
        entry.name
        for label, entries in comparison.listings.items()
        if label != pair.target
        for entry in entries
        if entry.name in here
    }
    other = [f.name for f in comparison.findings if _differs(pair.target, f.different)]
    other += [n for n in sorted(here & there) if _is_other_key(pair, comparison, n)]
    if other:
        raise CopiesDiffer(
            f"{format_count(len(other), 'object')} of the same name and with other "
            f"bytes are on the target already, such as {other[0]}",
            hint=_ELSEWHERE,
        )
    extra = here - there
    if extra and not any(_is_of_a_set(name) for name in there):
        raise CopiesDiffer(
            f"the target holds {format_count(len(extra), 'object')} of another "
            f"archive, such as {min(extra)}",
            hint=_ELSEWHERE,
        )
    if extra:
        context.monitor.warn(
            f"the target holds {format_count(len(extra), 'object')} that the archive "
            f"has no more, such as {min(extra)}",
            "Delete there what was deleted here, with `tiered remove-older-than`.",
        )


def _differs(target: str, different: tuple[str, ...]) -> bool:
    return target in different


def _is_of_a_set(name: str) -> bool:
    return kind_of(name) not in (Kind.KEY, Kind.KEY_COPY)


def _is_other_key(pair: Pair, comparison: Comparison, name: str) -> bool:
    """Keys of two archives have the same name, and mostly the same size."""
    if kind_of(name) is not Kind.KEY:
        return False
    labels = [
        label
        for label, entries in comparison.listings.items()
        if any(entry.name == name for entry in entries)
    ]
    found = set()
    for label in labels:
        try:
            stream = pair.members[label].get(name)
        except Frozen:
            continue
        found.add(read_at_most(stream, _KEY_BYTES))
    return len(found) > 1
