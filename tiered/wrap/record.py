"""Write down every call: tests say how many requests an action may make."""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from tiered.store import Store
from tiered.wrap.base import Wrapped

T = TypeVar("T")


class Recorded(Wrapped):
    """`inner`, with a list of the calls it got."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._calls: list[tuple[str, str]] = []
        self._lock = Lock()

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """Verb and name (or prefix) of each call, in the order they began."""
        with self._lock:
            return tuple(self._calls)

    def count(self, verb: str) -> int:
        """How often `verb` was called."""
        return sum(called == verb for called, _ in self.calls)

    def forget(self) -> None:
        """Begin with an empty list again."""
        with self._lock:
            self._calls.clear()

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        with self._lock:
            self._calls.append((verb, name))
        return run()
