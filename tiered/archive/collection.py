"""From names to sets and chains.  Pure: a listing in, a picture of the archive out.

Rules [docs/format/duplicity.md, "Sets and chains"]:
  * a set is whole if, and only if, its manifest is listed
  * a full opens a chain; an inc belongs behind the set whose end is its start;
    if two incs have the same start, the one with the later end counts
  * a chain is of one style  [docs/format/native.md, "Objects and names"]
  * of the chains that begin at or before a time, the newest holds that time
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tiered.archive.filename import KeyName, Namer, ObjectName, SetId
from tiered.archive.kinds import Kind
from tiered.archive.style import Style
from tiered.store import Entry


@dataclass(slots=True, kw_only=True)
class BackupSet:
    """The objects of one set, as far as they are listed."""

    id: SetId
    manifest: ObjectName | None = None
    signatures: ObjectName | None = None
    index: ObjectName | None = None
    """Of style tiered only."""
    volumes: dict[int, ObjectName] = field(default_factory=dict)

    @property
    def style(self) -> Style:
        return self.id.style

    @property
    def is_whole(self) -> bool:
        return self.manifest is not None

    @property
    def encrypted(self) -> bool:
        return any(o.encrypted for o in self.objects)

    @property
    def objects(self) -> tuple[ObjectName, ...]:
        """All of them, in the order of writing: the manifest is the last."""
        volumes = (self.volumes[n] for n in sorted(self.volumes))
        rest = (o for o in (self.signatures, self.index, self.manifest) if o)
        return (*volumes, *rest)


@dataclass(frozen=True, slots=True)
class Chain:
    """A full set and the incs that build on it, the oldest first."""

    sets: tuple[BackupSet, ...]

    @property
    def style(self) -> Style:
        return self.sets[0].style

    @property
    def start_s(self) -> int:
        return self.sets[0].id.end_s

    @property
    def end_s(self) -> int:
        return self.sets[-1].id.end_s

    def until(self, time_s: int) -> "Chain":
        """The part that a restore of `time_s` needs; the full is always in it."""
        return Chain(
            self.sets[:1] + tuple(s for s in self.sets[1:] if s.id.end_s <= time_s)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Everything that is listed, sorted out."""

    chains: tuple[Chain, ...]
    """By start, the oldest first."""
    orphans: tuple[BackupSet, ...]
    """Whole incs whose parent is not listed."""
    incomplete: tuple[BackupSet, ...]
    """Sets without a manifest: interrupted, or being written."""
    sizes: Mapping[str, Entry]
    """Entry of each object of the archive, by name."""
    keys: tuple[KeyName, ...] = ()
    """Key objects and their copies, by name; of no set."""

    @property
    def sets(self) -> tuple[BackupSet, ...]:
        """All whole sets."""
        return tuple(s for c in self.chains for s in c.sets) + self.orphans

    def at(self, time_s: int) -> Chain | None:
        """What a restore of `time_s` needs; None if nothing is that old."""
        holding = [c for c in self.chains if c.start_s <= time_s]
        return holding[-1].until(time_s) if holding else None

    def size_bytes(self, backup_set: BackupSet) -> int:
        return sum(self.sizes[o.name].size for o in backup_set.objects)


def collect(entries: Iterable[Entry], namer: Namer) -> Collection:
    """Sort a listing out; names that are not of this archive are left out."""
    sets: dict[SetId, BackupSet] = {}
    sizes: dict[str, Entry] = {}
    keys: list[KeyName] = []
    for entry in entries:
        if name := namer.parse(entry.name):
            _add(sets.setdefault(name.set_id, BackupSet(id=name.set_id)), name)
        elif key := namer.parse_key(entry.name):
            keys.append(key)
        else:
            continue
        sizes[entry.name] = entry
    whole = sorted((s for s in sets.values() if s.is_whole), key=lambda s: s.id)
    chains = _chains(whole)
    used = {s.id for c in chains for s in c.sets}
    return Collection(
        chains=chains,
        orphans=tuple(s for s in whole if s.id not in used),
        incomplete=tuple(
            sorted((s for s in sets.values() if not s.is_whole), key=lambda s: s.id)
        ),
        sizes=sizes,
        keys=tuple(sorted(keys, key=lambda k: k.name)),
    )


def _add(backup_set: BackupSet, name: ObjectName) -> None:
    if name.kind is Kind.MANIFEST:
        backup_set.manifest = _chosen(backup_set.manifest, name)
    elif name.kind is Kind.SIGNATURE:
        backup_set.signatures = _chosen(backup_set.signatures, name)
    elif name.kind is Kind.INDEX:
        backup_set.index = _chosen(backup_set.index, name)
    elif name.volume is not None:
        old = backup_set.volumes.get(name.volume)
        backup_set.volumes[name.volume] = _chosen(old, name)


def _chosen(old: ObjectName | None, new: ObjectName) -> ObjectName:
    """Of two names that mean the same object the first counts; of style tiered the
    encrypted one, so that nobody can put one in the clear before it.
    """
    native = new.set_id.style is Style.TIERED
    if old is None or (native and new.encrypted and not old.encrypted):
        return new
    return old


def _chains(whole: Iterable[BackupSet]) -> tuple[Chain, ...]:
    incs: dict[tuple[int, Style], BackupSet] = {}
    fulls = []
    for each in whole:  # by end, so the later of two with one start stays
        if parent := each.id.parent:
            incs[parent] = each
        else:
            fulls.append(each)
    chains = []
    for full in fulls:
        sets = [full]
        while nxt := incs.pop((sets[-1].id.end_s, full.style), None):
            sets.append(nxt)
        chains.append(Chain(tuple(sets)))
    return tuple(chains)
