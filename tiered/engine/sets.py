"""Choose sets, and read their hot objects: manifests and signatures."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from tiered.archive.collection import BackupSet, Chain, Collection
from tiered.archive.manifest import Manifest, VolumeInfo, parse_manifest
from tiered.archive.sigtar import State, merge_states, read_states
from tiered.archive.times import format_name_time
from tiered.codec.codec import Decoder
from tiered.engine.context import Context
from tiered.engine.fetch import expect, opened
from tiered.errors import ArchiveDamaged, NoBackup

_MAX_MANIFEST_BYTES = 1 << 30


def chain_at(context: Context, collection: Collection, time_s: int) -> Chain:
    """The sets that make the state of a time.

    An incomplete set of that time is a warning: as a rule it was interrupted or
    is being written.

    Raises:
        NoBackup: Nothing is that old.
        ArchiveDamaged: There is a newer set of that time, and what it builds on
            is gone; an older state must not pass for it.
    """
    chain = collection.at(time_s)
    if chain is None:
        oldest = collection.chains[0].start_s if collection.chains else None
        raise NoBackup(
            "there is no backup"
            + (" as old as that" if oldest is not None else " in the archive"),
            hint="The oldest is of " + format_name_time(oldest) + "."
            if oldest is not None
            else "Check the URL and the prefixes; `tiered status` shows what is there.",
        )
    newest = format_name_time(chain.end_s)
    for each in collection.orphans:
        if chain.end_s < each.id.end_s <= time_s:
            raise ArchiveDamaged(
                f"the {each.id} cannot be read: the set it builds on is not whole",
                hint=f"The state before is that of --restore-time {newest}.",
            )
    for each in collection.incomplete:
        if chain.end_s < each.id.end_s <= time_s:
            context.monitor.warn(
                f"the {each.id} is incomplete; going back to {newest}",
                "It was interrupted, is being written, or has lost its manifest.",
            )
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
        data = decoder.read(_MAX_MANIFEST_BYTES)
        manifest = parse_manifest(data)
        _check_numbers(backup_set, manifest, data)
        return manifest

    expected = expect(collection.sizes[name.name])
    with opened(context, name, expected, check=read) as decoder:
        return read(decoder)


def _check_numbers(backup_set: BackupSet, manifest: Manifest, data: bytes) -> None:
    """A manifest that is not encrypted has no checksum.  If a line that begins a
    volume is hurt, or the end is cut off, the volume must not be left out of a
    restore in silence.

    A volume that is listed, and mentioned only before a resume, is left over
    from that [docs/format/duplicity.md, "Manifest"].
    """
    numbers = {v.number for v in manifest.volumes}
    gaps = set(range(1, max(numbers, default=0))) - numbers
    unknown = [n for n in backup_set.volumes if b"Volume %d:" % n not in data]
    if gaps or unknown:
        raise ArchiveDamaged(
            f"the manifest of the {backup_set.id} does not name volume "
            f"{min([*gaps, *unknown])}",
            hint="Read another copy of it, if there is one.",
        )


def check_volumes(backup_set: BackupSet, volumes: Iterable[VolumeInfo]) -> None:
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
            decoder = stack.enter_context(opened(context, name, entry))
            states.append(read_states(decoder))
        yield merge_states(states)
