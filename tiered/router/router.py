"""Several stores that look like one: the engine is given a router or a store.

What goes where is decided by `tiered.router.plan`; the parts of this package
carry it out, and this file puts them together.

  list      whole: any member that fails is an error (R3)
  put       per plan; see `tiered.router.write`
  get       the first copy that can be read; sealed ones only if no other can
  delete    every copy, everywhere but on members that are read-only
  thaw      of one copy; frost is that of the warmest one
  surveys   for reading on while a member is down
  copies    for a reader that found one copy damaged
  group     the members one by one, and what they owe

`stat` and `ranges` are there only if all members have them, as otherwise the
answer would depend on where an object happens to lie.
"""

from collections.abc import Iterable, Mapping
from typing import BinaryIO

from tiered.archive.kinds import Kind, kind_of
from tiered.monitor import Monitor
from tiered.router.ledger import Ledger, LedgerSettings
from tiered.router.members import Members, most_telling, store_errors
from tiered.router.read import Reader, RoutedRanges, RoutedStat
from tiered.router.rules import Rules
from tiered.router.thaw import RoutedThaw
from tiered.router.view import View
from tiered.router.write import Writer
from tiered.store import (
    Create,
    Debt,
    Entry,
    Extras,
    Homes,
    Listings,
    PutMode,
    Source,
    Store,
)
from tiered.upload import InMemory


class Router:
    """A `tiered.store.Store` over the members that `rules` name.

    Args:
        stores: By label, as in the rules; the router closes them.
        monitor: Hears of failed members that did not stop a call.
        ledger: Where debts are kept; None: in memory only.
    """

    def __init__(
        self,
        rules: Rules,
        stores: Mapping[str, Store],
        monitor: Monitor,
        label: str = "multi",
        ledger: LedgerSettings | None = None,
    ) -> None:
        self.label = label
        self._members = Members(rules, stores, monitor)
        self._view = View(self._members)
        self._reader = Reader(self._members)
        self._ledger = Ledger(
            ledger,
            self._view,
            monitor,
            read=self.get,
            write=lambda name, data: self._writer.put_anywhere(name, InMemory(data)),
            delete=self.delete,
        )
        self._writer = Writer(self._members, self._ledger.owes)
        self.extras = self._offer()

    @property
    def debts(self) -> tuple[Debt, ...]:
        """Copies that this run missed, or found to be missing."""
        return self._ledger.own

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return self._view.list(prefix)

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        if kind_of(name) is Kind.MANIFEST:
            self._ledger.flush()  # a set is not whole before its debts are kept
        self._writer.put(name, source, mode)

    def get(self, name: str) -> BinaryIO:
        return self._reader.get(name)

    def delete(self, name: str) -> None:
        self._writer.delete(name)

    def close(self) -> None:
        """Keep what is owed, and close all members, also if one fails to."""
        self._ledger.flush()
        stores = self._members.stores
        _, raised = self._members.each(stores, lambda label: stores[label].close())
        self._members.close()
        if failed := store_errors(raised):
            raise most_telling(failed)

    def _offer(self) -> Extras:
        members = self._members
        extras = {label: s.extras for label, s in members.stores.items()}
        thaws = {label: e.thaw for label, e in extras.items() if e.thaw}
        stats = {label: e.stat for label, e in extras.items() if e.stat}
        ranges = {label: e.ranges for label, e in extras.items() if e.ranges}
        creates = {
            label: e.create
            for label, e in extras.items()
            if e.create and label not in members.rules.read_only
        }
        everybody = len(extras)
        return Extras(
            thaw=RoutedThaw(members, thaws) if thaws else None,
            stat=RoutedStat(members, stats) if len(stats) == everybody else None,
            ranges=RoutedRanges(members, ranges) if len(ranges) == everybody else None,
            create=_RoutedCreate(members, creates) if creates else None,
            surveys=self._view,
            copies=self._reader,
            group=_RoutedGroup(members, self._ledger),
        )


class _RoutedCreate:
    """Makes the containers of all members that can be made by us."""

    def __init__(self, members: Members, creates: Mapping[str, Create]) -> None:
        self._members, self._creates = members, creates

    def create(self) -> bool:
        """True if any was made."""
        made, raised = self._members.each(
            self._creates, lambda label: self._creates[label].create()
        )
        if failed := store_errors(raised):
            raise most_telling(failed)
        return any(made.values())


class _RoutedGroup:
    """The members one by one."""

    def __init__(self, members: Members, ledger: Ledger) -> None:
        self._members, self._ledger = members, ledger
        self._without: dict[str, Rules] = {}

    @property
    def members(self) -> Mapping[str, Store]:
        return self._members.stores

    @property
    def read_only(self) -> frozenset[str]:
        return self._members.rules.read_only

    def homes(self, name: str, without: str | None = None) -> Homes:
        rules = self._members.rules
        if without is not None:
            if without not in self._without:
                self._without[without] = rules.without(without)
            rules = self._without[without]
        route = rules.route_of(name)
        return Homes(labels=route.writing, copies=route.copies)

    def reads_from(self, name: str) -> str:
        return self._members.order(name)[0]

    def owe(self, debts: Iterable[Debt]) -> None:
        self._ledger.add(debt for debt in debts if debt.label not in self.read_only)

    def debts(self, listed: Listings | None = None) -> tuple[Debt, ...]:
        return self._ledger.read_all(listed)

    def settle(self, paid: Iterable[Debt]) -> None:
        self._ledger.settle(paid)
