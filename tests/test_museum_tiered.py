"""Archives of style tiered that were written once: tests/museum/README.md."""

import io
import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.emergency.test_restore_sh import SCRIPT
from tests.engine import Archive, open_archive
from tests.exchange import PASSPHRASE
from tests.lost import lose_all, rebuild, sets
from tests.museum.native import NAMER, describe
from tests.unit.age_peers import pyrage_decrypt
from tiered.archive.fileinfo import FileType
from tiered.archive.member_stream import Member, SetReader
from tiered.archive.members import Role
from tiered.archive.object_name import SetId
from tiered.archive.style import Style
from tiered.backends.file import FileSettings, FileStore
from tiered.codec.frames import FrameStream
from tiered.engine.backup import Action
from tiered.engine.listing import list_files
from tiered.engine.status import read_status
from tiered.testing.clocks import JumpingClock

MUSEUM = Path(__file__).parent / "museum"
ARCHIVES = ("style-tiered-1-clear", "style-tiered-1-encrypted")
LATE_S = 1_900_000_000.0
NS = 1_000_000_000

each = pytest.mark.parametrize("name", ARCHIVES)
Version = dict[str, Any]  # any JSON object


def expected(name: str) -> list[Version]:
    found: list[Version] = json.loads((MUSEUM / name / "expected.json").read_text())
    assert len(found) == 3
    return found


def machine(folder: Path, name: str, place: Path) -> Archive:
    """A machine that sees the archive `name`, in `place`, for the first time."""
    folder.mkdir()
    return open_archive(
        folder,
        FileStore(FileSettings(root=place, durable=False)),
        clock=JumpingClock(LATE_S),
        namer=NAMER,
        passphrase=PASSPHRASE if "encrypted" in name else "",
        style=Style.TIERED,
    )


def check_versions(name: str, archive: Archive, targets: Path) -> None:
    for number, version in enumerate(expected(name)):
        target = targets / f"restored-{number}"
        archive.restore(target, version["time_s"])
        assert describe(target) == version["tree"]
    assert archive.said.warnings == []


@each
def test_the_museum_is_small(name: str) -> None:
    assert sum(p.stat().st_size for p in (MUSEUM / name).iterdir()) < 150_000


@each
def test_every_version_is_restored(name: str, tmp_path: Path) -> None:
    for version in expected(name):
        archive = machine(tmp_path / str(version["time_s"]), name, MUSEUM / name)
        target = tmp_path / f"restored-{version['time_s']}"
        archive.restore(target, version["time_s"])
        assert describe(target) == version["tree"]
        assert archive.said.warnings == []


@each
def test_what_is_said_of_it(name: str, tmp_path: Path) -> None:
    archive = machine(tmp_path / "machine", name, MUSEUM / name)
    status = read_status(archive.context)
    assert [[s.encrypted for s in c] for c in status.chains] == [
        ["encrypted" in name] * 3
    ]
    newest = expected(name)[-1]
    listed = list_files(archive.context, newest["time_s"])
    assert {os.fsdecode(info.path) for info in listed} == newest["tree"].keys()


@each
def test_rebuild_makes_the_hot_side_again(name: str, tmp_path: Path) -> None:
    place = tmp_path / "objects"
    shutil.copytree(MUSEUM / name, place)
    archive = machine(tmp_path / "machine", name, place)
    before = {s.id for s in sets(archive)}
    lose_all(archive)
    for key in place.glob("hot_*key.*"):
        key.unlink()
    assert [p.name for p in place.glob("hot_*")] == []
    assert {*rebuild(archive).made} == before
    other = machine(tmp_path / "other", name, place)
    check_versions(name, other, tmp_path)


@each
def test_a_set_can_be_added(name: str, tmp_path: Path) -> None:
    place = tmp_path / "objects"
    shutil.copytree(MUSEUM / name, place)
    archive = machine(tmp_path / "machine", name, place)
    newest = expected(name)[-1]
    source = tmp_path / "source"
    archive.restore(source, newest["time_s"])
    (source / "big").write_bytes(b"other" + (source / "big").read_bytes())
    after = describe(source)
    report = archive.back_up(source, Action.INC, allow_source_mismatch=True)
    assert (report.tally.new, report.tally.deleted) == (0, 0)
    roles = {m.path: m.role for m in members(archive, place)[report.set_id]}
    assert roles[b"big",] is Role.DIFF  # found by the sums that the museum has
    archive.restore(tmp_path / "again")
    assert describe(tmp_path / "again") == after
    check_versions(name, archive, tmp_path)


def members(archive: Archive, place: Path) -> dict[SetId, list[Member]]:
    """Of all sets what their volumes hold, without bodies."""
    found: dict[SetId, list[Member]] = {}
    for backup_set in sets(archive):
        reader = SetReader(backup_set.id)
        here = found[backup_set.id] = []
        for _, volume in sorted(backup_set.volumes.items()):
            with (place / volume.name).open("rb") as file:
                envelope = archive.context.envelope_for(volume.suffix)
                opened = envelope.open_stream(file, volume.name)
                stored = b"".join(iter(partial(opened.read, 1 << 16), b""))
            here += reader.volume(FrameStream(io.BytesIO(stored)))
        reader.finish()
    return found


@each
def test_it_holds_every_kind_of_member(name: str, tmp_path: Path) -> None:
    archive = machine(tmp_path / "machine", name, MUSEUM / name)
    found = [m for each in members(archive, MUSEUM / name).values() for m in each]
    file = FileType.REGULAR
    assert {(m.role, m.attributes.type, m.piece is not None) for m in found} == {
        *((Role.SNAPSHOT, k, False) for k in FileType if k is not FileType.BLOCKDEV),
        *((role, file, False) for role in (Role.DIFF, Role.COPY, Role.SAME)),
        (Role.DELETED, file, False),
        *((role, file, True) for role in (Role.SNAPSHOT, Role.DIFF)),
    }
    assert any(m.attributes.sparse for m in found)
    assert any(m.attributes.xattrs for m in found)
    assert any(m.other == m.path for m in found)
    assert any(m.other not in (None, m.path) for m in found if m.role is Role.COPY)


@each
def test_the_newest_is_restored_without_tiered(name: str, tmp_path: Path) -> None:
    place, key, target = tmp_path / "cold", tmp_path / "key", tmp_path / "out"
    place.mkdir()
    for volume in (MUSEUM / name).glob("cold_*"):
        shutil.copy(volume, place)
    for stored in place.glob("*keycopy.main.1.age"):
        opened = pyrage_decrypt(stored.read_bytes(), [], PASSPHRASE)
        assert opened is not None
        key.write_bytes(opened)
    key_or_none = str(key) if "encrypted" in name else "-"
    call = [str(SCRIPT), key_or_none, str(place), str(target)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    newest = expected(name)[-1]["tree"]
    assert kept(describe(target / "snapshot")) == kept(newest)


def kept(tree: Version) -> Version:
    """What the script promises: no time of a directory, whole seconds, no holes."""
    for document in tree.values():
        is_folder = document["type"] == "directory"
        document["mtime_ns"] = 0 if is_folder else document["mtime_ns"] // NS
        document.pop("holes", None)
    return tree
