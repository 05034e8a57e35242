"""Two copies of everything: a bad one is noticed, said, and survived."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.crash.machine import PASSPHRASE, Machine, Result, digests
from tests.crash.world import make_source
from tiered.backends.file import FileStore
from tiered.errors import Full, Unavailable
from tiered.store import PutMode, Source
from tiered.testing.sources import BytesSource

MIRROR = """[
 {"url": "file://%(root)s/one", "name": "one"},
 {"url": "file://%(root)s/two", "name": "two"}
]"""
PLACES = {
    "volume": "cold_*full*vol1*",
    "signatures": "hot_*sigtar*",
    "index": "hot_*.index*",
    "manifest": "hot_*full.*manifest*",
    "key": "hot_tiered-key*",
}
STYLES = ["duplicity", "tiered"]
CASES = [
    *(("duplicity", place) for place in ("volume", "signatures", "manifest")),
    *(("tiered", place) for place in ("volume", "signatures", "index", "manifest")),
]
SEALED_CASES = [*CASES, ("tiered", "key")]
for_each_style = pytest.mark.parametrize("style", STYLES)
for_each_case = pytest.mark.parametrize(("style", "place"), CASES)
for_each_store = pytest.mark.parametrize(
    ("bad", "good"), [("one", "two"), ("two", "one")]
)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def flip_a_keyword(path: Path) -> None:
    """Of a manifest in the clear: it has no checksum, but a grammar."""
    text = path.read_bytes().replace(b"Volume 1:", b"Volume 3:")
    path.write_bytes(text.replace(b'"volumes"', b'"volumen"'))


def noise(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "flip": lambda path: (flip_a_keyword if "manifest" in path.name else flip)(path),
    "truncate": lambda path: os.truncate(path, path.stat().st_size * 2 // 3),
    "noise": noise,
    "empty": lambda path: os.truncate(path, 0),
    "delete": Path.unlink,
}


def mirror(
    root: Path,
    onfail: str,
    style: str,
    options: tuple[str, ...] = ("--no-encryption",),
) -> Machine:
    query = f"mode=mirror&onfail={onfail}"
    folders = ("one", "two")
    machine = Machine(
        root=root,
        config=MIRROR,
        query=query,
        folders=folders,
        options=("--style", style, "--backend-retry-delay", "0.1", *options),
    )
    if not any(machine.source.iterdir()):
        make_source(machine.source, 1)
    return machine


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Machine]:
    """Of each style, with a full and no cache."""
    return {
        style: begun(
            mirror(tmp_path_factory.mktemp("plain") / "machine", "continue", style)
        )
        for style in STYLES
    }


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Machine]:
    options = ("--scrypt-work-factor", "3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASSPHRASE", PASSPHRASE)
        return {
            style: begun(
                mirror(
                    tmp_path_factory.mktemp("encrypted") / "machine",
                    "continue",
                    style,
                    options,
                )
            )
            for style in STYLES
        }


def begun(machine: Machine) -> Machine:
    machine.run("full", "SOURCE", "URL").succeeded()
    shutil.rmtree(machine.cache)
    return machine


def spoil(machine: Machine, store: str, place: str, damage: str) -> str:
    """Damage one copy; returns the object's name."""
    [path] = (machine.root / store).glob(PLACES[place])
    DAMAGES[damage](path)
    return path.name


def survives(machine: Machine, place: str) -> str:
    """Restore, list and build on it, all without the cache; what was said."""
    said = ""
    if "tiered" in machine.options:
        # the source is as it was, so that no signatures are asked for
        reads = {"volume": (0,), "manifest": (0, 1, 2), "index": (0, 1, 2)}
        reads["signatures"] = ()
    else:
        reads = {"volume": (0,), "manifest": (0, 2), "signatures": (1, 2)}
    for number, words in enumerate(
        (
            ("restore", "URL", machine.root / "restored"),
            ("list-current-files", "URL"),
            ("incremental", "SOURCE", "URL"),
        )
    ):
        result = machine.run(*words).succeeded()
        if number in reads[place]:
            said += result.err
        shutil.rmtree(machine.cache)
    shutil.rmtree(machine.root / "restored")
    assert machine.restores() == []
    return said


@pytest.mark.parametrize("damage", DAMAGES)
@for_each_case
@for_each_store
def test_one_bad_copy(
    plain: dict[str, Machine],
    tmp_path: Path,
    style: str,
    place: str,
    damage: str,
    bad: str,
    good: str,
) -> None:
    machine = plain[style].fork(tmp_path / "machine")
    name = spoil(machine, bad, place, damage)
    said = survives(machine, place)
    is_read = (style, place) != ("tiered", "signatures")
    if bad == "one" and damage != "delete" and is_read:
        # one that lacks bytes may be right as far as it is read
        if damage in ("truncate", "empty"):
            assert f"'{name}' differs: " in said
        else:
            assert f"the copy of {name} on {bad} cannot be used" in said
            assert f"The copy on {good} was read instead." in said


@pytest.mark.parametrize(("style", "place"), SEALED_CASES)
def test_one_bad_copy_encrypted(
    encrypted: dict[str, Machine],
    tmp_path: Path,
    style: str,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    machine = encrypted[style].fork(tmp_path / "machine")
    [path] = (machine.root / "one").glob(PLACES[place])
    flip(path)
    target = machine.root / "restored"
    if place == "signatures":
        result = reads_signatures(machine)
    else:
        result = machine.run("restore", "URL", target)
    result.succeeded()
    if place != "key":  # it takes another copy, and says nothing
        assert f"the copy of {path.name} on one cannot be used" in result.err


def reads_signatures(machine: Machine) -> Result:
    """Something that style asks them for."""
    if "tiered" not in machine.options:
        return machine.run("list-current-files", "URL")
    with (machine.source / "dir" / "big").open("ab") as file:
        file.write(b"more")
    return machine.run("incremental", "SOURCE", "URL")


@for_each_case
def test_both_copies_bad(
    plain: dict[str, Machine], tmp_path: Path, style: str, place: str
) -> None:
    machine = plain[style].fork(tmp_path / "machine")
    for store in ("one", "two"):
        name = spoil(machine, store, place, "flip")
    target = machine.root / "restored"
    if place == "signatures":
        machine.run("restore", "URL", target).succeeded()
        result = reads_signatures(machine)
    else:
        result = machine.run("restore", "URL", target)
    assert result.code in ("archive-damaged", "object-corrupt")
    assert name in result.error or "the manifest of full" in result.error
    if (style, place) != ("tiered", "volume"):  # which is read by ranges
        assert "the copy on one: " in result.err
    assert "Another copy" not in result.err


class Short:
    """A store that keeps only a part of what it is given, and says all is well."""

    def __init__(self, folder: str, kind: str, times: int = 10**6) -> None:
        self.folder, self.kind, self.times = folder, kind, times
        self.real = FileStore.put

    def put(self, store: FileStore, name: str, source: Source, mode: PutMode) -> None:
        if store.label.endswith(self.folder) and self.kind in name and self.times:
            self.times -= 1
            with source.open() as stream:
                source = BytesSource(_half(stream))
        self.real(store, name, source, mode)


def _half(stream: BinaryIO) -> bytes:
    data = stream.read()
    return data[: len(data) // 2]


@for_each_style
class TestCutAtUpload:
    """Noticed at once by looking at what the store has."""

    @pytest.mark.parametrize("kind", ["vol1", "sigtar", "manifest"])
    def test_abort(
        self, style: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = mirror(tmp_path / "machine", "abort", style)
        short = Short("two", kind)
        monkeypatch.setattr(FileStore, "put", lambda *a: short.put(*a))
        result = machine.run("full", "SOURCE", "URL")
        assert (result.status, result.code) == (25, "upload-corrupt")
        assert kind in result.error
        assert "two" in result.error
        assert not any("manifest" in name for name in machine.objects())
        monkeypatch.undo()
        machine.run("full", "SOURCE", "URL").succeeded()
        assert machine.restores() == []

    @pytest.mark.parametrize("kind", ["vol1", "sigtar", "manifest"])
    def test_continue(
        self, style: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = mirror(tmp_path / "machine", "continue", style)
        short = Short("two", kind)
        monkeypatch.setattr(FileStore, "put", lambda *a: short.put(*a))
        result = machine.run("full", "SOURCE", "URL").succeeded()
        assert "missed on two" in result.err
        assert not any(kind in p.name for p in (machine.root / "two").iterdir())
        monkeypatch.undo()
        shutil.rmtree(machine.cache)
        assert machine.restores() == []


@for_each_style
class TestDown:
    """A store that does not answer, or takes nothing."""

    def test_puts_fail_under_continue(
        self, style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One copy is a backup: exit status 0, and said once how much is missing."""
        machine = mirror(tmp_path / "machine", "continue", style)
        real = FileStore.put

        def put(self: FileStore, name: str, source: Source, mode: PutMode) -> None:
            if self.label.endswith("two"):
                raise Full(f"{self.label}: no quota left", hint="Buy more.")
            real(self, name, source, mode)

        monkeypatch.setattr(FileStore, "put", put)
        result = machine.run("full", "SOURCE", "URL").succeeded()
        objects = {name for name in machine.objects() if "debts" not in name}
        assert result.err.count("missed on two: ") == 1
        assert result.err.count("-v5") == 1
        assert f"{len(objects)} objects are missing on two" in result.err
        assert list((machine.root / "two").iterdir()) == []
        monkeypatch.undo()
        shutil.rmtree(machine.cache)
        (machine.root / "two").rename(machine.root / "two.away")
        target = machine.root / "while it is down"
        result = machine.run("restore", "URL", target).succeeded()
        assert "two does not answer" in result.err
        shutil.rmtree(machine.cache)
        (machine.root / "two.away").rename(machine.root / "two")
        assert machine.restores() == []
        machine.run("incremental", "SOURCE", "URL").succeeded()

    @pytest.mark.parametrize("away", ["one", "two"])
    def test_a_store_is_away_from_the_start_under_continue(
        self, style: str, tmp_path: Path, away: str
    ) -> None:
        """The backup is made, and what it lacks is said at the end, too."""
        machine = mirror(tmp_path / "machine", "continue", style)
        machine.run("full", "SOURCE", "URL").succeeded()
        (machine.root / away).rename(machine.root / "away")
        (machine.source / "new").write_text("new")
        result = machine.run("incremental", "SOURCE", "URL").succeeded()
        assert f"{away} does not answer" in result.err
        count = {"duplicity": 3, "tiered": 4}[style]
        assert f"{count} objects are missing on {away}" in result.err
        assert machine.restores(to="while it is away") == []
        (machine.root / "away").rename(machine.root / away)
        assert machine.restores(to="when it is back") == []
        machine.run("incremental", "SOURCE", "URL").succeeded()
        assert machine.restores(to="later") == []

    def test_the_silent_store_may_hold_what_this_machine_knows(
        self, style: str, tmp_path: Path
    ) -> None:
        """No inc on an old set while the newest is on the store that is away."""
        machine = mirror(tmp_path / "machine", "continue", style)
        machine.run("full", "SOURCE", "URL").succeeded()
        (machine.root / "two").rename(machine.root / "away")
        machine.run("incremental", "SOURCE", "URL").succeeded()
        (machine.root / "away").rename(machine.root / "two")
        (machine.root / "one").rename(machine.root / "away")
        result = machine.run("incremental", "SOURCE", "URL")
        assert (result.status, result.code) == (32, "listing-doubtful")
        assert "does not answer" in result.error
        (machine.root / "away").rename(machine.root / "one")
        machine.run("incremental", "SOURCE", "URL").succeeded()
        assert machine.restores() == []

    def test_a_store_is_away_from_the_start_under_abort(
        self, style: str, tmp_path: Path
    ) -> None:
        machine = mirror(tmp_path / "machine", "abort", style)
        machine.run("full", "SOURCE", "URL").succeeded()
        before = machine.objects()
        (machine.root / "two").rename(machine.root / "away")
        result = machine.run("incremental", "SOURCE", "URL")
        assert (result.status, result.code) == (26, "store-missing")
        (machine.root / "away").rename(machine.root / "two")
        assert machine.objects() == before

    def test_puts_fail_under_abort(
        self, style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = mirror(tmp_path / "machine", "abort", style)
        real = FileStore.put

        def put(self: FileStore, name: str, source: Source, mode: PutMode) -> None:
            if self.label.endswith("two") and "sigtar" in name:
                raise Unavailable(f"{self.label}: no answer", hint="Wait.")
            real(self, name, source, mode)

        monkeypatch.setattr(FileStore, "put", put)
        result = machine.run("full", "SOURCE", "URL", "--num-retries", "1")
        assert (result.status, result.code) == (23, "store-unavailable")
        assert not any("sigtar" in n or "manifest" in n for n in machine.objects())
        monkeypatch.undo()
        machine.run("full", "SOURCE", "URL").succeeded()
        assert machine.restores() == []

    @pytest.mark.parametrize("onfail", ["continue", "abort"])
    def test_nothing_is_deleted_while_a_copy_is_away(
        self, style: str, plain: dict[str, Machine], tmp_path: Path, onfail: str
    ) -> None:
        fork = plain[style].fork(tmp_path / "machine")
        machine = mirror(fork.root, onfail, style)
        machine.run("list-current-files", "URL").succeeded()
        (machine.root / "two").rename(machine.root / "two.away")
        (machine.cache / "it" / "objects").mkdir(exist_ok=True)
        before = digests(machine.root / "one", machine.cache)
        for words in (
            ("cleanup", "--force", "URL"),
            ("remove-older-than", "now", "--force", "URL"),
        ):
            result = machine.run(*words)
            assert (result.status, result.code) == (26, "store-missing")
        assert digests(machine.root / "one", machine.cache) == before
        result = machine.run("restore", "URL", machine.root / "restored").succeeded()
        assert "two does not answer" in result.err
