"""Archives that were written once stay readable: tests/museum/README.md."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.engine import open_archive
from tests.exchange import PASSPHRASE
from tests.test_museum_tiered import ARCHIVES as OF_STYLE_TIERED
from tiered.archive.filename import Namer, Prefixes
from tiered.backends.file import FileSettings, FileStore
from tiered.engine.backup import Action
from tiered.engine.listing import list_files
from tiered.engine.status import read_status
from tiered.testing.tree import documents, snapshot

MUSEUM = Path(__file__).parent / "museum"
ARCHIVES = (
    "duplicity-3.2.1-encrypted",
    "duplicity-3.2.1-plain",
    "tiered-0.1.0-encrypted",
    "tiered-0.1.0-plain",
)
PREFIXES = Prefixes(manifest="hot_", signature="hot_", archive="cold_")


@pytest.fixture(autouse=True)
def _gnupg_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))


def test_every_archive_is_read_by_a_test() -> None:
    found = {p.name for p in MUSEUM.iterdir() if p.is_dir() and p.name[0] not in "_."}
    assert found == {*ARCHIVES, *OF_STYLE_TIERED}


def test_the_museum_is_small() -> None:
    files = [p for name in ARCHIVES for p in (MUSEUM / name).iterdir()]
    assert sum(p.stat().st_size for p in files) < 200_000


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_version_is_restored(name: str, tmp_path: Path) -> None:
    expected = json.loads((MUSEUM / name / "expected.json").read_text())
    assert len(expected) == 3
    store = FileStore(FileSettings(root=MUSEUM / name))
    archive = open_archive(
        tmp_path, store=store, namer=Namer(PREFIXES), passphrase=PASSPHRASE
    )
    status = read_status(archive.context)
    assert [[s.encrypted for s in c] for c in status.chains] == [
        ["encrypted" in name] * 3
    ]
    for number, version in enumerate(expected):
        target = tmp_path / f"restored-{number}"
        archive.restore(target, version["time_s"])
        assert documents(snapshot(target)) == version["tree"]
    newest = expected[-1]
    listed = list_files(archive.context, newest["time_s"])
    names = sorted(info.path or b"." for info in listed)
    assert names == sorted(os.fsencode(path) for path in newest["tree"])
    assert archive.said.warnings == []


@pytest.mark.parametrize("name", [n for n in ARCHIVES if "plain" in n])
def test_a_set_can_be_added(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(MUSEUM / name, copy)
    store = FileStore(FileSettings(root=copy, durable=False))
    archive = open_archive(tmp_path, store=store, namer=Namer(PREFIXES), suffix=".gz")
    newest = json.loads((copy / "expected.json").read_text())[-1]
    source = tmp_path / "source"
    archive.restore(source, newest["time_s"])
    (source / "large").write_bytes(b"other" + (source / "large").read_bytes())
    before = snapshot(source)
    report = archive.back_up(source, Action.INC, allow_source_mismatch=True)
    assert (report.tally.changed, report.tally.deleted) == (1, 0)
    archive.restore(tmp_path / "again")
    assert snapshot(tmp_path / "again") == before
