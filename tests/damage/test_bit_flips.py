"""One bit of one object is wrong: at every 64th byte of every object.

What comes back is exactly what was saved, or an error of the right class; never
other content, never a part of a file under its name, never a traceback.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import Archive, open_archive
from tests.lost import rebuild
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.errors import (
    ArchiveDamaged,
    ConfigError,
    Corrupt,
    PassphraseError,
    TieredError,
)
from tiered.testing.clocks import JumpingClock
from tiered.testing.tree import Seen, differences, snapshot

STEP = 64
HOT = (".manifest.json", ".index", ".sigtar.zst")
PASSPHRASES = {"sealed": "secret", "clear": ""}


@dataclass(frozen=True)
class Flip:
    """A changed object; it is as it was when the block ends."""

    path: Path
    at: int


@dataclass(frozen=True)
class Made:
    """An archive of a full set and an inc, and what it should restore."""

    work: Path
    passphrase: str
    trees: tuple[dict[bytes, Seen], dict[bytes, Seen]]
    times_s: tuple[int, int]
    end_s: float

    @property
    def store(self) -> Path:
        return self.work / "store"

    def elsewhere(self, place: Path, store: Path | None = None) -> Archive:
        """A machine that has never seen the archive."""
        place.mkdir()
        (place / "store").symlink_to(store or self.store)
        return open_archive(
            place,
            clock=JumpingClock(self.end_s),
            passphrase=self.passphrase,
            style=Style.TIERED,
        )

    def objects(self, *endings: str) -> list[Path]:
        names = [p.name.removesuffix(".age") for p in sorted(self.store.iterdir())]
        found = zip(names, sorted(self.store.iterdir()), strict=True)
        return [path for name, path in found if not endings or name.endswith(endings)]


@pytest.fixture(scope="module", params=list(PASSPHRASES))
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Made:
    work = tmp_path_factory.mktemp("made")
    passphrase = PASSPHRASES[request.param]
    archive = open_archive(work, passphrase=passphrase, style=Style.TIERED)
    source = work / "source"
    (source / "d").mkdir(parents=True)
    lines = b"".join(b"line %d\n" % (n // 60) for n in range(9000))
    (source / "d" / "large").write_bytes(lines)
    (source / "d" / "small").write_bytes(bytes(range(256)))
    (source / "gone").write_bytes(b"gone")
    (source / "link").symlink_to("d/small")
    (source / "twin").hardlink_to(source / "gone")
    trees, times = [], []
    for action in (Action.FULL, Action.INC):
        if action is Action.INC:
            _change(source)
        archive.back_up(source, action)
        trees.append(snapshot(source))
        times.append(int(archive.clock.time_s()))
        archive.clock.sleep_s(1000)
    full, inc = trees
    end_s = archive.clock.time_s()
    return Made(work, passphrase, (full, inc), (times[0], times[1]), end_s)


def _change(source: Path) -> None:
    with (source / "d" / "large").open("r+b") as file:
        file.seek(40_000)
        file.write(b"another text")
    (source / "d" / "new").write_bytes(b"new" * 50)
    (source / "twin").unlink()
    (source / "gone").unlink()


def flips(path: Path) -> Iterator[Flip]:
    """One bit after the other; which, depends on the place."""
    data = path.read_bytes()
    for at in range(0, len(data), STEP):
        changed = bytearray(data)
        changed[at] ^= 1 << at // STEP % 8
        path.write_bytes(changed)
        try:
            yield Flip(path, at)
        finally:
            path.write_bytes(data)


def allowed(flip: Flip, made: Made) -> tuple[type[TieredError], ...]:
    """What a changed object may be called."""
    errors: list[type[TieredError]] = [ArchiveDamaged, Corrupt]
    if made.passphrase and flip.path.name.startswith("tiered-key"):
        return (*errors, PassphraseError)
    if made.passphrase and flip.at < 200:
        errors.append(PassphraseError)  # a header that is for another key
    if not made.passphrase and flip.at < 2 * STEP:
        errors.append(ConfigError)  # a digit of the version
    return tuple(errors)


def check_target(target: Path, expected: dict[bytes, Seen]) -> None:
    """What is there after a failure is whole, and nothing else is there."""
    if not target.exists():
        return
    for path, seen in snapshot(target).items():
        assert path in expected, path
        wanted = expected[path]
        assert (seen.type, seen.content) == (wanted.type, wanted.content), path
        assert seen.link == wanted.link, path


@contextmanager
def scratch(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "machine"
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def restore_both(made: Made, flip: Flip, place: Path, store: Path | None = None) -> int:
    """Restore each state; how many came back."""
    archive = made.elsewhere(place, store)
    whole = 0
    for number, expected in enumerate(made.trees):
        target = place / f"out {number}"
        try:
            archive.restore(target, made.times_s[number])
        except allowed(flip, made):
            check_target(target, expected)
        else:
            assert differences(expected, snapshot(target)) == [], flip
            whole += 1
    assert not list((place / "scratch").iterdir())
    return whole


def test_restoring_by_the_index(made: Made, tmp_path: Path) -> None:
    tried = right = 0
    for path in made.objects():
        for flip in flips(path):
            with scratch(tmp_path) as place:
                right += restore_both(made, flip, place)
            tried += 2
    assert tried > 150
    assert 0 < right < tried  # signatures and fronts are not read; all else is


def test_restoring_by_a_rebuild(made: Made, tmp_path: Path) -> None:
    """All hot objects are lost, and a bit of one volume."""
    made_again = failed = 0
    for path in made.objects(".difftar.zst"):
        for flip in flips(path):
            with scratch(tmp_path) as place:
                store = shutil.copytree(made.store, tmp_path / "machine store")
                for hot in made.objects(*HOT):
                    (store / hot.name).unlink()
                done = rebuilt(made, flip, place, store)
                made_again, failed = made_again + done, failed + 2 - done
                shutil.rmtree(store)
    assert made_again > 0
    assert failed > 20


def rebuilt(made: Made, flip: Flip, place: Path, store: Path) -> int:
    """How many sets were made again; what they restore is right."""
    archive = made.elsewhere(place, store)
    try:
        count = len(rebuild(archive).made)
    except allowed(flip, made):
        return 0
    names = {name.name for name in store.iterdir()}
    assert sum(".manifest." in name for name in names) == count
    for number, expected in enumerate(made.trees[:count]):
        target = place / f"out {number}"
        archive.restore(target, made.times_s[number])
        assert differences(expected, snapshot(target)) == [], flip
    return count


def test_building_on_damaged_signatures(made: Made, tmp_path: Path) -> None:
    """They are only good for deltas: a bad one ends the run, or does no harm."""
    source = tmp_path / "source"
    shutil.copytree(made.work / "source", source, symlinks=True)
    with (source / "d" / "large").open("r+b") as file:
        file.seek(60_000)
        file.write(b"changed again")
    wanted = snapshot(source)
    for path in made.objects(".sigtar.zst"):
        for flip in flips(path):
            with scratch(tmp_path) as place:
                store = shutil.copytree(made.store, tmp_path / "machine store")
                archive = made.elsewhere(place, store)
                try:
                    archive.back_up(source, Action.INC, allow_source_mismatch=True)
                except allowed(flip, made):
                    pass
                else:
                    archive.clock.sleep_s(1)
                    archive.restore(place / "out")
                    assert differences(wanted, snapshot(place / "out")) == []
                shutil.rmtree(store)
