"""What copies are owed: kept by each run in an object of its own, where manifests go.

So every machine can see it, and no two write the same object.  A debt that was
noted in the last seconds before a process was killed is lost; a scrub finds
what it was about.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import BinaryIO

from tiered.archive.debts import STEM, pack_debts, unpack_debts
from tiered.clock import Clock
from tiered.download import read_at_most
from tiered.errors import NotFound, StoreError, TieredError
from tiered.monitor import Monitor
from tiered.router.view import View
from tiered.store import Debt, Listings, Owed

_PAUSE_S = 10.0
"""A growing list is written again that often: with each debt it would cost as much
as the square of their number."""
_LARGEST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Where a run keeps what is owed."""

    name: str
    """See `tiered.archive.debts.debts_name`; of this run alone."""
    clock: Clock

    @property
    def prefix(self) -> str:
        """What the names of all runs begin with."""
        return self.name[: self.name.rindex(STEM) + len(STEM)]


class Ledger:
    """The debts of this run, and those that others have kept.

    Args:
        settings: None keeps debts in memory only.
        view: Finds what others keep.
        read, write, delete: Of the router, for objects of debts.
    """

    def __init__(
        self,
        settings: LedgerSettings | None,
        view: View,
        monitor: Monitor,
        *,
        read: Callable[[str], BinaryIO],
        write: Callable[[str, bytes], None],
        delete: Callable[[str], None],
    ) -> None:
        self._settings, self._view, self._monitor = settings, view, monitor
        self._read, self._write, self._delete = read, write, delete
        self._lock = Lock()
        self._writing = Lock()
        self._settling = Lock()
        self._seen: tuple[str, ...] | None = None
        self._own: dict[Debt, Debt] = {}
        self._is_dirty = self._is_kept = False
        self._written_s = float("-inf")

    @property
    def own(self) -> tuple[Debt, ...]:
        """What this run was told of and nobody has paid since, sorted."""
        with self._lock:
            return tuple(sorted(self._own.values()))

    def owes(self, name: str, labels: Iterable[str]) -> None:
        """From here on, `labels` and nobody else owe a copy of `name`."""
        with self._lock:
            old = [debt for debt in self._own if debt.name == name]
            new = [Debt(name, label, Owed.MISSED, self._time_s()) for label in labels]
            if not (old or new):
                return
            for debt in old:
                del self._own[debt]
            self._own |= {debt: debt for debt in new}
            self._is_dirty = True
        self._keep(at_once=False)

    def add(self, debts: Iterable[Debt]) -> None:
        """Copies that are owed besides; each is kept once."""
        with self._lock:
            merged = _merged([*self._own.values(), *debts])
            self._is_dirty |= [*merged.values()] != [*self._own.values()] or any(
                merged[debt].owed is not known.owed for debt, known in self._own.items()
            )
            self._own = merged
        self._keep(at_once=False)

    def flush(self) -> None:
        """Keep what is not kept yet."""
        self._keep(at_once=True)

    def read_all(self, listed: Listings | None = None) -> tuple[Debt, ...]:
        """All that any run has kept, and what this one has not kept yet, sorted.

        Args:
            listed: What members list, by label; None: they are asked.

        Raises:
            StoreError: See `View.survey`.
        """
        with self._settling:
            self._seen = self._names(listed)
            kept = [debt for _, debts in self._kept(self._seen) for debt in debts]
        with self._lock:
            return tuple(sorted(_merged([*kept, *self._own.values()]).values()))

    def settle(self, paid: Iterable[Debt]) -> None:
        """Forget debts, and take them out of the objects that keep them.

        Cost: One get for each of these objects that was seen before; if none was
        looked for, a listing.
        """
        gone = set(paid)
        with self._lock:
            for debt in gone & self._own.keys():
                del self._own[debt]
                self._is_dirty = True
        with self._settling:  # what another thread has taken out must not come back
            if self._seen is None:
                self._seen = self._names(None)
            others = self._others(self._seen)
            if len(others) < len(self._seen):  # maybe on a member that was away
                with self._lock:
                    self._is_kept = self._is_dirty = True
            for name, debts in self._kept(others):
                left = [debt for debt in debts if debt not in gone]
                if left and len(left) < len(debts):
                    self._try_write(name, left)
                elif not left:
                    self._forget(name)
        self._keep(at_once=True)

    def _names(self, listed: Listings | None) -> tuple[str, ...]:
        """Objects that keep debts of this archive."""
        if self._settings is None:
            return ()
        prefix = self._settings.prefix
        if listed is None:
            listed = self._view.survey(prefix).listings
        # what was kept before a member became read-only cannot be settled there
        labels = listed.keys() - self._view.read_only
        entries = chain.from_iterable(listed[label] for label in labels)
        return tuple(sorted({e.name for e in entries if e.name.startswith(prefix)}))

    def _others(self, names: Iterable[str]) -> tuple[str, ...]:
        """Without the object of this run, which is written by `_keep` alone."""
        own = self._settings.name if self._settings else ""
        return tuple(name for name in names if name != own)

    def _kept(self, names: Iterable[str]) -> list[tuple[str, tuple[Debt, ...]]]:
        found = [(name, self._unpacked(name)) for name in names]
        return [(name, debts) for name, debts in found if debts is not None]

    def _unpacked(self, name: str) -> tuple[Debt, ...] | None:
        """None if it cannot be read; a scrub finds what it was about."""
        try:
            data = read_at_most(self._read(name), _LARGEST_BYTES)
            return unpack_debts(data, name)
        except NotFound:
            return None  # somebody paid them meanwhile
        except TieredError as e:
            self._monitor.warn(
                f"debts cannot be read: {e}",
                e.hint or "Run `tiered scrub`: it finds which copies are missing.",
            )
            return None

    def _keep(self, *, at_once: bool) -> None:
        settings = self._settings
        if settings is None:
            return
        with self._writing:  # an older list must not be written behind a newer one
            with self._lock:
                debts = tuple(self._own.values())
                pause_s = settings.clock.now_s() - self._written_s
                if not self._is_dirty or (not at_once and pause_s < _PAUSE_S):
                    return
                self._is_dirty, self._written_s = False, settings.clock.now_s()
            if debts:
                self._is_kept = self._try_write(settings.name, debts)
            elif self._is_kept:
                self._forget(settings.name)
                self._is_kept = False

    def _try_write(self, name: str, debts: Iterable[Debt]) -> bool:
        try:
            self._write(name, pack_debts(debts))
        except StoreError as e:
            self._monitor.warn(
                f"what copies are owed could not be kept: {e}",
                "Run `tiered scrub` later: it finds which copies are missing.",
            )
            with self._lock:
                self._is_dirty = True
            return False
        return True

    def _forget(self, name: str) -> None:
        try:
            self._delete(name)
        except NotFound:
            pass
        except StoreError as e:
            self._monitor.warn(f"{name!r} was left, with debts that are paid: {e}")

    def _time_s(self) -> int:
        return int(self._settings.clock.time_s()) if self._settings else 0


def _merged(debts: Iterable[Debt]) -> dict[Debt, Debt]:
    """Each copy once: that it is damaged counts most, as no listing shows it."""
    merged: dict[Debt, Debt] = {}
    for debt in debts:
        if debt not in merged or debt.owed is Owed.DAMAGED:
            merged[debt] = debt
    return merged
