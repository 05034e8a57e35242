"""Sets in the clear in an archive that has a key: planted, or written on purpose.

Whoever can write to the store is played by a second archive without a key, whose
objects are copied over.
"""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine import Archive, open_archive
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.engine.native.rebuild.plan import plan_rebuild
from tiered.errors import ArchiveDamaged, ConfigError, NoBackup
from tiered.testing.clocks import JumpingClock

PASSPHRASE = "opens it"
HOUR_S = 3600.0


def source(folder: Path, text: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "file").write_bytes(text)
    return folder


def opened(folder: Path, clock: JumpingClock, passphrase: str = PASSPHRASE) -> Archive:
    folder.mkdir(exist_ok=True)
    return open_archive(folder, clock=clock, passphrase=passphrase, style=Style.TIERED)


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def ours(tmp_path: Path, clock: JumpingClock) -> Archive:
    archive = opened(tmp_path / "ours", clock)
    archive.back_up(source(tmp_path / "src", b"ours"))
    clock.sleep_s(HOUR_S)
    return archive


@pytest.fixture
def theirs(tmp_path: Path, clock: JumpingClock) -> Archive:
    return opened(tmp_path / "theirs", clock, "")


def objects(archive: Archive) -> Path:
    return archive.context.scratch.parent / "store"


def plant(theirs: Archive, ours: Archive) -> None:
    shutil.copytree(objects(theirs), objects(ours), dirs_exist_ok=True)


def forget(archive: Archive) -> None:
    shutil.rmtree(archive.context.scratch.parent / "cache")


def restored(archive: Archive, target: Path, time_s: int | None = None) -> bytes:
    archive.restore(target, time_s)
    return (target / "file").read_bytes()


@pytest.mark.parametrize("known_by", ["cache", "key objects", "sealed sets"])
def test_a_planted_full_is_refused(
    ours: Archive, theirs: Archive, tmp_path: Path, known_by: str
) -> None:
    then_s = int(ours.clock.time_s())
    ours.clock.sleep_s(HOUR_S)
    theirs.back_up(source(tmp_path / "evil", b"evil"))
    plant(theirs, ours)
    store = objects(ours)
    if known_by != "cache":
        forget(ours)
    if known_by != "key objects":
        for key in store.glob("tiered-key*"):
            key.unlink()
    if known_by != "sealed sets":
        for sealed in store.glob("tiered-full*.age"):
            sealed.unlink()
    with pytest.raises(ArchiveDamaged, match="has a key"):
        ours.restore(tmp_path / "out")
    assert not os.path.lexists(tmp_path / "out")
    if known_by == "sealed sets":
        return  # nothing is left that opens it
    if known_by == "key objects":
        with pytest.raises(NoBackup):
            ours.restore(tmp_path / "out", then_s)


def test_an_earlier_time_is_still_restored(
    ours: Archive, theirs: Archive, tmp_path: Path
) -> None:
    then_s = int(ours.clock.time_s())
    ours.clock.sleep_s(HOUR_S)
    theirs.back_up(source(tmp_path / "evil", b"evil"))
    plant(theirs, ours)
    assert restored(ours, tmp_path / "out", then_s) == b"ours"


def test_a_planted_inc_is_refused(
    ours: Archive, theirs: Archive, tmp_path: Path, clock: JumpingClock
) -> None:
    evil = opened(tmp_path / "evil archive", JumpingClock(), "")
    evil.back_up(source(tmp_path / "src", b"not yet"))
    evil.clock.sleep_s(HOUR_S)
    evil.back_up(source(tmp_path / "src", b"evil"), Action.INC)
    plant(evil, ours)
    assert len(list(objects(ours).glob("tiered-inc.*"))) == 4
    with pytest.raises(ArchiveDamaged, match="other objects of its chain"):
        ours.restore(tmp_path / "out")
    with pytest.raises((ArchiveDamaged, ConfigError)):
        ours.back_up(tmp_path / "src", Action.INC)


@pytest.mark.parametrize("kind", ["manifest.json", "index", "sigtar.zst"])
def test_one_object_in_the_clear_is_refused(
    ours: Archive, theirs: Archive, tmp_path: Path, kind: str
) -> None:
    (sealed,) = objects(ours).glob(f"tiered-full.*.{kind}.age")
    sealed.rename(sealed.with_suffix(""))
    with pytest.raises(ArchiveDamaged, match="is not encrypted"):
        ours.restore(tmp_path / "out")


def test_a_name_in_the_clear_beside_a_sealed_one_does_not_count(
    ours: Archive, tmp_path: Path
) -> None:
    for sealed in objects(ours).glob("tiered-full.*.age"):
        sealed.with_suffix("").write_bytes(b"evil")
    forget(ours)
    assert restored(ours, tmp_path / "out") == b"ours"


def test_who_gives_a_key_is_not_given_what_is_in_the_clear(
    theirs: Archive, tmp_path: Path
) -> None:
    theirs.back_up(source(tmp_path / "src", b"evil"))
    context = theirs.context
    theirs.context = replace(context, encrypted=True)
    with pytest.raises(ArchiveDamaged, match="has a key"):
        theirs.restore(tmp_path / "out")
    theirs.context = context
    assert restored(theirs, tmp_path / "out") == b"evil"


def test_what_is_in_the_clear_on_purpose_is_restored_if_the_user_says_so(
    ours: Archive, theirs: Archive, tmp_path: Path
) -> None:
    theirs.back_up(source(tmp_path / "src", b"in the clear"))
    plant(theirs, ours)
    ours.context = replace(ours.context, encrypted=False)
    assert restored(ours, tmp_path / "out") == b"in the clear"


def test_planted_volumes_are_not_made_to_a_set(
    ours: Archive, theirs: Archive, tmp_path: Path
) -> None:
    theirs.back_up(source(tmp_path / "evil", b"evil"))
    for each in objects(theirs).iterdir():
        if ".vol" not in each.name:
            each.unlink()
    plant(theirs, ours)
    plan = plan_rebuild(ours.context, lambda _: None)
    assert not plan.lost
    assert ["has a key" in why for why in plan.refused.values()] == [True]
