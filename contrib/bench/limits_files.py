"""How fast files can be made, looked at and read here; for contrib.bench.limits."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from contrib.bench.material import Text
from contrib.bench.meter import Limit, Meter

_MIB: Final = 1 << 20
_FILES: Final = 2000


def small_files(meter: Meter, folder: Path) -> Iterator[Limit]:
    """Costs of each file; `folder` is on the disk."""
    data = Text(1).take(8192)
    for name, place in (("disk", folder), ("memory", Path("/dev/shm"))):
        with tempfile.TemporaryDirectory(prefix="tiered-bench-", dir=place) as made:
            root = Path(made)
            yield meter.each(
                "files",
                f"create, write 8 KiB, set time, close; {name}",
                _FILES,
                partial(_create, root, data),
            )
            yield meter.each(
                "files", f"scandir, lstat; {name}", _FILES, partial(_look, root)
            )
            yield meter.each(
                "files", f"open, read, close; {name}", _FILES, partial(_read, root)
            )


def large_files(meter: Meter, folder: Path, data: bytes) -> Iterator[Limit]:
    """Rates of writing and reading."""
    for name, place in (("disk", folder), ("memory", Path("/dev/shm"))):
        with tempfile.TemporaryDirectory(prefix="tiered-bench-", dir=place) as made:
            path = Path(made, "file")
            work = partial(_write_large, path, data)
            yield meter.rate("files", f"write; {name}", 8 * len(data), work)
            yield meter.rate(
                "files",
                f"read, a MiB at a time, cached; {name}",
                8 * len(data),
                partial(_read_large, path),
            )
            if name == "disk":
                work = partial(_write_large, path, data, sync=True)
                what = "write, sync; disk"
                yield meter.rate("files", what, 8 * len(data), work)


def _write_large(path: Path, data: bytes, *, sync: bool = False) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb", buffering=0) as file:
        for _ in range(8):
            file.write(data)
        if sync:
            os.fsync(file.fileno())


def _read_large(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(_MIB):
            pass


def _create(root: Path, data: bytes) -> None:
    shutil.rmtree(root / "files", ignore_errors=True)
    (root / "files").mkdir()
    where = os.open(root / "files", os.O_RDONLY)
    for i in range(_FILES):
        file = os.open(f"{i}", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=where)
        os.write(file, data)
        os.utime(file, (1, 1))
        os.close(file)
    os.close(where)


def _look(root: Path) -> int:
    with os.scandir(root / "files") as items:
        return sum(item.stat(follow_symlinks=False).st_size for item in items)


def _read(root: Path) -> int:
    where = os.open(root / "files", os.O_RDONLY)
    size = 0
    for i in range(_FILES):
        file = os.open(f"{i}", os.O_RDONLY, dir_fd=where)
        size += len(os.read(file, 65536))
        os.close(file)
    os.close(where)
    return size
