"""Small files that other processes write."""

import os
import stat
from pathlib import Path

import pytest

from tests.native_sets import AGE, HandmadeArchive, digest
from tiered.engine.native import small_files
from tiered.engine.native.files import FileJob, FileWriter
from tiered.engine.native.restore import RestoreSettings
from tiered.engine.native.small_files import Small, SmallFiles
from tiered.engine.native.whole_files import Dresser, TemporaryNames
from tiered.errors import ArchiveDamaged

CONTENT = memoryview(b"".join(b"%d " % n * n for n in range(40)))


def some_files(folder: Path, count: int = 40) -> list[Small]:
    files: list[Small] = []
    at = 0
    for number in range(count):
        data = b"%d " % number * number
        file = os.fsencode(folder / f"f{number}")
        job = FileJob(file, None, 0o640, 77, (), len(data), digest(data), sparse=False)
        files.append((job, at, at + len(data)))
        at += len(data)
    return files


def started(processes: int) -> SmallFiles:
    dresser = Dresser()
    small = SmallFiles(FileWriter(TemporaryNames(), dresser), dresser)
    small.start(processes)
    assert len(small._processes) == processes
    return small


def check(folder: Path, files: list[Small]) -> None:
    assert len(list(folder.iterdir())) == len(files)
    for job, first, last in files:
        assert job.done
        file = Path(os.fsdecode(job.file))
        assert file.read_bytes() == CONTENT[first:last]
        status = file.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 77)


def test_by_processes(tmp_path: Path) -> None:
    files, small = some_files(tmp_path), started(2)
    try:
        for some in files[:1], files[1:]:
            assert small.write(CONTENT, some) == []
    finally:
        small.close()
    check(tmp_path, files)


def test_more_than_fits_into_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_files, "_MEMORY_BYTES", 500)
    files, small = some_files(tmp_path), started(1)
    try:
        assert small.write(CONTENT, files) == []
    finally:
        small.close()
    check(tmp_path, files)


def test_a_process_that_is_lost(tmp_path: Path) -> None:
    files, small = some_files(tmp_path), started(2)
    try:
        assert small.write(CONTENT, files[:5]) == []
        for process in small._processes:
            process._process.kill()
            process._process.wait()
        for some in files[5:20], files[20:]:
            assert small.write(CONTENT, some) == []
    finally:
        small.close()
    check(tmp_path, files)


def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    files, small = some_files(tmp_path), started(1)
    files[3][0].hash = bytes(32)
    files[5][0].file = os.fsencode(tmp_path / "no such folder" / "f")
    files[7][0].xattrs = ((b"nonsense", b""),)
    try:
        failed = small.write(CONTENT, files)
    finally:
        small.close()
    assert [job for job, _ in failed] == [files[3][0], files[5][0]]
    assert isinstance(failed[0][1], ArchiveDamaged)
    assert isinstance(failed[1][1], FileNotFoundError)
    assert small._dresser.refused is not None
    check(tmp_path, [file for n, file in enumerate(files) if n not in (3, 5)])


def test_a_restore_with_processes(tmp_path: Path) -> None:
    archive = HandmadeArchive(tmp_path, AGE)
    archive.settings = RestoreSettings(threads=3, processes=2, many_files=1)
    made = archive.begin(None, 1000, 5000, 100_000)
    files = {f"d/f{n:03}": b"%d" % n * n for n in range(300)}
    files["d/large"] = os.urandom(200_000)
    made.folder(b"", b"d")
    for path, data in files.items():
        made.file(path.encode(), data)
    made.finish()
    archive.restore(tmp_path / "out")
    found = tmp_path / "out" / "d"
    assert {f"d/{p.name}": p.read_bytes() for p in found.iterdir()} == files
    assert archive.said.warnings == []
