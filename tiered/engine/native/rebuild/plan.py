"""Which sets lack hot objects, and whether their volumes can tell what was in them.

The trust rules T1 to T5 are about listings that lost their hot side; here that is
what is expected, so they are not asked.  Nothing is invented instead: what is made
again comes from volumes that end with end.json and build on a state that is known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tiered.archive.collection import BackupSet, Chain, Collection, collect
from tiered.archive.object_name import KeyName, ObjectName, SetId
from tiered.archive.set_manifest import SetManifest
from tiered.archive.style import Style
from tiered.cold.plan import ThawPlan
from tiered.cold.run import look
from tiered.engine.context import Context
from tiered.engine.inventory import check_absent
from tiered.engine.native.rebuild.hot import (
    BAD,
    check_object,
    hot_names,
    read_manifest,
)
from tiered.engine.native.rebuild.keys import lost_keys, sealed_keys
from tiered.engine.native.sealing import check_sealing
from tiered.errors import ArchiveDamaged, NoBackup, PassphraseError

_INTERRUPTED = (
    "it was begun here and not ended, or its deletion was begun here: see `tiered "
    "cleanup`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostSet:
    """A set whose hot objects are to be made again."""

    backup_set: BackupSet
    suffix: str
    lost: tuple[str, ...]
    """What is not there, or not right: manifest, index, signatures."""
    manifest: SetManifest | None
    """The one that is there, if it can be read: it vouches for volumes."""

    @property
    def id(self) -> SetId:
        return self.backup_set.id

    @property
    def volumes(self) -> tuple[str, ...]:
        volumes = self.backup_set.volumes
        return tuple(volumes[n].name for n in sorted(volumes))


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildPlan:
    """What would be made again; nothing has been asked for."""

    collection: Collection
    chains: Mapping[SetId, Chain]
    """For each set that can be read, or will be: the sets up to it."""
    lost: tuple[LostSet, ...]
    """The oldest first, so that each comes behind the set it builds on."""
    left: tuple[SetId, ...]
    """Sets that are whole."""
    refused: Mapping[SetId, str]
    """Sets that cannot be made again, and why."""
    keys: tuple[str, ...]
    """Copies of keys that are sealed, if there is nothing else to open sets with."""
    lost_keys: tuple[KeyName, ...]
    """Copies of key objects that are not listed: these are made again from them."""
    thaw: ThawPlan | None
    """Of volumes and such copies; None if no store is cold."""

    @property
    def names(self) -> tuple[str, ...]:
        """Volumes that are read from end to end."""
        return tuple(name for each in self.lost for name in each.volumes)

    @property
    def size_bytes(self) -> int:
        return sum(self.collection.sizes[name].size for name in self.names)

    @property
    def needed(self) -> tuple[str, ...]:
        """All that must be thawed: volumes, and copies of keys."""
        copies = (copy.name for copy in self.lost_keys)
        return tuple(dict.fromkeys((*self.keys, *copies, *self.names)))

    @property
    def is_encrypted(self) -> bool:
        return any(each.suffix for each in self.lost)


def plan_rebuild(
    context: Context, unlock: Callable[[Collection], object]
) -> RebuildPlan:
    """Look at all sets of style tiered.

    Args:
        context: The archive.
        unlock: Called before hot objects are opened: the archive's key is at hand
            when it returns, as what a wrong key cannot open looks damaged.  What it
            raises passes through.

    Raises:
        NoBackup: There is none.
        ConfigError: A manifest is of a version that is not known.
        ListingDoubtful: A hot object is not listed, and is there: the listing lags.
        PassphraseError: Manifests are there, and no key that is at hand opens any.
        StoreError: A store did not answer, or a hot object could not be read: what
            a store that is away has must not be made a second time.

    Cost: One listing of each store; all hot objects are read and hashed.
    """
    collection = collect(context.store.list(), context.namer)
    sets = [
        s
        for s in sorted((*collection.sets, *collection.incomplete), key=lambda s: s.id)
        if s.style is Style.TIERED
    ]
    if not sets:
        raise NoBackup(
            "there is no set of style tiered",
            hint="Check the URL and the prefixes; `tiered status` shows what is there.",
        )
    if any(s.manifest and s.manifest.encrypted for s in sets):
        unlock(collection)
    planner = _Planner(context, collection, sets)
    for each in sets:
        planner.add(each)
    planner.check_key()
    is_encrypted = any(lost.suffix for lost in planner.lost)
    keys = sealed_keys(context, collection) if is_encrypted else ()
    thaw = context.store.extras.thaw
    plan = RebuildPlan(
        collection=collection,
        chains=planner.chains,
        lost=tuple(planner.lost),
        left=tuple(planner.left),
        refused=planner.refused,
        keys=keys,
        lost_keys=lost_keys(collection),
        thaw=None,
    )
    if thaw is None:
        return plan
    looked = look(thaw, plan.needed, context.cache, context.clock)
    return replace(plan, thaw=looked)


class _Planner:
    def __init__(
        self, context: Context, collection: Collection, sets: Iterable[BackupSet]
    ) -> None:
        self._context, self._collection = context, collection
        self._by_end: dict[int, list[BackupSet]] = {}
        for each in sets:
            self._by_end.setdefault(each.id.end_s, []).append(each)
        self._begun = frozenset(context.cache.journal())
        self._closed: PassphraseError | None = None
        self._opened = False
        self.chains: dict[SetId, Chain] = {}
        self.lost: list[LostSet] = []
        self.left: list[SetId] = []
        self.refused: dict[SetId, str] = {}

    def add(self, backup_set: BackupSet) -> None:
        """Decide about the next set, by time."""
        manifest, lost = self._look(backup_set)
        if reason := self._refusal(backup_set, manifest, is_lost=bool(lost)):
            self.refused[backup_set.id] = reason
            return
        self.chains[backup_set.id] = self._chain(backup_set)
        if not lost:
            self.left.append(backup_set.id)
            return
        suffix = next(iter(backup_set.volumes.values())).suffix
        check_absent(self._context, self._not_listed(backup_set, suffix))
        self.lost.append(
            LostSet(backup_set=backup_set, suffix=suffix, lost=lost, manifest=manifest)
        )

    def check_key(self) -> None:
        """Raises:
        PassphraseError: There were hot objects, and the key opened none: that is
            the key's fault, not theirs.
        """
        if self._closed and not self._opened:
            raise self._closed

    def _look(
        self, backup_set: BackupSet
    ) -> tuple[SetManifest | None, tuple[str, ...]]:
        """The manifest if it can be read, and what of the set is lost."""
        context, sizes = self._context, self._collection.sizes
        names = _of_one_suffix(backup_set)
        name = names["manifest"]
        manifest: SetManifest | None = None
        if name:
            try:
                manifest = read_manifest(context, name, sizes[name.name])
                self._opened = True
            except PassphraseError as e:
                self._closed = e
            except BAD as e:
                context.monitor.warn(str(e))
        if manifest is None:
            missing = tuple(what for what, found in names.items() if found is None)
            return None, missing if "manifest" in missing else ("manifest", *missing)
        lost = []
        known = {"index": manifest.index, "signatures": manifest.signatures}
        for what, expected in known.items():
            name = names[what]
            try:
                if name is None:
                    lost.append(what)
                else:
                    check_object(context, name.name, sizes[name.name], expected)
            except BAD as e:
                context.monitor.warn(str(e))
                lost.append(what)
        return manifest, tuple(lost)

    def _refusal(
        self, backup_set: BackupSet, manifest: SetManifest | None, *, is_lost: bool
    ) -> str:
        """Why a set cannot be made again, or be built on; "" if it can."""
        if backup_set.id.parent:
            parent = self._parent(backup_set)
            if parent is None:
                return "the set it builds on is not there"
            if parent.id not in self.chains:
                return f"it builds on the {parent.id}"
        if not is_lost:
            return ""
        if backup_set.manifest is None and str(backup_set.id) in self._begun:
            return _INTERRUPTED
        try:
            check_sealing(self._context, self._collection, self._chain(backup_set))
        except ArchiveDamaged as e:
            return str(e)
        return _fault_of_volumes(backup_set, manifest)

    def _not_listed(self, backup_set: BackupSet, suffix: str) -> Iterator[str]:
        """Names of the hot objects that a set should have, and seems not to."""
        namer, sizes = self._context.namer, self._collection.sizes
        for make in (namer.manifest, namer.index, namer.signatures):
            if (name := make(backup_set.id, suffix)) not in sizes:
                yield name

    def _chain(self, backup_set: BackupSet) -> Chain:
        """The sets up to this one, whose parent is known."""
        parent = self._parent(backup_set)
        return Chain((*(self.chains[parent.id].sets if parent else ()), backup_set))

    def _parent(self, backup_set: BackupSet) -> BackupSet | None:
        """The set that this one builds on, if it is known which that is."""
        if backup_set.id.start_s is None:
            return None
        found = self._by_end.get(backup_set.id.start_s, [])
        return found[0] if len(found) == 1 else None


def _of_one_suffix(backup_set: BackupSet) -> dict[str, ObjectName | None]:
    """Hot objects that are sealed as the volumes are; others are not of this set."""
    suffixes = {name.suffix for name in backup_set.volumes.values()}
    return {
        what: name if name and (not suffixes or name.suffix in suffixes) else None
        for what, name in hot_names(backup_set).items()
    }


def _fault_of_volumes(backup_set: BackupSet, manifest: SetManifest | None) -> str:
    numbers = set(backup_set.volumes)
    if not numbers:
        return "none of its volumes is there"
    count = len(manifest.volumes) if manifest else max(numbers)
    if missing := sorted(set(range(1, count + 1)) - numbers):
        return f"volume {', '.join(map(str, missing))} is not there"
    if len({name.suffix for name in backup_set.volumes.values()}) > 1:
        return "some of its volumes are encrypted, and some are not"
    return ""
