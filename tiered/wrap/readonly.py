"""A store that is looked at only: whatever would change it is refused.

Refused before anything is asked, so also where the credentials would allow it.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from tiered.errors import Denied
from tiered.store import Store
from tiered.wrap.base import Wrapped

T = TypeVar("T")

_CHANGES: Final = {
    "put": "write",
    "delete": "delete",
    "thaw": "thaw",
    "create": "create",
    "remove_folder": "remove the folder",
}
"""Verbs that change what a store holds, or cost money to undo; and their words."""


class ReadOnly(Wrapped):
    """`inner`, without put, delete, thaw, create and remove_folder.

    Args:
        why: What made it so, for the hint: an option, or a key of a config.

    Raises (of these):
        Denied: Always, and `inner` was not asked.
    """

    def __init__(self, inner: Store, why: str) -> None:
        super().__init__(inner)
        self._why = why

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        if verb not in _CHANGES:
            return run()
        what = _CHANGES[verb] + (f" {name!r}" if name else "")
        raise Denied(
            f"{self.label}: cannot {what}: the store is read-only",
            hint=f"Leave out {self._why} to change it.",
        )
