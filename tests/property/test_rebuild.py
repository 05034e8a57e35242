"""Whatever was done to a tree: what the hot side held is made again from volumes."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine import open_archive
from tests.lost import (
    HOT,
    check_hot_sides,
    elsewhere,
    hot_sides,
    lose,
    rebuild,
    sets,
)
from tiered.archive.style import Style
from tiered.testing.tree import Seen, differences, snapshot

Edit = Callable[[Path], object]

NAMES = ["a", "b", "c", "d/a", "d/b", "d/\udcff\n", "e/" + "x" * 120]
SIZES = [0, 1, 600, 65_535, 65_536, 140_000, 300_000]
ALWAYS = 2_300_000
"""Of a file that is in every version: more than fits in the smallest volume."""

paths = st.sampled_from(NAMES)


def _place(root: Path, path: str) -> Path:
    (root / path).parent.mkdir(exist_ok=True)
    return root / path


def _read(place: Path) -> bytes:
    if place.is_fifo():
        raise BlockingIOError(place)  # opening one waits for a writer, for ever
    return place.read_bytes()


def write(path: str, size: int, seed: int, root: Path) -> None:
    place = _place(root, path)
    place.unlink(missing_ok=True)
    place.write_bytes(Random(seed).randbytes(size))


def _content(place: Path) -> bytes:
    """Of a regular file: nothing ever comes out of a FIFO."""
    if not place.is_file():
        raise IsADirectoryError(place)
    return place.read_bytes()


def insert(path: str, at: int, data: bytes, root: Path) -> None:
    old = _content(root / path)
    at %= len(old) + 1
    (root / path).write_bytes(old[:at] + data + old[at:])


def cut(path: str, at: int, size: int, root: Path) -> None:
    old = _content(root / path)
    at %= len(old) + 1
    (root / path).write_bytes(old[:at] + old[at + size :])


def hole(path: str, root: Path) -> None:
    place = _place(root, path)
    place.unlink(missing_ok=True)
    with place.open("wb") as file:
        file.truncate(300_000)
        file.write(b"before the hole")


def hard_link(path: str, other: str, root: Path) -> None:
    os.link(root / other, _place(root, path))


def symlink(path: str, root: Path) -> None:
    _place(root, path).symlink_to("../x")


def fifo(path: str, root: Path) -> None:
    os.mkfifo(_place(root, path))


def folder(path: str, root: Path) -> None:
    _place(root, path).mkdir()


def remove(path: str, root: Path) -> None:
    if (root / path).is_dir():
        shutil.rmtree(root / path)
    else:
        (root / path).unlink()


def rename(path: str, other: str, root: Path) -> None:
    (root / path).rename(_place(root, other))


def dress(path: str, mode: int, root: Path) -> None:
    (root / path).chmod(mode)
    os.setxattr(root / path, "user.mode", b"%o" % mode)


writes = st.builds(
    partial, st.just(write), paths, st.sampled_from(SIZES), st.integers(0, 3)
)
edits: st.SearchStrategy[Edit] = st.one_of(
    writes,
    st.builds(
        partial,
        st.just(insert),
        paths,
        st.integers(0, 300_000),
        st.binary(min_size=1, max_size=20),
    ),
    st.builds(
        partial, st.just(cut), paths, st.integers(0, 300_000), st.integers(1, 200_000)
    ),
    st.builds(partial, st.just(hole), paths),
    st.builds(partial, st.just(hard_link), paths, paths),
    st.builds(partial, st.just(symlink), paths),
    st.builds(partial, st.just(fifo), paths),
    st.builds(partial, st.just(folder), st.sampled_from(["d", "f", "f/g"])),
    st.builds(partial, st.just(remove), st.sampled_from([*NAMES, "d"])),
    st.builds(partial, st.just(rename), paths, paths),
    st.builds(partial, st.just(dress), paths, st.sampled_from([0o600, 0o4711])),
)
batches = st.lists(st.lists(edits, max_size=8), min_size=1, max_size=3)


@given(
    first=st.lists(writes, min_size=3, max_size=12),
    later=batches,
    volume_bytes=st.sampled_from([150_000, 2 << 20, 1 << 23]),
    passphrase=st.sampled_from(["", "secret"]),
    losing=st.one_of(st.none(), st.integers(1, (1 << 12) - 1)),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_what_was_lost_is_made_again(
    first: list[Edit],
    later: list[list[Edit]],
    volume_bytes: int,
    passphrase: str,
    losing: int | None,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        archive = open_archive(work, passphrase=passphrase, style=Style.TIERED)
        (work / "source").mkdir()
        always = partial(write, "always", ALWAYS, 9)
        changing: Edit = partial(insert, "always", 100_000, b"more")
        versions: dict[int, dict[bytes, Seen]] = {}
        following = [[changing, *edits] for edits in later]
        batches: list[list[Edit]] = [[always, *first], *following]
        for batch in batches:
            archive.clock.sleep_s(1000)
            for edit in batch:
                with suppress(OSError):
                    edit(work / "source")
            report = archive.back_up(work / "source", volume_bytes=volume_bytes)
            versions[report.set_id.end_s] = snapshot(work / "source", link_times=True)
        before = hot_sides(archive)
        wanted = [(s, what) for s in sets(archive) for what in HOT]
        if losing is not None:
            wanted = [w for n, w in enumerate(wanted) if losing >> n & 1]
        lose(archive, wanted)
        other = elsewhere(archive, work / "other", passphrase=passphrase)
        report2 = rebuild(other)
        assert {*report2.made} == {s.id for s, _ in wanted}
        assert report2.failed == {}
        check_hot_sides(other, before)
        for time_s, tree in versions.items():
            other.restore(work / f"restored-{time_s}", time_s)
            found = snapshot(work / f"restored-{time_s}", link_times=True)
            assert differences(tree, found) == []
        assert rebuild(other).made == []
        assert other.said.warnings == []
        assert list((work / "other" / "scratch").iterdir()) == []
