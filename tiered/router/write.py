"""Writing and deleting: carries out what `tiered.router.plan` decides.

Mirror: all members at once.  If fewer copies than needed were made, a CREATE
takes back those that were; a copy whose put failed without a clear answer may
stay on the member that failed, for nobody can tell it from an older object
there.  Each copy that is missing otherwise is a debt.

Stripe: one member.  The members do not know each other, so CREATE asks the
others first whether they have the name, and REPLACE writes where the object
lies.  Two processes that create one name in the same moment on two members
are not told apart.

A member that is read-only is left as it is, and owes nothing.  What is deleted
elsewhere stays there: the user is told so once.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from tiered.archive.kinds import Kind, kind_of
from tiered.errors import AlreadyExists, Denied, NotFound, StoreError
from tiered.router.locks import NameLocks
from tiered.router.members import Members, most_telling, store_errors
from tiered.router.plan import WritePlan, plan_delete, plan_write
from tiered.router.route import Mode, OnFail
from tiered.store import PutMode, Source

Owe = Callable[[str, tuple[str, ...]], None]
"""Told of a name, and of the members that owe a copy of it from now on."""


class Writer:
    """put and delete of a router."""

    def __init__(self, members: Members, owe: Owe) -> None:
        self._members, self._owe = members, owe
        self._names = NameLocks()
        self._lock = Lock()
        self._loads: Counter[str] = Counter()
        self._keeping: set[str] = set()
        """Members that kept what was deleted elsewhere, as the user knows."""

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        with self._names.hold(name):
            one = _Put(self._members, name, source, mode)
            owing = one.run(self._plan(name, source.size, mode))
            self._members.saw(name, tuple(one.taken))
            self._owe(name, owing)

    def put_anywhere(self, name: str, source: Source) -> None:
        """Put, or replace, on as many of its members as can take it.

        Raises:
            StoreError: None could.
        """
        with self._names.hold(name):
            one = _Put(self._members, name, source, PutMode.REPLACE)
            labels = self._members.rules.route_of(name).writing
            plan = WritePlan(targets=labels, copies=len(labels), need=1)
            one.run(_possible(plan, name), told=False)

    def delete(self, name: str) -> None:
        with self._names.hold(name):
            labels = plan_delete(self._members.rules, name)
            stores = self._members.stores
            found, raised = self._members.each(
                labels, lambda label: stores[label].delete(name)
            )
            failed = store_errors(raised)
            silent = {k: e for k, e in failed.items() if not isinstance(e, NotFound)}
            if silent:
                raise most_telling(silent)
            self._members.saw(name, ())
            self._owe(name, ())
            if not self._is_kept(name) and not found:
                raise NotFound(f"no store has {name!r}", name=name)

    def _is_kept(self, name: str) -> bool:
        """Has a member that is read-only an object of that name?  If so, say it."""
        found, raised = self._members.each(
            self._members.rules.read_only,
            lambda label: self._members.find(label, name),
        )
        store_errors(raised)  # one that is silent keeps what it has as well
        keepers = sorted(label for label, entry in found.items() if entry)
        is_told = kind_of(name) is not Kind.DEBTS  # those are not looked for there
        for label in keepers if is_told else ():
            with self._lock:
                is_news = label not in self._keeping
                self._keeping.add(label)
            if is_news:
                self._members.monitor.warn(
                    f"{label} keeps what is deleted elsewhere, such as {name!r}: it "
                    "is read_only",
                    "It is listed and can be restored as long as that store is there.",
                )
        return bool(keepers)

    def _plan(self, name: str, size_bytes: int, mode: PutMode) -> WritePlan:
        rules = self._members.rules
        with self._lock:
            plan = _possible(plan_write(rules, name, self._loads), name)
            if rules.route_of(name).mode is Mode.MIRROR:
                return plan
            # an empty object is one turn, too
            self._loads[plan.targets[0]] += max(size_bytes, 1)
        holders = self._holders(name, plan, mode)
        if not holders:
            return plan
        if mode is PutMode.CREATE:
            raise AlreadyExists(f"{holders[0]}: {name!r} is there already", name=name)
        return replace(plan, targets=holders, copies=len(holders), need=len(holders))

    def _holders(self, name: str, plan: WritePlan, mode: PutMode) -> tuple[str, ...]:
        """Members that have `name`, apart from those that the put asks anyway, and
        of a REPLACE from those that are read-only: they keep the old object.

        A silent member stops a REPLACE, as its old object would come back with
        it; it stops a CREATE only where the user wants any failure to do so.
        """
        route = self._members.rules.route_of(name)
        creates = mode is PutMode.CREATE
        others = tuple(k for k in route.labels if k != plan.targets[0])
        asked = others if creates else route.writing
        if not asked:
            return ()
        found, raised = self._members.each(
            asked, lambda label: self._members.find(label, name)
        )
        failed = store_errors(raised)
        if failed and not (creates and route.onfail is OnFail.CONTINUE):
            raise most_telling(failed)
        return tuple(label for label in asked if found.get(label))


def _possible(plan: WritePlan, name: str) -> WritePlan:
    """The plan, if there is a member that it may touch.

    Raises:
        Denied: There is none.
    """
    if not plan.targets:
        raise Denied(
            f"{name!r} can be put nowhere: each store that it belongs to is read_only",
            hint="Leave read_only out of the options of one of them, or add a store.",
        )
    return plan


class _Put:
    """One put on several members."""

    def __init__(
        self, members: Members, name: str, source: Source, mode: PutMode
    ) -> None:
        self._members = members
        self._name, self._source, self._mode = name, source, mode
        self.taken: list[str] = []
        self._failed: dict[str, StoreError] = {}

    def run(self, plan: WritePlan, *, told: bool = True) -> tuple[str, ...]:
        """Carry the plan out; the labels that owe a copy after it.

        Args:
            told: Is the user told of members that failed?
        """
        try:
            self._put_all(plan)
        except Exception:  # whatever it was, it leaves as it came
            self._take_back()
            raise
        is_short = len(self.taken) < plan.copies
        if told:
            for label, error in self._failed.items():
                self._warn(label, error, is_short=is_short)
        return tuple(self._failed) if is_short else ()

    def _put_all(self, plan: WritePlan) -> None:
        left = plan.targets
        while left and len(self.taken) < plan.copies:
            alone = plan.arbiter and not self.taken
            count = 1 if alone else plan.copies - len(self.taken)
            self._put_on(left[:count])
            left = left[count:]
            if len(plan.targets) - len(self._failed) < plan.need:
                raise most_telling(self._failed)

    def _put_on(self, labels: tuple[str, ...]) -> None:
        stores = self._members.stores
        done, raised = self._members.each(
            labels,
            lambda label: stores[label].put(self._name, self._source, self._mode),
        )
        self.taken += done
        failed = store_errors(raised)
        for error in failed.values():
            if isinstance(error, AlreadyExists):
                raise error  # not a fault of the member: the name is not ours to use
        self._failed |= failed

    def _take_back(self) -> None:
        if self._mode is PutMode.REPLACE:
            return  # the old bytes are gone: a new copy is better than none
        for label in self.taken:
            try:
                self._members.stores[label].delete(self._name)
            except StoreError as e:
                self._members.monitor.warn(
                    f"a copy of {self._name!r} was left on {label}: {e}",
                    "Delete it by hand when the store is back.",
                )

    def _warn(self, label: str, error: StoreError, *, is_short: bool) -> None:
        if is_short:
            message = f"copy of {self._name!r} missed on {label}: {error}"
        else:
            message = f"{self._name!r} went to {self.taken[0]}: {error}"
        self._members.warn(label, message, error)
