"""Copying an archive to another store: as a group whose objects belong there alone."""

from collections.abc import Iterable, Mapping

from tiered.errors import ConfigError
from tiered.store import Debt, Group, Homes, Listings, Store


class Pair:
    """A `tiered.store.Group`: the members of the source, and the target.

    Raises:
        ConfigError: The target is one of the source's members.
    """

    def __init__(self, source: Store, target: Store) -> None:
        group = source.extras.group
        sources = dict(group.members) if group else {source.label: source}
        if target.label in {*sources, *(store.label for store in sources.values())}:
            raise ConfigError(
                f"{target.label} is a store of the archive already",
                hint="Copies on the stores of one config are made by `tiered repair`.",
            )
        self._group: Group | None = group
        self.target = target.label
        """Label of the target."""
        self.members: Mapping[str, Store] = {**sources, target.label: target}

    @property
    def read_only(self) -> frozenset[str]:
        return self._group.read_only if self._group else frozenset()

    def homes(self, name: str, without: str | None = None) -> Homes:
        return Homes(labels=(self.target,), copies=1)

    def reads_from(self, name: str) -> str:
        return self._group.reads_from(name) if self._group else next(iter(self.members))

    def owe(self, debts: Iterable[Debt]) -> None:
        """Of the source; what the target lacks is seen there."""
        if self._group:
            self._group.owe(debt for debt in debts if debt.label != self.target)

    def debts(self, listed: Listings | None = None) -> tuple[Debt, ...]:
        return self._group.debts(listed) if self._group else ()

    def settle(self, paid: Iterable[Debt]) -> None:
        """What the source owes is not paid by a copy elsewhere."""
