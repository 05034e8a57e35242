"""Choose sets, and read their hot objects: manifests and signatures."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from tiered.archive.collection import BackupSet, Chain, Collection
from tiered.archive.manifest import Manifest, parse_manifest
from tiered.archive.sigtar import State, merge_states, read_states
from tiered.archive.style import Style
from tiered.archive.times import format_name_time
from tiered.codec.codec import Decoder
from tiered.engine.context import Context
from tiered.engine.fetch import cache_optional, expect, opened
from tiered.engine.native.sealing import check_sealing
from tiered.errors import ArchiveDamaged, NoBackup

_MAX_MANIFEST_BYTES = 1 << 30


def chain_at(context: Context, collection: Collection, time_s: int) -> Chain:
    """The sets that make the state of a time.

    An incomplete set of that time is a warning: as a rule it was interrupted or
    is being written.

    Raises:
        NoBackup: Nothing is that old.
        ArchiveDamaged: There is a newer set of that time, and what it builds on
            is gone; an older state must not pass for it.  Or see `check_sealing`.
    """
    chain = collection.at(time_s)
    end_s = chain.end_s if chain else 0
    for each in collection.orphans:
        if end_s < each.id.end_s <= time_s:
            raise ArchiveDamaged(
                f"the {each.id} cannot be read: the set it builds on is not there",
                hint="Restore an earlier time; `tiered status` shows which there are.",
            )
    if chain is None:
        oldest = collection.chains[0].start_s if collection.chains else None
        raise NoBackup(
            "there is no backup"
            + (" as old as that" if oldest is not None else " in the archive"),
            hint="The oldest is of " + format_name_time(oldest) + "."
            if oldest is not None
            else "Check the URL and the prefixes; `tiered status` shows what is there.",
        )
    for each in collection.incomplete:
        if end_s < each.id.end_s <= time_s:
            context.monitor.warn(
                f"the {each.id} is incomplete; this is the state of "
                f"{format_name_time(end_s)}",
                "It was interrupted, is being written, or has lost its manifest.",
            )
    if chain.style is Style.TIERED:
        check_sealing(context, collection, chain)
    return chain


def read_manifest(
    context: Context, collection: Collection, backup_set: BackupSet
) -> Manifest:
    """The manifest of a whole set, checked against the volumes that are listed.

    Raises:
        ArchiveDamaged: It does not parse, or cannot be of these volumes.
    """
    name = backup_set.manifest
    if name is None:
        raise ArchiveDamaged(f"the {backup_set.id} has no manifest")

    def read(decoder: Decoder) -> Manifest:
        return parse_checked(backup_set, decoder)

    expected = expect(collection.sizes[name.name])
    with opened(context, name, expected, check=read) as decoder:
        manifest = read(decoder)
    with cache_optional(context):
        context.cache.volumes_add(str(backup_set.id), len(manifest.volumes))
    return manifest


def parse_checked(backup_set: BackupSet, decoder: Decoder) -> Manifest:
    """A manifest of style duplicity that is being decoded.

    Raises:
        ArchiveDamaged: It does not parse, or cannot be of these volumes.
    """
    data = decoder.read(_MAX_MANIFEST_BYTES)
    manifest = parse_manifest(data)
    _check_rows(backup_set, manifest, data)
    return manifest


def _check_rows(backup_set: BackupSet, manifest: Manifest, data: bytes) -> None:
    """Can the manifest be right?

    One that is not encrypted has no checksum.  If it was hurt, or its end was cut
    off, no volume must be left out of a restore in silence.  So each volume that
    is listed has its row, paths are in order, and a file that is cut at the end of
    a volume goes on in the next one.

    A volume that is listed, and mentioned only before a resume, is left over
    from that [docs/format/duplicity.md, "Manifest"].
    """
    rows = manifest.volumes
    numbers = {row.number for row in rows}
    gaps = set(range(1, max(numbers, default=0))) - numbers
    unknown = [n for n in backup_set.volumes if b"volume %d:" % n not in data.lower()]
    if gaps or unknown:
        raise ArchiveDamaged(
            f"the manifest of the {backup_set.id} does not name volume "
            f"{min([*gaps, *unknown])}"
        )
    paths = [p.path for row in rows for p in (row.start, row.end)]
    following = [*(row.start.path for row in rows[1:]), None]
    torn = any(
        row.end.piece is not None and row.end.path != after
        for row, after in zip(rows, following, strict=False)
    )
    if torn or paths != sorted(paths):
        raise ArchiveDamaged(
            f"the manifest of the {backup_set.id} has wrong paths for its volumes"
        )


class Numbered(Protocol):
    """What a manifest of either style says of a volume."""

    @property
    def number(self) -> int: ...


def check_volumes(backup_set: BackupSet, volumes: Iterable[Numbered]) -> None:
    """Are all of these volumes of the set listed?

    Raises:
        ArchiveDamaged: Names the volumes that are not.
    """
    missing = [v.number for v in volumes if v.number not in backup_set.volumes]
    if missing:
        raise ArchiveDamaged(
            f"the {backup_set.id} lacks volume {', '.join(map(str, missing))}",
            hint="Look whether a store is empty, unmounted or the wrong one.  If "
            "the volumes are lost, start a new chain with `tiered full`.",
            volumes=missing,
        )


def _read_all(decoder: Decoder) -> None:
    for _ in read_states(decoder):
        pass


@contextmanager
def chain_states(
    context: Context, collection: Collection, chain: Chain
) -> Iterator[Iterator[State]]:
    """The state after a chain, in archive order.

    Raises:
        ArchiveDamaged: The signatures of a set are missing or do not parse.
    """
    with ExitStack() as stack:
        states = []
        for backup_set in chain.sets:
            name = backup_set.signatures
            if name is None:
                raise ArchiveDamaged(
                    f"the {backup_set.id} has no signatures",
                    hint="Restoring works without them; start a new chain with "
                    "`tiered full`.",
                )
            entry = expect(collection.sizes[name.name])
            opening = opened(context, name, entry, check=_read_all)
            decoder = stack.enter_context(opening)
            states.append(read_states(decoder))
        yield merge_states(states)
