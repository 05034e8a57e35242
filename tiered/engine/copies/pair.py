"""Two stores as a group: what one has, the other is to have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tiered.store import Debt, Homes, Store

SOURCE, TARGET = "source", "target"


@dataclass(frozen=True, slots=True)
class Pair:
    """A `tiered.store.Group` for copying an archive to another store."""

    source: Store
    target: Store

    @property
    def members(self) -> Mapping[str, Store]:
        return {SOURCE: self.source, TARGET: self.target}

    def homes(self, name: str, without: str | None = None) -> Homes:
        return Homes(labels=(TARGET,), copies=1)

    def reads_from(self, name: str) -> str:
        return self._group.reads_from(name) if self._group else next(iter(self.members))

    def owe(self, debts: Iterable[Debt]) -> None:
        """Nobody asks for them later."""

    def debts(self) -> tuple[Debt, ...]:
        return ()

    def settle(self, paid: Iterable[Debt]) -> None:
        """There are none."""
