"""tiered.engine.native.kept_sums: any part as in memory, and little in memory."""

import gc
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tiered.engine.native.kept_sums import KeptSums
from tiered.errors import ScratchError

MIB = 1 << 20


def test_any_part_is_what_was_added(tmp_path: Path) -> None:
    random = Random(3)
    kept, wanted = KeptSums(tmp_path), bytearray()
    for size in (0, 12, 300, MIB - 312, 1, 5, 2 * MIB, 0, MIB, 3):
        data = random.randbytes(size)
        kept.extend(data)
        wanted += data
        assert len(kept) == len(wanted)
        ends: list[int | None] = [
            0,
            12,
            MIB - 1,
            MIB,
            MIB + 1,
            len(wanted) - 1,
            len(wanted),
            9 * MIB,
        ]
        ends += [random.randrange(len(wanted) + 1) for _ in range(8)] + [-3, None]
        for start in ends:
            for end in ends:
                assert kept[start:end] == wanted[start:end]


def open_files(folder: Path) -> int:
    """Open files that lie or lay in a folder."""
    targets = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            targets.append(fd.readlink())
    return sum(target.is_relative_to(folder) for target in targets)


def test_what_is_much_lies_in_a_file_that_ends_with_it(tmp_path: Path) -> None:
    kept = KeptSums(tmp_path)
    kept.extend(bytes(MIB))
    assert open_files(tmp_path) == 0
    kept.extend(b"x")
    assert open_files(tmp_path) == 1
    assert kept[MIB:] == b"x"
    assert list(tmp_path.iterdir()) == []
    del kept
    gc.collect()
    assert open_files(tmp_path) == 0


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    kept = KeptSums(tmp_path / "gone")
    kept.extend(bytes(MIB))
    with pytest.raises(ScratchError):
        kept.extend(b"x")
