"""Reading one object that may lie on several members."""

from collections.abc import Mapping
from typing import BinaryIO

from tiered.errors import NotFound, StoreError
from tiered.router.members import Members, most_telling, store_errors
from tiered.store import Entry, Ranges, Stat, Warmth

_RANK = {Warmth.WARM: 0, Warmth.THAWING: 1, Warmth.COLD: 2}


class Reader:
    """get, and the extras that are about one object.

    No call lists or stats before it reads: a member that does not have the
    object says so at the cost of one request.
    """

    def __init__(self, members: Members) -> None:
        self._members = members

    def get(self, name: str) -> BinaryIO:
        stores = self._members.stores
        return self._members.first(name, stores, lambda store: store.get(name))

    def copies(self, name: str) -> tuple[str, ...]:
        order = self._members.order(name)
        entries, raised = self._members.each(
            order, lambda label: self._members.find(label, name)
        )
        failed = store_errors(raised)
        found = [label for label in order if entries.get(label)]
        if found:
            return self._warm_first(name, found)
        if failed:
            raise most_telling(failed)
        raise NotFound(f"no store has {name!r}", name=name)

    def get_copy(self, name: str, label: str) -> BinaryIO:
        return self._members.stores[label].get(name)

    def _warm_first(self, name: str, labels: list[str]) -> tuple[str, ...]:
        if len(labels) > 1:
            labels.sort(key=lambda label: _RANK[self._warmth(label, name)])
        return tuple(labels)

    def _warmth(self, label: str, name: str) -> Warmth:
        thaw = self._members.stores[label].extras.thaw
        if thaw is None:
            return Warmth.WARM
        try:
            return thaw.frost([name])[name].warmth
        except StoreError:
            return Warmth.COLD  # only an order is asked for: unknown goes last


class RoutedStat:
    """stat of a router all of whose members can."""

    def __init__(self, members: Members, stats: Mapping[str, Stat]) -> None:
        self._members, self._stats = members, stats

    def stat(self, name: str) -> Entry:
        return self._members.first(name, self._stats, lambda part: part.stat(name))


class RoutedRanges:
    """get_range of a router all of whose members can."""

    def __init__(self, members: Members, ranges: Mapping[str, Ranges]) -> None:
        self._members, self._ranges = members, ranges

    def get_range(self, name: str, start: int, size: int) -> bytes:
        return self._members.first(
            name, self._ranges, lambda part: part.get_range(name, start, size)
        )
