"""Do the copies of an archive agree?  Pure: listings in, findings out."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter

from tiered.archive.kinds import Kind, kind_of
from tiered.store import Entry, Homes, Listings

Suspects = Mapping[str, frozenset[str]]
"""Names, and the members whose copy is known to be damaged."""

_TOLD_EVERY = 1000
"""Names between two notes of how far it is."""
_OURS_ALONE = (Kind.OTHER, Kind.DEBTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An object whose copies are not as they should be."""

    name: str
    size_bytes: int
    """Of a good copy, or of the largest if it is not clear which is good."""
    good: tuple[str, ...]
    """Members whose copies agree, in the order in which they were given."""
    missing: tuple[str, ...] = ()
    """Members that should have it, and have not."""
    lacking: int = 0
    """How many of `missing` are to get it."""
    different: tuple[str, ...] = ()
    """Members that have other bytes than the good ones."""
    damaged: tuple[str, ...] = ()
    """Those of `different` whose copy was read and found to be damaged."""
    unclear: bool = False
    """Only reading tells who is right: as many members say the one as the other, or
    most have less bytes than another, as bytes are lost more easily than made up."""

    @property
    def lost(self) -> bool:
        """Is every copy known to be damaged?"""
        return not self.good

    def stays(self, read_only: frozenset[str]) -> bool:
        """Is all that is wrong on members that are left as they are?"""
        is_clear = not (self.missing or self.unclear)
        return is_clear and read_only.issuperset(self.different)


def is_compared(name: str) -> bool:
    """Is it an object of an archive?  What else lies in a store is not looked at."""
    return kind_of(name) not in _OURS_ALONE


def compare(
    listings: Listings,
    homes: Callable[[str], Homes],
    suspects: Suspects,
    tell: Callable[[int], None] = lambda _: None,
) -> Iterator[Finding]:
    """What is wrong, by name.

    A copy outside its homes is not wrong, as rules may be younger than objects.

    Args:
        tell: Hears now and then how many names were looked at.

    Cost: 10 microseconds for each entry; no memory beyond the listings.
    """
    answered = frozenset(listings)
    rows = merge(*(_rows(*listed) for listed in listings.items()), key=itemgetter(0))
    for number, (name, same) in enumerate(groupby(rows, key=itemgetter(0))):
        if number % _TOLD_EVERY == 0:
            tell(number)
        copies = {label: entry for _, label, entry in same}
        if len(copies) == len(answered) and name not in suspects and _agree(copies):
            continue  # nearly all of them: nobody need be asked about homes
        if not is_compared(name):
            continue
        found = _judge(name, copies, homes(name), answered, suspects.get(name, ()))
        if found:
            yield found


def _rows(label: str, listed: Sequence[Entry]) -> Iterator[tuple[str, str, Entry]]:
    for entry in listed:
        yield entry.name, label, entry


def _agree(copies: Mapping[str, Entry]) -> bool:
    """Nothing that is listed tells these apart."""
    sizes = {entry.size for entry in copies.values()}
    sums = {entry.md5 for entry in copies.values()}
    return len(sizes) == 1 and len(sums - {None}) <= 1


def _judge(
    name: str,
    copies: Mapping[str, Entry],
    homes: Homes,
    answered: frozenset[str],
    suspects: frozenset[str] | tuple[()],
) -> Finding | None:
    trusted = {label: e for label, e in copies.items() if label not in suspects}
    groups = _groups(trusted)
    good = groups[0] if groups else ()
    at_home = [label for label in homes.labels if label in copies]
    absent = [k for k in homes.labels if k not in copies and k in answered]
    lacking = min(max(0, homes.copies - len(at_home)), len(absent))
    different = tuple(label for label in copies if label not in good)
    if not different and not lacking:
        return None
    first = next(iter(good or copies))
    size_bytes = copies[first].size
    rivals = [copies[group[0]].size for group in groups[1:]]
    is_tie = len(groups) > 1 and len(groups[1]) == len(good)
    is_unclear = is_tie or any(size > size_bytes for size in rivals)
    return Finding(
        name=name,
        size_bytes=max(size_bytes, *rivals) if is_unclear else size_bytes,
        good=good,
        missing=tuple(absent) if lacking else (),
        lacking=lacking,
        different=different,
        damaged=tuple(label for label in different if label in suspects),
        unclear=is_unclear,
    )


def _groups(copies: Mapping[str, Entry]) -> list[tuple[str, ...]]:
    """Members whose copies agree, the largest group first.

    A store that tells no checksum agrees with any copy of the size; if those of
    one size differ, with the most.
    """
    groups: list[tuple[str, ...]] = []
    by_size = attrgetter("size")
    for _, same in groupby(
        sorted(copies, key=lambda k: by_size(copies[k])),
        key=lambda k: by_size(copies[k]),
    ):
        by_md5: dict[str | None, list[str]] = defaultdict(list)
        for label in same:
            by_md5[copies[label].md5].append(label)
        silent = by_md5.pop(None, [])
        told = sorted(by_md5.values(), key=len, reverse=True) or [[]]
        told[0] += silent
        groups += (tuple(k for k in copies if k in group) for group in told)
    return sorted(groups, key=len, reverse=True)
