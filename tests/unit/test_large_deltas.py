"""Deltas of a file that wait in memory, and those that wait in a file."""

from pathlib import Path
from random import Random

import pytest

from tests.engine import open_archive
from tiered.archive.style import Style
from tiered.engine.native import large
from tiered.testing.clocks import JumpingClock

MIB = 1 << 20
OLD = Random(1).randbytes(5 * MIB)
NEW = OLD[:MIB] + Random(2).randbytes(MIB + 7) + OLD[MIB:]


@pytest.mark.parametrize("most_bytes", [MIB, 2 * MIB])
def test_what_is_stored_is_the_same_wherever_a_delta_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    monkeypatch.setattr(large, "_MOST_IN_MEMORY", most_bytes)
    clock = JumpingClock()
    archive = open_archive(tmp_path, clock=clock, style=Style.TIERED)
    source = tmp_path / "source"
    source.mkdir()
    for content in (OLD, NEW):
        clock.sleep_s(1000)
        (source / "file").write_bytes(content)
        report = archive.back_up(source, volume_bytes=64 * MIB)
        archive.restore(tmp_path / str(report.set_id.end_s))
        restored = tmp_path / str(report.set_id.end_s) / "file"
        assert restored.read_bytes() == content
    assert MIB < report.stored_bytes < 2 * MIB
