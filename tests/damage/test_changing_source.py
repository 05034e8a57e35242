"""A source that changes while it is read, or cannot be: said, stored as far as it
can be, and looked at again by the next backup.

Each change happens at one moment of the run: when the file is opened, or at its
first, second or third read.
"""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.engine import Archive, open_archive
from tiered.archive.style import Style
from tiered.engine.backup import Action
from tiered.errors import TieredError
from tiered.testing.clocks import JumpingClock
from tiered.testing.tree import Seen, differences, snapshot

VICTIM = "d/victim"
SIZES = [500, 1_200_000]
LONGER = Random(8).randbytes(1_300_000)
Change = Callable[[Path], None]


def fail(number: int) -> Change:
    def change(place: Path) -> None:
        raise OSError(number, os.strerror(number), place)

    return change


def grow(place: Path) -> None:
    with place.open("ab") as file:
        file.write(LONGER)


def overwrite(place: Path) -> None:
    with place.open("r+b") as file:
        file.write(LONGER[: place.stat().st_size])


def become_folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


CHANGES: dict[str, Change] = {
    "shrinks": lambda place: os.truncate(place, place.stat().st_size // 3),
    "grows": grow,
    "is overwritten": overwrite,
    "becomes a folder": become_folder,
    "vanishes": Path.unlink,
    "is denied": fail(errno.EACCES),
    "has a bad sector": fail(errno.EIO),
    "vanishes with its folder": lambda place: shutil.rmtree(place.parent),
}
LASTING = ("is denied", "has a bad sector")


class Trap:
    """Does something to a file in the midst of a run."""

    def __init__(self, place: Path, at: int, change: Change, *, lasts: bool) -> None:
        self.place, self.at, self.change, self.lasts = place, at, change, lasts
        self.seen = 0
        self.fds: set[int] = set()

    def set(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("read", "pread", "preadv"):
            patch.setattr(os, name, self._reading(getattr(os, name)))
        patch.setattr(os, "open", self._opening(os.open))
        patch.setattr(os, "close", self._closing(os.close))

    def _step(self) -> None:
        self.seen += 1
        if self.seen == self.at or (self.lasts and self.seen > self.at):
            self.change(self.place)

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def opening(path: object, *rest: object, **more: object) -> int:
            is_victim = path == bytes(self.place)
            if is_victim:
                self._step()
            fd = real(path, *rest, **more)
            if is_victim:
                self.fds.add(fd)
            return fd

        return opening

    def _closing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def closing(fd: int) -> None:
            self.fds.discard(fd)
            real(fd)

        return closing

    def _reading(self, real: Callable[..., object]) -> Callable[..., object]:
        def reading(fd: int, *rest: object) -> object:
            if fd in self.fds:
                self._step()
            return real(fd, *rest)

        return reading


@pytest.fixture(params=[Style.DUPLICITY, Style.TIERED], ids=lambda s: str(s.value))
def archive(tmp_path: Path, request: pytest.FixtureRequest) -> Archive:
    style: Style = request.param
    # style duplicity looks at the seconds of times alone: with this clock all files
    # are younger than any set, and are read
    clock = JumpingClock(1e9) if style is Style.DUPLICITY else None
    return open_archive(tmp_path, style=style, clock=clock)


def make_source(root: Path, size: int) -> None:
    """Files before and behind the one that changes, too."""
    for name in ("a", "d/a", "d/z", "e/f/g", "z"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(Random(name).randbytes(70_000))
    (root / VICTIM).write_bytes(Random(1).randbytes(size))


def touch_all(root: Path) -> None:
    """Something is new in each file, at its end."""
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("ab") as file:
                file.write(b"more")


def rename(source: Path, away: Path) -> None:
    source.rename(away)


def part(tree: dict[bytes, Seen], *, of_victim: bool) -> dict[bytes, Seen]:
    """The part that does not change (but for the times of folders), or the rest."""
    victim = VICTIM.encode()
    return {
        path: seen
        for path, seen in tree.items()
        if (path == victim or path.startswith(victim + b"/")) == of_victim
        and (of_victim or seen.content)
    }


def contents(tree: dict[bytes, Seen]) -> dict[bytes, str]:
    return {path: seen.content for path, seen in tree.items()}


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("what", CHANGES)
def test_a_file_that_changes(
    archive: Archive, tmp_path: Path, what: str, at: int
) -> None:
    """In a full and in an inc, for files of each size."""
    source = tmp_path / "source"
    for number, size in enumerate(SIZES):
        shutil.rmtree(source, ignore_errors=True)
        make_source(source, size)
        for action in (Action.FULL, Action.INC):
            archive.clock.sleep_s(10)
            out = tmp_path / f"{number} {action.value}"
            out.mkdir()
            check_one(archive, source, out, action, CHANGES[what], at, what)
            shutil.rmtree(source)
            make_source(source, size)
            archive.clock.sleep_s(10)
            archive.back_up(source)
            touch_all(source)


def check_one(
    archive: Archive,
    source: Path,
    out: Path,
    action: Action,
    change: Change,
    at: int,
    what: str,
) -> None:
    archive.said.warnings.clear()
    before = snapshot(source)
    trap = Trap(source / VICTIM, at, change, lasts=what in LASTING)
    with pytest.MonkeyPatch.context() as patch:
        trap.set(patch)
        report = archive.back_up(source, action)
    archive.restore(out / "then")
    found = snapshot(out / "then")
    if trap.seen < at:  # it was read by then
        assert archive.said.warnings == []
        assert differences(before, found) == []
        return
    # d/z may have gone before its turn came, with the folder
    after = snapshot(source)
    steady = part(before, of_victim=False).keys() & after.keys()
    assert {p: found[p] for p in steady} == {p: before[p] for p in steady}
    mine = part(found, of_victim=True)
    is_whole = contents(mine) in (
        contents(part(before, of_victim=True)),
        contents(part(after, of_victim=True)),
    )
    assert is_whole or any(VICTIM in w for w in archive.said.warnings)
    if not mine or what in LASTING:
        assert report.tally.skipped
    archive.clock.sleep_s(10)
    archive.said.warnings.clear()
    again = archive.back_up(source)
    assert (again.tally.skipped, archive.said.warnings) == (0, [])
    archive.restore(out / "again")
    assert differences(after, snapshot(out / "again")) == []


@pytest.mark.parametrize("action", [Action.FULL, Action.INC])
@pytest.mark.parametrize("at", [1, 2])
def test_the_source_goes_away(
    archive: Archive, tmp_path: Path, action: Action, at: int
) -> None:
    """An error, or a warning for what is left out; and nothing counts as deleted."""
    source, away = tmp_path / "source", tmp_path / "away"
    make_source(source, 300_000)
    archive.back_up(source)
    archive.clock.sleep_s(10)
    touch_all(source)
    before = snapshot(source)
    trap = Trap(source / VICTIM, at, lambda _: rename(source, away), lasts=False)
    with pytest.MonkeyPatch.context() as patch:
        trap.set(patch)
        try:
            report = archive.back_up(source, action)
        except TieredError:
            assert len([*archive.context.store.list("")]) > 0
        else:
            archive.restore(tmp_path / "then")
            lost = before.keys() - snapshot(tmp_path / "then").keys()
            assert report.tally.skipped >= len(lost)
    assert trap.seen >= at
    with pytest.raises(TieredError):
        archive.back_up(source)
    away.rename(source)
    archive.clock.sleep_s(10)
    archive.back_up(source)
    archive.restore(tmp_path / "again")
    assert differences(before, snapshot(tmp_path / "again")) == []
