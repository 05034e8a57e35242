"""Whatever is done to large files, every version of them comes back, also when all that
is left are volumes.
"""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.disk import (
    Attributes,
    Copy,
    Edit,
    Folder,
    Link,
    Look,
    Move,
    Pages,
    Punch,
    Remove,
    Splice,
    Swap,
    Symlink,
    Truncate,
    Write,
    below,
    look,
    unlike,
)
from tests.engine import Archive, open_archive
from tests.lost import check_hot_sides, elsewhere, hot_sides, lose_all, rebuild
from tiered.archive.style import Style
from tiered.testing.clocks import JumpingClock

KIB = 1 << 10
LATE_S, EARLY_S = 2_000_000_000.0, 1_000_000_000.0
"""A file that was touched before a set began is believed to be as it was; with the
early clock no file is.
"""
ALWAYS = "d/always"
"""A file that is there in each version, and changes in each."""

paths = st.sampled_from([ALWAYS, "a", "b", "d", "d/a", "d/e/f", "d-", "d.e/x", "z"])
sizes = st.sampled_from(
    [0, 1, 513, 65_535, 65_536, 65_537, 131_072, 200_000, 262_144, 400_001, 1 << 20]
)
seeds = st.integers(0, 3)
places = st.sampled_from([0.0, 0.1, 0.5, 0.77, 1.0])
splices = st.builds(
    Splice,
    st.just(ALWAYS),
    places,
    st.sampled_from([0, 1, 4096, 65_536, 100_001]),
    st.sampled_from([0, 1, 4096, 65_536, 200_003]),
    st.integers(1, 9),
)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(Write, paths, sizes, seeds),
    splices,
    st.builds(Pages, paths, st.integers(1, 30), seeds),
    st.builds(Swap, paths, places),
    st.builds(Punch, paths, places, st.sampled_from([4096, 65_536, 150_000])),
    st.builds(Truncate, paths, sizes),
    st.builds(Copy, paths, paths),
    st.builds(Move, paths, paths),
    st.builds(Link, paths, paths),
    st.builds(Symlink, paths, paths),
    st.builds(Folder, paths),
    st.builds(Remove, paths),
    st.builds(
        Attributes,
        paths,
        st.sampled_from([0o600, 0o4755, 0o444]),
        st.sampled_from([0, 1234]),
        st.sampled_from([None, 1, 1_234_567_890_123_456_789, -5_000_000_001]),
        st.one_of(st.none(), st.binary(max_size=5)),
    ),
)
changes_of_always: st.SearchStrategy[Edit] = st.one_of(
    splices,
    st.builds(Pages, st.just(ALWAYS), st.integers(1, 30), st.integers(0, 9)),
    st.builds(Swap, st.just(ALWAYS), places),
)
batches = st.builds(
    lambda some, last: [*some, last],
    st.lists(edits, max_size=8),
    changes_of_always,
)


@given(
    first=st.lists(edits, max_size=8),
    later=st.lists(batches, min_size=1, max_size=4),
    size=st.sampled_from([90_000, 300_000, 1 << 20]),
    volume_bytes=st.sampled_from([1, 200_000, 1 << 20, 8 << 20]),
    passphrase=st.sampled_from(["", "open sesame"]),
    time_s=st.sampled_from([EARLY_S, LATE_S]),
    forgets=st.lists(st.booleans(), min_size=4, max_size=4),
    pick=st.integers(0, 50),
)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_every_version_comes_back(
    first: list[Edit],
    later: list[list[Edit]],
    size: int,
    volume_bytes: int,
    passphrase: str,
    time_s: float,
    forgets: list[bool],
    pick: int,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source = work / "source"
        source.mkdir()
        Write(ALWAYS, size, 7)(source)
        clock = JumpingClock(time_s)
        archive = open_archive(
            work, clock=clock, style=Style.TIERED, passphrase=passphrase
        )
        versions: dict[int, dict[bytes, Look]] = {}
        for batch, forget in zip([first, *later], [False, *forgets], strict=False):
            for edit in batch:
                edit(source)
            if forget:
                shutil.rmtree(work / "cache")
            clock.sleep_s(1000)
            report = archive.back_up(source, volume_bytes=volume_bytes)
            versions[report.set_id.end_s] = look(source)
        shutil.rmtree(work / "cache")
        check_versions(archive, work / "by index", versions, pick)
        before = hot_sides(archive)
        lose_all(archive)
        other = elsewhere(archive, work / "other", passphrase=passphrase)
        assert {*rebuild(other).made} == before.keys()
        check_hot_sides(other, before)
        check_versions(other, work / "rebuilt", versions, pick)
        for each in (archive, other):
            assert each.said.warnings == []
            assert list(each.context.scratch.iterdir()) == []


def check_versions(
    archive: Archive, work: Path, versions: dict[int, dict[bytes, Look]], pick: int
) -> None:
    """Each version as a whole, and a path of it alone."""
    work.mkdir()
    for end_s, tree in versions.items():
        target = work / f"whole-{end_s}"
        archive.restore(target, end_s)
        assert unlike(tree, look(target)) == []
        path = sorted(tree)[pick % len(tree)]
        target = work / f"part-{end_s}"
        archive.restore(target, end_s, path)
        assert unlike(below(tree, path), look(target)) == [], os.fsdecode(path)
