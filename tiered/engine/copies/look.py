"""What there is to compare, asked of all members: listings only, no object is read."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tiered.engine.context import Context
from tiered.engine.copies.compare import Finding, Suspects, compare, is_compared
from tiered.errors import ConfigError, NotFound, StoreError
from tiered.monitor import Monitor, Progress
from tiered.store import Debt, Entry, Frost, Group, Homes, Owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one member has of archives."""

    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What listings say of all copies."""

    listings: Mapping[str, Sequence[Entry]]
    """By label."""
    silent: Mapping[str, StoreError]
    """Members that did not answer."""
    findings: tuple[Finding, ...]

    @property
    def holdings(self) -> Mapping[str, Holding]:
        return {label: holding(entries) for label, entries in self.listings.items()}


def group_of(context: Context) -> Group:
    """The members of the archive's store.

    Raises:
        ConfigError: It is a single store.
    """
    group = context.store.extras.group
    if group is None:
        raise ConfigError(
            f"{context.store.label} is one store: it has no other copies",
            hint="Copies are those of the stores of a multi:// config.",
        )
    return group


def holding(entries: Iterable[Entry]) -> Holding:
    sizes = [entry.size for entry in entries if is_compared(entry.name)]
    return Holding(objects=len(sizes), size_bytes=sum(sizes))


def compare_copies(
    group: Group,
    monitor: Monitor,
    debts: Iterable[Debt] = (),
    *,
    without: str | None = None,
) -> Comparison:
    """List every member at once, and compare.

    Args:
        debts: Copies that are known to be damaged, among others.
        without: A member that is to hold nothing any more.

    Cost: One listing of each member; some 250 bytes of memory for each entry.
    """
    listings, silent = list_members(group, monitor)
    suspects = _suspects(debts)

    def homes(name: str) -> Homes:
        return group.homes(name, without)

    findings = tuple(compare(listings, homes, suspects))
    return Comparison(listings=listings, silent=silent, findings=findings)


def read_frosts(
    group: Group, findings: Iterable[Finding]
) -> Mapping[str, Mapping[str, Frost]]:
    """How cold the copies are that a repair could read, from listings alone."""
    names: dict[str, list[str]] = {label: [] for label in group.members}
    for finding in findings:
        for label in (*finding.good, *finding.different):
            names[label].append(finding.name)
    return {
        label: _frost(group, label, wanted)
        for label, wanted in names.items()
        if wanted and group.members[label].extras.thaw
    }


def _frost(group: Group, label: str, names: Sequence[str]) -> Mapping[str, Frost]:
    thaw = group.members[label].extras.thaw
    if thaw is None:
        return {}
    try:
        return thaw.frost(names)
    except NotFound:
        return {}  # deleted meanwhile: the get will say so


def list_members(
    group: Group, monitor: Monitor
) -> tuple[Mapping[str, Sequence[Entry]], Mapping[str, StoreError]]:
    """What each member lists, and who did not answer.

    Raises:
        StoreError: Nobody did.
    """
    listings: dict[str, Sequence[Entry]] = {}
    silent: dict[str, StoreError] = {}
    total = len(group.members)
    with ThreadPoolExecutor(total, "list") as pool:
        begun = {
            label: pool.submit(store.list) for label, store in group.members.items()
        }
        for done, (label, future) in enumerate(begun.items()):
            monitor.progress(Progress("list", done, total, "stores"))
            try:
                listings[label] = future.result()
            except StoreError as e:
                silent[label] = e
    if not listings:
        raise next(iter(silent.values()))
    return listings, silent


def _suspects(debts: Iterable[Debt]) -> Suspects:
    found: dict[str, set[str]] = {}
    for debt in debts:
        if debt.owed is Owed.DAMAGED:
            found.setdefault(debt.name, set()).add(debt.label)
    return {name: frozenset(labels) for name, labels in found.items()}
