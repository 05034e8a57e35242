"""Damage x place x action: never wrong data with exit status 0.

The cache is lost in all cases: what it holds would hide the damage.  What is
known and cannot be found without a second copy, as duplicity's format has no
checksum for it, is at the end of this file.
"""

import gzip
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine, digests
from tests.crash.world import make_source
from tests.damage.faults import DAMAGES, EARLIER, DamagedArchive, make_archive, truncate
from tiered.testing.tree import differences, snapshot

SIZE = 1_200_000
PLACES = {
    "volume 1": "cold/*full*.vol1.*",
    "last volume": "cold/*full*.vol2.*",
    "volume of inc": "cold/*inc*.vol1.*",
    "signatures of full": "hot/*full-signatures*",
    "signatures of inc": "hot/*new-signatures*",
    "manifest of full": "hot/*full*manifest*",
    "manifest of inc": "hot/*inc*manifest*",
}
DUPLICITY = ("--style", "duplicity")
BAD_VOLUME = {"archive-damaged", "object-corrupt"}
BAD_HOT = {"archive-damaged", "object-corrupt", "passphrase-wrong"}
"""gpg cannot tell some changes of the first bytes from a wrong passphrase."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    root = tmp_path_factory.mktemp("plain") / "machine"
    return make(Machine(root=root, options=(*DUPLICITY, "--no-encryption")))


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    root = tmp_path_factory.mktemp("encrypted") / "machine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASSPHRASE", PASSPHRASE)
        return make(Machine(root=root, options=DUPLICITY))


def make(machine: Machine) -> Machine:
    make_archive(machine, SIZE)
    shutil.rmtree(machine.cache)
    return machine


class Damaged(DamagedArchive):
    """One of style duplicity."""

    def __init__(self, base: Machine, root: Path, place: str, damage: str) -> None:
        super().__init__(base, root, PLACES[place], DAMAGES[damage])
        self.place, self.damage = place, damage


for_each_damage = pytest.mark.parametrize("damage", DAMAGES)
for_each_place = pytest.mark.parametrize("place", PLACES)


@for_each_damage
@for_each_place
def test_plain(plain: Machine, tmp_path: Path, place: str, damage: str) -> None:
    check_all(Damaged(plain, tmp_path / "machine", place, damage))


@pytest.mark.parametrize("damage", ["flip"])
@for_each_place
def test_encrypted(
    encrypted: Machine,
    tmp_path: Path,
    place: str,
    damage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    check_all(Damaged(encrypted, tmp_path / "machine", place, damage))


def check_all(case: Damaged) -> None:
    check_restores(case)
    check_looks(case)
    check_inc(case)


def check_restores(case: Damaged) -> None:
    """The newest and the earlier state."""
    match case.place.split(), case.damage:
        case ["signatures", *_], _:
            case.is_restored(tree=case.new)
            case.is_restored(*EARLIER, tree=case.old)
        case ["volume", "of", "inc"], _:
            case.is_refused(codes=BAD_VOLUME)
            case.is_restored(*EARLIER, tree=case.old)
        case [*_, "volume"] | ["volume", _], _:
            case.is_refused(codes=BAD_VOLUME)
            case.is_refused(*EARLIER, codes=BAD_VOLUME)
        case ["manifest", "of", "full"], "delete":
            case.is_refused(codes={"listing-doubtful"})
            case.is_refused(*EARLIER, codes={"listing-doubtful"})
            case.is_refused("--accept-loss", codes={"archive-damaged"})
        case ["manifest", "of", "full"], _:
            case.is_refused(codes=BAD_HOT)
            case.is_refused(*EARLIER, codes=BAD_HOT)
        case ["manifest", "of", "inc"], "delete":
            result, found = case.restore()  # it could be one that was interrupted
            assert "is incomplete; this is the state of" in result.succeeded().err
            assert differences(case.old, found) == []
            case.is_restored(*EARLIER, tree=case.old)
        case _:
            case.is_refused(codes=BAD_HOT)
            case.is_restored(*EARLIER, tree=case.old)


def check_looks(case: Damaged) -> None:
    """status, list and cleanup say something true, and change nothing."""
    machine = case.machine
    before = digests(*machine.stores)
    lost_full = (case.place, case.damage) == ("manifest of full", "delete")
    status = machine.run("collection-status", "URL")
    lost_volume = case.damage == "delete" and "volume" in case.place
    if lost_full:
        assert status.code == "listing-doubtful"
    elif lost_volume:
        assert status.code == "archive-damaged"
        assert "MISSING volume" in status.out
    else:
        status.succeeded()
    if case.damage == "delete" and "signatures" in case.place:
        assert "no signatures" in status.out
    if case.damage == "delete" and "manifest" in case.place:
        assert "incomplete" in status.out
    listed = machine.run("list-current-files", "URL")
    if "signatures" in case.place:
        assert listed.code in BAD_HOT
        assert listed.out == ""
    elif lost_full:
        assert listed.code == "listing-doubtful"
    else:
        listed.succeeded()
        assert "dir/big" in listed.out
    clean = machine.run("cleanup", "URL")
    assert clean.status == (32 if lost_full else 0), clean.err
    assert digests(*machine.stores) == before


def check_inc(case: Damaged) -> None:
    """An inc on top fails, or its restore is right, or says what is wrong."""
    machine = case.machine
    shutil.rmtree(machine.cache, ignore_errors=True)
    manifests = set(machine.root.glob("hot/*manifest*"))
    make_source(machine.source, 3, SIZE)
    result = machine.run("incremental", "SOURCE", "URL")
    assert list(machine.tmp.iterdir()) == []
    if result.status:
        assert result.code in {*BAD_HOT, "listing-doubtful", "config-invalid"}
        assert set(machine.root.glob("hot/*manifest*")) == manifests
        return
    restored, found = case.restore()
    if restored.status:
        assert restored.code in BAD_VOLUME
    else:
        assert differences(snapshot(machine.source), found) == []


@pytest.mark.parametrize("which", ["full", "inc"])
def test_no_flip_in_a_plain_manifest_restores_wrong_data(
    plain: Machine, tmp_path: Path, which: str
) -> None:
    """Each byte in turn: right data, or an error."""
    case = Damaged(plain, tmp_path / "machine", "volume 1", "flip")
    case.path.write_bytes((plain.root / "cold" / case.path.name).read_bytes())
    [path] = case.machine.root.glob(f"hot/*-{which}.*manifest")
    good = path.read_bytes()
    survived = 0
    for at in range(0, len(good), 5):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        result, found = case.restore()
        if result.status == 0:
            assert differences(case.new, found) == [], at
            survived += 1
        else:
            assert result.code in {*BAD_HOT, "object-not-found"}, at
        shutil.rmtree(case.machine.root / f"restored{case._restores}", True)
    assert survived


def test_an_inc_on_damaged_signatures_is_not_committed(
    plain: Machine, tmp_path: Path
) -> None:
    """The checksum of gzip stands at its end: it is read before the commit."""
    machine = plain.fork(tmp_path / "machine")
    [path] = machine.root.glob("hot/*full-signatures*")
    content = bytearray(gzip.decompress(path.read_bytes()))
    at = content.index(b"rs\x016") + 200
    content[at] ^= 1
    wrong = gzip.compress(bytes(content), mtime=0)
    path.write_bytes(wrong[:-8] + path.read_bytes()[-8:])
    before = set(machine.root.glob("hot/*manifest*"))
    make_source(machine.source, 3, SIZE)
    result = machine.run("incremental", "SOURCE", "URL")
    assert result.code == "archive-damaged"
    assert set(machine.root.glob("hot/*manifest*")) == before


def test_a_cache_that_was_changed_is_not_believed_for_long(
    plain: Machine, tmp_path: Path
) -> None:
    """A cached object of another size is fetched again."""
    machine = plain.fork(tmp_path / "machine")
    machine.run("list-current-files", "URL").succeeded()
    for path in machine.cache.rglob("hot_*"):
        truncate(path)
    make_source(machine.source, 3, SIZE)
    machine.run("incremental", "SOURCE", "URL").succeeded()
    assert machine.restores() == []


class TestKnownLimits:
    """What passes in silence without encryption.  Encryption is the default."""

    def test_paths_of_a_plain_manifest(self, tmp_path: Path) -> None:
        """A flip that makes a volume begin at a later path, still in order, hides
        what lies before from a restore of one folder.  A restore of everything
        is right, as it reads all volumes.
        """
        options = (*DUPLICITY, "--no-encryption", "--no-compression")
        machine = Machine(root=tmp_path / "machine", options=options)
        (machine.source / "d").mkdir()
        noise = random.Random(2).randbytes(15 * 65_536 - 1)  # ends with the volume
        (machine.source / "d" / "a").write_bytes(noise)
        (machine.source / "d" / "b").write_bytes(b"b")
        (machine.source / "z").write_bytes(b"z")
        machine.run("full", "SOURCE", "URL", "--volsize", "1").succeeded()
        [path] = machine.root.glob("hot/*manifest")
        text = path.read_bytes()
        assert text.count(b"StartingPath   d/b  ") == 1
        path.write_bytes(text.replace(b"StartingPath   d/b", b"StartingPath   e/b"))
        shutil.rmtree(machine.cache)
        assert machine.restores() == []
        target = machine.root / "part"
        machine.run("restore", "URL", target, "-r", "d").succeeded()
        assert [p.name for p in target.iterdir()] == ["a"]  # b is missing

    def test_signatures_without_compression(self, tmp_path: Path) -> None:
        """Nothing tells that a sum is another one.  The block then matches nothing
        and is stored again: the inc is larger, and right.
        """
        options = (*DUPLICITY, "--no-encryption", "--no-compression")
        machine = Machine(root=tmp_path / "machine", options=options)
        make_source(machine.source, 1)
        machine.run("full", "SOURCE", "URL").succeeded()
        [path] = machine.root.glob("hot/*full-signatures*")
        data = bytearray(path.read_bytes())
        data[data.index(b"rs\x016") + 200] ^= 1
        path.write_bytes(data)
        shutil.rmtree(machine.cache)
        make_source(machine.source, 2)
        result = replace(machine).run("incremental", "SOURCE", "URL").succeeded()
        assert "warning" not in result.err
        assert machine.restores() == []
