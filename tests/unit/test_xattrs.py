"""More extended attributes than a member can hold cost these, and nothing else."""

import errno
import os
from pathlib import Path

import pytest

from tests.engine import open_archive
from tests.lost import (
    check_hot_sides,
    elsewhere,
    hot_sides,
    listed,
    lose_all,
    rebuild,
    sets,
)
from tiered.archive.style import Style
from tiered.engine.native.hot import open_index
from tiered.testing.clocks import JumpingClock

MOST_BYTES = 3 << 20
NAMES = [f"user.{n:03}" + "%=" * 123 for n in range(255)]
"""As many and as long as Linux has them; in records they are three times as long."""


class Sizes:
    """Extended attributes of that many bytes, names included, by name of the file:
    file systems that hold so much are rare.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, int]) -> None:
        self._sizes = sizes
        monkeypatch.setattr(os, "listxattr", self._list)
        monkeypatch.setattr(os, "getxattr", self._get)

    def _size(self, file: int | bytes) -> int:
        if isinstance(file, int):
            return self._sizes.get(Path(f"/proc/self/fd/{file}").readlink().name, 0)
        return self._sizes.get(Path(os.fsdecode(file)).name, 0)

    def _list(self, file: int | bytes) -> list[str]:
        if self._size(file) < 0:
            raise OSError(errno.E2BIG, "so many names")
        return NAMES if self._size(file) else []

    def _get(self, file: int | bytes, name: str) -> bytes:
        left = self._size(file) - sum(map(len, NAMES))
        share = left // len(NAMES)
        last = left - share * (len(NAMES) - 1)
        return bytes(last if name == NAMES[-1] else share)


def test_too_many_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    sizes = {"folder": 0, "large": 300_000, "medium": 200_000, "small": 10}
    attributes = {}
    for what, more in (("most", 0), ("more", 1)):
        for name, size in sizes.items():
            place = source / f"{what}/{name} {what}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(os.urandom(size)) if size else place.mkdir()
            attributes[place.name] = MOST_BYTES + more
    (source / "names").write_bytes(b"x")
    attributes["names"] = -1
    Sizes(monkeypatch, attributes)
    archive = open_archive(tmp_path, clock=JumpingClock(2e9), style=Style.TIERED)
    archive.back_up(source)
    refused = sorted(w.partition(" has more")[0] for w in archive.said.warnings)
    assert refused == sorted([*(f"more/{name} more" for name in sizes), "names"])
    (backup_set,) = sets(archive)
    with open_index(archive.context, listed(archive), backup_set) as index:
        kept = {
            row.path[-1].decode(): sum(
                len(key) + len(value) for key, value in row.xattrs
            )
            for row in index
            if row.xattrs
        }
    assert kept == {f"{name} most": MOST_BYTES for name in sizes}
    before = hot_sides(archive)
    lose_all(archive)
    other = elsewhere(archive, tmp_path / "other")
    rebuild(other)
    check_hot_sides(other, before)
    assert other.said.warnings == []
