"""From names to sets and chains.  Pure: a listing in, a picture of the archive out.

Rules [docs/format/duplicity.md, "Sets and chains"]:
  * a set is whole if, and only if, its manifest is listed
  * a full opens a chain; an inc belongs behind the set whose end is its start;
    if two incs have the same start, the one with the later end counts
  * of the chains that begin at or before a time, the newest holds that time
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tiered.archive.filename import Namer, ObjectName, SetId
from tiered.archive.kinds import Kind
from tiered.store import Entry


@dataclass(slots=True, kw_only=True)
class BackupSet:
    """The objects of one set, as far as they are listed."""

    id: SetId
    manifest: ObjectName | None = None
    signatures: ObjectName | None = None
    volumes: dict[int, ObjectName] = field(default_factory=dict)

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
        rest = (o for o in (self.signatures, self.manifest) if o)
        return (*volumes, *rest)


@dataclass(frozen=True, slots=True)
class Chain:
    """A full set and the incs that build on it, the oldest first."""

    sets: tuple[BackupSet, ...]

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
    for entry in entries:
        name = namer.parse(entry.name)
        if name is None:
            continue
        sizes[entry.name] = entry
        _add(sets.setdefault(name.set_id, BackupSet(id=name.set_id)), name)
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
    )


def _add(backup_set: BackupSet, name: ObjectName) -> None:
    """The first name wins where two mean the same object."""
    if name.kind is Kind.MANIFEST:
        backup_set.manifest = backup_set.manifest or name
    elif name.kind is Kind.SIGNATURE:
        backup_set.signatures = backup_set.signatures or name
    elif name.volume is not None:
        backup_set.volumes.setdefault(name.volume, name)


def _chains(whole: Iterable[BackupSet]) -> tuple[Chain, ...]:
    incs: dict[int, BackupSet] = {}
    fulls = []
    for each in whole:  # by end, so the later of two with one start stays
        if each.id.start_s is None:
            fulls.append(each)
        else:
            incs[each.id.start_s] = each
    chains = []
    for full in fulls:
        sets = [full]
        while nxt := incs.pop(sets[-1].id.end_s, None):
            sets.append(nxt)
        chains.append(Chain(tuple(sets)))
    return tuple(chains)
