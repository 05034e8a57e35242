"""Several stores that look like one: the engine is given a router or a store.

What goes where is decided by `tiered.router.plan`; the parts of this package
carry it out, and this file puts them together.

  list      whole: any member that fails is an error (R3)
  put       per plan; see `tiered.router.write`
  get       the first copy that can be read; sealed ones only if no other can
  delete    every copy, everywhere
  thaw      of one copy; frost is that of the warmest one
  surveys   for reading on while a member is down
  copies    for a reader that found one copy damaged

`stat` and `ranges` are there only if all members have them, as otherwise the
answer would depend on where an object happens to lie.
"""

from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeVar

from tiered.errors import StoreError
from tiered.monitor import Monitor
from tiered.router.members import Members, most_telling
from tiered.router.read import Reader, RoutedRanges, RoutedStat
from tiered.router.rules import Rules
from tiered.router.thaw import RoutedThaw
from tiered.router.view import View
from tiered.router.write import Debt, Writer
from tiered.store import Create, Entry, Extras, PutMode, Source, Store

T = TypeVar("T")


class Router:
    """A `tiered.store.Store` over the members that `rules` name.

    Args:
        stores: By label, as in the rules; the router closes them.
        monitor: Hears of failed members that did not stop a call.
    """

    def __init__(
        self,
        rules: Rules,
        stores: Mapping[str, Store],
        monitor: Monitor,
        label: str = "multi",
    ) -> None:
        self.label = label
        self._members = Members(rules, stores, monitor)
        self._view = View(self._members)
        self._reader = Reader(self._members)
        self._writer = Writer(self._members)
        self.extras = self._offer()

    @property
    def debts(self) -> tuple[Debt, ...]:
        """Copies that puts under onfail=continue missed, in this process."""
        return self._writer.debts

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return self._view.list(prefix)

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        self._writer.put(name, source, mode)

    def get(self, name: str) -> BinaryIO:
        return self._reader.get(name)

    def delete(self, name: str) -> None:
        self._writer.delete(name)

    def close(self) -> None:
        """Close all members, also if one of them fails to."""
        _on_all({label: s.close for label, s in self._members.stores.items()})

    def _offer(self) -> Extras:
        members = self._members
        extras = {label: s.extras for label, s in members.stores.items()}
        thaws = {label: e.thaw for label, e in extras.items() if e.thaw}
        stats = {label: e.stat for label, e in extras.items() if e.stat}
        ranges = {label: e.ranges for label, e in extras.items() if e.ranges}
        creates = {label: e.create for label, e in extras.items() if e.create}
        everybody = len(extras)
        return Extras(
            thaw=RoutedThaw(members, thaws) if thaws else None,
            stat=RoutedStat(members, stats) if len(stats) == everybody else None,
            ranges=RoutedRanges(members, ranges) if len(ranges) == everybody else None,
            create=_RoutedCreate(creates) if creates else None,
            surveys=self._view,
            copies=self._reader,
        )


class _RoutedCreate:
    """Makes the containers of all members that can be made by us."""

    def __init__(self, creates: Mapping[str, Create]) -> None:
        self._creates = creates

    def create(self) -> bool:
        """True if any was made."""
        return any(_on_all({label: c.create for label, c in self._creates.items()}))


def _on_all(calls: Mapping[str, Callable[[], T]]) -> tuple[T, ...]:
    """Call every one, also after one failed; then raise what was raised."""
    results: list[T] = []
    failed: dict[str, StoreError] = {}
    for label, call in calls.items():
        try:
            results.append(call())
        except StoreError as e:
            failed[label] = e
    if failed:
        raise most_telling(failed)
    return tuple(results)
