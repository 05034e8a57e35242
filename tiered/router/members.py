"""The stores of one router by label, and the ways to ask several of them."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from tiered.errors import (
    Denied,
    Frozen,
    Full,
    NotFound,
    StoreError,
    StoreMissing,
    Unavailable,
    WrongPolicy,
)
from tiered.monitor import Monitor
from tiered.router.plan import plan_read
from tiered.router.rules import Rules
from tiered.store import Entry, Store

P = TypeVar("P")
T = TypeVar("T")

_OF_THE_STORE = (Unavailable, Denied, Full, StoreMissing, WrongPolicy)
"""What is wrong then is not one object: thousands of others will fail alike."""
_CALLS_OF_ONE_MEMBER = 8
"""Calls of a router that may be on their way to one member at a time, on average."""


class Members:
    """What each part of a router needs: the rules, the stores, the monitor."""

    def __init__(
        self, rules: Rules, stores: Mapping[str, Store], monitor: Monitor
    ) -> None:
        if set(stores) != set(rules.labels):
            raise ValueError(f"rules for {rules.labels}, stores {tuple(stores)}")
        self.rules, self.monitor = rules, monitor
        self.stores = {label: stores[label] for label in rules.labels}
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._where: dict[str, tuple[str, ...]] = {}
        self._told: set[tuple[str, type[StoreError]]] = set()

    def find(self, label: str, name: str) -> Entry | None:
        """The object at one member; None if the member says it is not there."""
        store = self.stores[label]
        if stat := store.extras.stat:
            try:
                return stat.stat(name)
            except NotFound:
                return None
        return next((e for e in store.list(name) if e.name == name), None)

    def order(self, name: str) -> tuple[str, ...]:
        """Members to read `name` from: as planned, but who was seen to have it
        first."""
        order = plan_read(self.rules, name)
        seen = self._where.get(name, ())
        return tuple(sorted(order, key=lambda label: label not in seen))

    def saw(self, name: str, labels: tuple[str, ...]) -> None:
        """Remember who has `name`, where the plan alone does not lead there: that
        is what a stripe needs, and whoever changed the rules.
        """
        everywhere = len(labels) == len(self.stores)
        if labels and not everywhere and plan_read(self.rules, name)[0] not in labels:
            self._where[name] = labels
        else:
            self._where.pop(name, None)

    def first(self, name: str, parts: Mapping[str, P], read: Callable[[P], T]) -> T:
        """The answer of the first member, in read order, that can give it.

        Args:
            parts: What to hand to `read`, by label: the stores, or a capability.

        Raises:
            StoreError: Nobody can; `most_telling` of what they said.
        """
        failed: dict[str, StoreError] = {}
        for label in self.order(name):
            try:
                answer = read(parts[label])
            except StoreError as e:
                failed[label] = e
            else:
                self._warn(name, label, failed)
                return answer
        raise most_telling(failed)

    def each(
        self, labels: Iterable[str], call: Callable[[str], T]
    ) -> tuple[dict[str, T], dict[str, Exception]]:
        """Call all members at once: what they returned, and what they raised.

        It returns when all have; a failure of one does not stop the others.
        """
        begun = {label: self._pool().submit(call, label) for label in labels}
        results: dict[str, T] = {}
        failed: dict[str, Exception] = {}
        for label, future in begun.items():
            error = future.exception()
            if error is None:
                results[label] = future.result()
            elif isinstance(error, Exception):
                failed[label] = error
            else:
                raise error
        return results, failed

    def warn(self, label: str, message: str, error: StoreError) -> None:
        """Tell the user that a member failed.

        What is wrong with the store itself is told once; each object that it costs
        after that is there to be seen with -v5.
        """
        if not isinstance(error, _OF_THE_STORE):
            self.monitor.warn(message, error.hint)
            return
        with self._lock:
            is_news = (label, type(error)) not in self._told
            self._told.add((label, type(error)))
        if is_news:
            hint = f"{error.hint}  Whatever else it fails at is named with -v5."
            self.monitor.warn(message, hint.strip())
        else:
            self.monitor.info(message)

    def close(self) -> None:
        """End the threads; what they do is waited for."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads:
            threads.shutdown()

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                calls = _CALLS_OF_ONE_MEMBER * len(self.stores)
                self._threads = ThreadPoolExecutor(calls, "router")
            return self._threads

    def _warn(self, name: str, label: str, failed: Mapping[str, StoreError]) -> None:
        """Sealed and absent copies are as it should be; others are not."""
        for other, error in failed.items():
            if not isinstance(error, (NotFound, Frozen)):
                message = f"{name!r} was read from {label}, as {other} failed: {error}"
                self.warn(other, message, error)


def store_errors(failed: Mapping[str, Exception]) -> dict[str, StoreError]:
    """What stores are to blame for.

    Raises:
        Exception: The first of `failed` that no store is to blame for.
    """
    blamed: dict[str, StoreError] = {}
    for label, error in failed.items():
        if not isinstance(error, StoreError):
            raise error
        blamed[label] = error
    return blamed


def most_telling(failed: Mapping[str, StoreError]) -> StoreError:
    """The error to raise when several members failed, with notes of the others.

    A sealed copy can be had by a thaw, so it comes first.  NotFound comes last:
    it is the truth only if every member said it.
    """
    label, worst = min(failed.items(), key=lambda item: _rank(item[1]))
    for other, error in failed.items():
        if other != label and not isinstance(error, NotFound):
            worst.add_note(f"{other} failed, too: {error}")
    return worst


def common_prefix(names: Iterable[str]) -> str:
    """The longest text that all names begin with: it makes listings short."""
    wanted = sorted(names)
    first, last = wanted[0], wanted[-1]
    for i, (a, b) in enumerate(zip(first, last, strict=False)):
        if a != b:
            return first[:i]
    return first


def _rank(error: StoreError) -> int:
    if isinstance(error, Frozen):
        return 0
    return 2 if isinstance(error, NotFound) else 1
