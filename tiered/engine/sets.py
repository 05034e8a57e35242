"""Read the hot objects of sets: manifests and signatures."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from tiered.archive.collection import BackupSet, Chain, Collection
from tiered.archive.manifest import Manifest, VolumeInfo, parse_manifest
from tiered.archive.sigtar import State, merge_states, read_states
from tiered.engine.context import Context
from tiered.engine.fetch import expect, opened
from tiered.errors import ArchiveDamaged

_MAX_MANIFEST_BYTES = 1 << 30


def read_manifest(
    context: Context, collection: Collection, backup_set: BackupSet
) -> Manifest:
    """The manifest of a whole set, checked against the volumes that are listed.

    Raises:
        ArchiveDamaged: It does not parse.
    """
    name = backup_set.manifest
    if name is None:
        raise ArchiveDamaged(f"the {backup_set.id} has no manifest")
    with opened(context, name, expect(collection.sizes[name.name])) as decoder:
        return parse_manifest(decoder.read(_MAX_MANIFEST_BYTES))


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
