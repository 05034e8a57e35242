"""Archives of style tiered whose hot side is lost, and what they held before."""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.crash.machine import Machine
from tests.engine import Archive, open_archive
from tiered.archive.collection import BackupSet, Collection, collect
from tiered.archive.index import VolumeLayout
from tiered.archive.object_name import SetId
from tiered.archive.set_manifest import SetManifest
from tiered.archive.style import Style
from tiered.codec.frames import FrameStream
from tiered.engine.native.hot import open_index, open_signatures, read_set_manifest
from tiered.engine.native.rebuild.hot import comparable, read_fully
from tiered.engine.native.rebuild.plan import plan_rebuild
from tiered.engine.native.rebuild.run import RebuildReport, run_rebuild
from tiered.store import Store

HOT = ("manifest", "index", "signatures")
_COLD_AND_HOT = """[
 {"url": "cold+file://%(root)s/cold", "tier": "cold"},
 {"url": "file://%(root)s/hot", "tier": "hot"}
]"""


@dataclass(frozen=True)
class HotSide:
    """What the hot objects of one set say."""

    manifest: SetManifest
    rows: list[object]
    layouts: list[VolumeLayout]
    signatures: bytes


def make_cold_machine(folder: Path) -> Machine:
    """With two encrypted sets on a store that seals them, and an hour of its clock in
    a millisecond.
    """
    machine = Machine(
        root=folder / "machine",
        config=_COLD_AND_HOT,
        options=(
            *("--style", "tiered", "--scrypt-work-factor", "3"),
            *("--rehearsal-clock", str(folder / "clock")),
            *("--rehearsal-speed", "3600000"),
        ),
    )
    for text in ("one", "two"):
        (machine.source / "file").write_text(text)
        machine.run("backup", "SOURCE", "URL").succeeded()
    return machine


def listed(archive: Archive) -> Collection:
    return collect(archive.context.store.list(), archive.context.namer)


def sets(archive: Archive) -> list[BackupSet]:
    """Those that are whole."""
    return sorted(listed(archive).sets, key=lambda s: s.id)


def hot_sides(archive: Archive) -> dict[SetId, HotSide]:
    collection = listed(archive)
    return {s.id: _hot_side(archive, collection, s) for s in sets(archive)}


def _hot_side(archive: Archive, collection: Collection, found: BackupSet) -> HotSide:
    place = archive.context, collection, found
    with ExitStack() as stack:
        index = stack.enter_context(open_index(*place))
        signatures = stack.enter_context(open_signatures(*place))
        return HotSide(
            manifest=read_set_manifest(*place),
            rows=[comparable(row, index) for row in index],
            layouts=[index.layout(n) for n in index.layout_numbers],
            signatures=read_fully(FrameStream(signatures), 1 << 30),
        )


def check_hot_sides(archive: Archive, before: dict[SetId, HotSide]) -> None:
    """What was made again says what was lost."""
    after = hot_sides(archive)
    assert after.keys() == before.keys()
    for set_id, old in before.items():
        new = after[set_id]
        assert new.rows == old.rows
        assert new.layouts == old.layouts
        assert new.signatures == old.signatures
        mine, theirs = new.manifest, old.manifest
        assert (mine.host, mine.source) == (theirs.host, theirs.source)
        assert mine.volumes == theirs.volumes
        unlike = {"stored_bytes": 0}
        assert replace(mine.totals, **unlike) == replace(theirs.totals, **unlike)


def lose(archive: Archive, losses: Iterable[tuple[BackupSet, str]]) -> None:
    """Delete hot objects."""
    for backup_set, what in losses:
        name = getattr(backup_set, what)
        archive.context.store.delete(name.name)


def lose_all(archive: Archive) -> None:
    lose(archive, [(s, what) for s in sets(archive) for what in HOT])


def elsewhere(
    archive: Archive, folder: Path, store: Store | None = None, passphrase: str = ""
) -> Archive:
    """The same stores, from a machine that has never seen them."""
    folder.mkdir()
    return open_archive(
        folder,
        store or archive.context.store,
        clock=archive.clock,
        namer=archive.context.namer,
        passphrase=passphrase,
        style=Style.TIERED,
    )


def rebuild(archive: Archive) -> RebuildReport:
    with archive.context.cache.locked():
        plan = plan_rebuild(archive.context, lambda _: unlock(archive))
        return run_rebuild(archive.context, plan)


def unlock(archive: Archive) -> None:
    if archive.keyring:
        archive.keyring.identity()


def touch(path: Path, time_s: int) -> None:
    os.utime(path, (time_s, time_s), follow_symlinks=False)
