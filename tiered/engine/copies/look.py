"""What there is to compare, asked of all members: listings only, no object is read."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from tiered.archive.debts import STEM
from tiered.archive.kinds import Kind, kind_of
from tiered.engine.context import Context
from tiered.engine.copies.compare import Finding, Suspects, compare, is_compared
from tiered.errors import ConfigError, NotFound, StoreError, StoreMissing
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
    read_only: frozenset[str]
    """Members that are left as they are, whatever was found there."""

    @property
    def holdings(self) -> Mapping[str, Holding]:
        return {label: holding(entries) for label, entries in self.listings.items()}

    @property
    def debt_objects(self) -> tuple[Entry, ...]:
        listings = self.listings.items()
        return debt_objects(
            {k: found for k, found in listings if k not in self.read_only}
        )


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


def debt_objects(listings: Mapping[str, Iterable[Entry]]) -> tuple[Entry, ...]:
    """What keeps debts, of any archive, by name."""
    found = {
        entry.name: entry
        for entries in listings.values()
        for entry in entries
        if STEM in entry.name and kind_of(entry.name) is Kind.DEBTS
    }
    return tuple(entry for _, entry in sorted(found.items()))


def compare_copies(
    group: Group,
    monitor: Monitor,
    debts: Iterable[Debt] = (),
    *,
    without: str | None = None,
) -> Comparison:
    """List every member at once, and compare; see `compare_listed`."""
    listings, silent = list_members(group, monitor)
    return compare_listed(group, monitor, listings, silent, debts, without=without)


def compare_listed(
    group: Group,
    monitor: Monitor,
    listings: Mapping[str, Sequence[Entry]],
    silent: Mapping[str, StoreError],
    debts: Iterable[Debt] = (),
    *,
    without: str | None = None,
) -> Comparison:
    """Compare what members list.

    Args:
        debts: Copies that are known to be damaged, among others.
        without: A member that is to hold nothing any more.

    Cost: No I/O.
    """
    total = max(map(len, listings.values()), default=0)

    def homes(name: str) -> Homes:
        return group.homes(name, without)

    def tell(seen: int) -> None:
        monitor.progress(Progress("compare", seen, max(seen, total), "objects"))

    findings = tuple(compare(listings, homes, _suspects(debts), tell))
    return Comparison(
        listings=listings,
        silent=silent,
        findings=findings,
        read_only=group.read_only,
    )


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
    group: Group, monitor: Monitor, *, new: str | None = None
) -> tuple[Mapping[str, Sequence[Entry]], Mapping[str, StoreError]]:
    """What each member lists, and who did not answer.

    Args:
        new: A member that may not exist yet: then it is empty.

    Raises:
        StoreError: Nobody answered.

    Cost: One listing of each member; some 250 bytes of memory for each entry.
    """
    found: dict[str, Sequence[Entry]] = {}
    silent: dict[str, StoreError] = {}
    members = group.members
    monitor.progress(Progress("list", 0, len(members), "stores"))
    with ThreadPoolExecutor(len(members), "list") as pool:
        begun = {pool.submit(store.list): label for label, store in members.items()}
        for done, future in enumerate(as_completed(begun), 1):
            label = begun[future]
            try:
                found[label] = future.result()
            except StoreMissing as e:
                if label == new:
                    found[label] = ()
                else:
                    silent[label] = e
            except StoreError as e:
                silent[label] = e
            monitor.progress(Progress("list", done, len(members), "stores"))
    if not found:
        raise next(iter(silent.values()))
    return {label: found[label] for label in members if label in found}, silent


def _suspects(debts: Iterable[Debt]) -> Suspects:
    found: dict[str, set[str]] = {}
    for debt in debts:
        if debt.owed is Owed.DAMAGED:
            found.setdefault(debt.name, set()).add(debt.label)
    return {name: frozenset(labels) for name, labels in found.items()}
