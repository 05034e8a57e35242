"""Writing and deleting: carries out what `tiered.router.plan` decides.

Mirror, abort: all members or none.  A failed CREATE takes back its copies; a
copy whose put failed without a clear answer may stay on the member that
failed, for nobody can tell it from an older object there.

Mirror, continue: one copy is a success, each missing one is a debt.

Stripe: one member.  The members do not know each other, so CREATE asks the
others first whether they have the name, and REPLACE writes where the object
lies.  Two processes that create one name in the same moment on two members
are not told apart.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from tiered.errors import AlreadyExists, NotFound, StoreError, TieredError
from tiered.router.locks import NameLocks
from tiered.router.members import Members, most_telling
from tiered.router.plan import WritePlan, plan_delete, plan_write
from tiered.router.rules import Mode, OnFail
from tiered.store import PutMode, Source


@dataclass(frozen=True, slots=True, order=True)
class Debt:
    """A copy that a member still owes."""

    name: str
    label: str


class Writer:
    """put and delete of a router, and what they leave undone."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._names = NameLocks()
        self._lock = Lock()
        self._cursors: Counter[tuple[str, ...]] = Counter()
        self._debts: set[Debt] = set()

    @property
    def debts(self) -> tuple[Debt, ...]:
        """Copies that puts of this router missed and nobody has made since."""
        with self._lock:
            return tuple(sorted(self._debts))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        with self._names.hold(name):
            one = _Put(self._members, name, source, mode)
            self._owe(name, one.run(self._plan(name, mode)))

    def delete(self, name: str) -> None:
        with self._names.hold(name):
            found = False
            failed: dict[str, StoreError] = {}
            for label in plan_delete(self._members.rules, name):
                try:
                    self._members.stores[label].delete(name)
                    found = True
                except NotFound:
                    continue
                except StoreError as e:
                    failed[label] = e
            if failed:
                raise most_telling(failed)
            self._owe(name, ())
            if not found:
                raise NotFound(f"no store has {name!r}", name=name)

    def _owe(self, name: str, labels: Iterable[str]) -> None:
        """From here on, `labels` and nobody else owe a copy of `name`."""
        with self._lock:
            self._debts = {d for d in self._debts if d.name != name}
            self._debts |= {Debt(name, label) for label in labels}

    def _plan(self, name: str, mode: PutMode) -> WritePlan:
        rules = self._members.rules
        if rules.mode is Mode.MIRROR:
            return plan_write(rules, name)
        plan = plan_write(rules, name, self._next_cursor(name))
        holders = self._holders(name, plan, mode)
        if not holders:
            return plan
        if mode is PutMode.CREATE:
            raise AlreadyExists(f"{holders[0]}: {name!r} is there already", name=name)
        return WritePlan(targets=holders, copies=len(holders), need=len(holders))

    def _next_cursor(self, name: str) -> int:
        group = tuple(m.label for m in self._members.rules.eligible(name))
        with self._lock:
            self._cursors[group] += 1
            return self._cursors[group] - 1

    def _holders(self, name: str, plan: WritePlan, mode: PutMode) -> tuple[str, ...]:
        """Members that have `name`, apart from those that the put asks anyway.

        A silent member stops a REPLACE, as its old object would come back with
        it; it stops a CREATE only where the user wants any failure to do so.
        """
        rules = self._members.rules
        creates = mode is PutMode.CREATE
        holders = []
        for member in rules.eligible(name):
            if creates and member.label == plan.targets[0]:
                continue
            try:
                if self._members.find(member.label, name):
                    holders.append(member.label)
            except StoreError:
                if not creates or rules.onfail is OnFail.ABORT:
                    raise
        return tuple(holders)


class _Put:
    """One put on several members."""

    def __init__(
        self, members: Members, name: str, source: Source, mode: PutMode
    ) -> None:
        self._members = members
        self._name, self._source, self._mode = name, source, mode
        self._taken: list[str] = []
        self._failed: dict[str, StoreError] = {}

    def run(self, plan: WritePlan) -> tuple[str, ...]:
        """Carry the plan out; the labels that owe a copy after it."""
        try:
            for label in plan.targets:
                if len(self._taken) == plan.copies:
                    break
                self._put_on(label)
                if len(plan.targets) - len(self._failed) < plan.need:
                    raise most_telling(self._failed)
        except TieredError:
            self._take_back()
            raise
        is_short = len(self._taken) < plan.copies
        for label, error in self._failed.items():
            self._warn(label, error, is_short=is_short)
        return tuple(self._failed) if is_short else ()

    def _put_on(self, label: str) -> None:
        try:
            self._members.stores[label].put(self._name, self._source, self._mode)
        except AlreadyExists:
            raise  # not a fault of the member: the name is not ours to use
        except StoreError as e:
            self._failed[label] = e
        else:
            self._taken.append(label)

    def _take_back(self) -> None:
        if self._mode is PutMode.REPLACE:
            return  # the old bytes are gone: a new copy is better than none
        for label in self._taken:
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
            message = f"{self._name!r} went to {self._taken[0]}: {error}"
        self._members.monitor.warn(message, error.hint)
