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
_KEYS = (Kind.KEY, Kind.KEY_COPY)


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
    keys = {n: _is_same_key(pair, comparison, n) for n in sorted(here & there)}
    other = [f.name for f in comparison.findings if pair.target in f.different]
    other += [name for name, same in keys.items() if same is False]
    if other:
        raise CopiesDiffer(
            f"{format_count(len(other), 'object')} of the same name and with other "
            f"bytes are on the target already, such as {other[0]}",
            hint=_ELSEWHERE,
        )
    extra = here - there
    known = any(kind_of(n) not in _KEYS or same for n, same in keys.items())
    if extra and not known:
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


def _is_same_key(pair: Pair, comparison: Comparison, name: str) -> bool | None:
    """Keys of two archives have the same name, and mostly the same size; None: it is
    no key, or cannot be read now.
    """
    if kind_of(name) is not Kind.KEY:
        return None
    found = set()
    for label, entries in comparison.listings.items():
        if not any(entry.name == name for entry in entries):
            continue
        try:
            stream = pair.members[label].get(name)
        except Frozen:
            return None
        found.add(read_at_most(stream, _KEY_BYTES))
    return len(found) == 1
