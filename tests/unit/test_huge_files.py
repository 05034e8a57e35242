"""Files of which the sums are like those of huge ones: long blocks, kept in files."""

from pathlib import Path
from random import Random

import pytest

from tests.engine import Archive, open_archive
from tests.lost import check_hot_sides, elsewhere, hot_sides, lose_all, rebuild
from tiered.archive.style import Style
from tiered.engine.native import kept_sums
from tiered.rsync import sums
from tiered.testing.clocks import JumpingClock

MIB = 1 << 20
KIB = 1 << 10


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr(sums, "_MOST_BLOCKS", 64)
    monkeypatch.setattr(kept_sums, "_MOST_WAITING", 100)
    return open_archive(tmp_path, clock=JumpingClock(), style=Style.TIERED)


def stored_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "store").iterdir())


def test_each_version_is_a_delta_and_comes_back(
    tmp_path: Path, archive: Archive
) -> None:
    random = Random(5)
    first = random.randbytes(16 * MIB)
    assert sums.native_block_len(len(first)) == 256 * KIB
    overwritten = first[: 9 * MIB] + random.randbytes(1000) + first[9 * MIB + 1000 :]
    shifted = random.randbytes(1000) + overwritten
    assert sums.native_block_len(len(shifted)) == 512 * KIB
    cut = shifted[: 7 * MIB]
    assert sums.native_block_len(len(cut)) == 128 * KIB
    source = tmp_path / "source"
    source.mkdir()
    versions: dict[int, bytes] = {}
    for content, most in (
        (first, 17 * MIB),
        (overwritten, MIB),
        (shifted, MIB),
        (overwritten, MIB),
        (cut, MIB),
    ):
        (source / "huge").write_bytes(content)
        archive.clock.sleep_s(1000)
        before = stored_bytes(tmp_path) if versions else 0
        report = archive.back_up(source, volume_bytes=64 * MIB)
        assert stored_bytes(tmp_path) - before < most
        versions[report.set_id.end_s] = content
    check_versions(archive, tmp_path / "by index", versions)
    hot = hot_sides(archive)
    lose_all(archive)
    other = elsewhere(archive, tmp_path / "other")
    rebuild(other)
    check_hot_sides(other, hot)
    check_versions(other, tmp_path / "rebuilt", versions)


def check_versions(archive: Archive, work: Path, versions: dict[int, bytes]) -> None:
    work.mkdir()
    for end_s, content in versions.items():
        archive.restore(work / str(end_s), end_s)
        assert (work / str(end_s) / "huge").read_bytes() == content
