"""What all members together hold: the whole truth, or what can be seen now.

`duplicity` leaves a member that fails out of its listing.  When that is the
one with the manifests, the volumes look like a broken set, and the next run
deletes them.  So a listing here is whole or an error, and what may go on with
less has to ask for a survey by name.
"""

from collections.abc import Mapping
from threading import Lock

from tiered.errors import StoreError
from tiered.router.members import Members, most_telling, store_errors
from tiered.router.plan import is_writable, plan_read, plan_survey
from tiered.store import Entry, Survey

Listing = tuple[Entry, ...]

_NAMED = 5
"""Objects that a warning names: of a bad store, all of them may differ."""


class View:
    """Listings of a router."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._lock = Lock()
        self._told: set[str] = set()

    def list(self, prefix: str = "") -> Listing:
        """The union; the error of any member that fails (R3)."""
        listings, silent = self._ask(prefix)
        if silent:
            raise most_telling(silent)
        return self._merged(listings)

    def survey(self, prefix: str = "") -> Survey:
        listings, silent = self._ask(prefix)
        for group in plan_survey(self._members.rules):
            if group <= silent.keys():
                raise next(e for label, e in silent.items() if label in group)
        return Survey(
            entries=self._merged(listings),
            silent=silent,
            writable=is_writable(self._members.rules, frozenset(silent)),
            listings=listings,
        )

    @property
    def read_only(self) -> frozenset[str]:
        """Members whose listings never change."""
        return self._members.rules.read_only

    def _ask(self, prefix: str) -> tuple[dict[str, Listing], dict[str, StoreError]]:
        stores = self._members.stores
        listings, raised = self._members.each(
            stores, lambda label: stores[label].list(prefix)
        )
        return listings, store_errors(raised)

    def _merged(self, listings: Mapping[str, Listing]) -> Listing:
        best: dict[str, tuple[str, Entry]] = {}
        holders: dict[str, tuple[str, ...]] = {}
        for label in self._members.rules.labels:
            for entry in listings.get(label, ()):
                other = best.setdefault(entry.name, (label, entry))
                if _differ(other[1], entry):
                    best[entry.name] = self._better(other, (label, entry))
                holders[entry.name] = (*holders.get(entry.name, ()), label)
        for name, labels in holders.items():
            self._members.saw(name, labels)
        return tuple(sorted(entry for _, entry in best.values()))

    def _better(
        self, one: tuple[str, Entry], two: tuple[str, Entry]
    ) -> tuple[str, Entry]:
        """Of two copies that differ, the one that a get would read."""
        name = one[1].name
        with self._lock:
            is_news = name not in self._told and len(self._told) <= _NAMED
            if is_news:
                self._told.add(name)
            is_last = len(self._told) > _NAMED
        if is_news and is_last:
            self._members.monitor.warn(
                "more objects differ between stores", "`tiered scrub` names them."
            )
        elif is_news:
            self._members.monitor.warn(
                f"{name!r} differs: {_facts(*one)}, {_facts(*two)}",
                "One copy is damaged or old; a restore tells which.",
            )
        order = plan_read(self._members.rules, name)
        return min(one, two, key=lambda copy: order.index(copy[0]))


def _differ(one: Entry, two: Entry) -> bool:
    md5_differs = None not in (one.md5, two.md5) and one.md5 != two.md5
    return one.size != two.size or md5_differs


def _facts(label: str, entry: Entry) -> str:
    md5 = f", MD5 {entry.md5}" if entry.md5 else ""
    return f"{entry.size} bytes{md5} on {label}"
