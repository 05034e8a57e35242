"""One writer per name: copies that two threads write at once would differ."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class NameLocks:
    """A lock for each name that somebody holds.

    It binds the threads of one router.  Two processes that write the same
    name are told apart by CREATE at the members, as far as those can.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._changed = Condition()

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Wait until nobody else holds `name`, then hold it."""
        with self._changed:
            self._changed.wait_for(lambda: name not in self._held)
            self._held.add(name)
        try:
            yield
        finally:
            with self._changed:
                self._held.remove(name)
                self._changed.notify_all()
