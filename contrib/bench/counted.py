"""`tiered` with what it reads from folder stores counted, for chain30.

    python -m contrib.bench.counted COUNTS.json restore URL DIR ...

COUNTS.json becomes an object: name of each object that was read, and the ranges
that were asked of it as start and length, in the order of asking.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from tiered.backends.file import FileStore
from tiered.cli.main import main

Reads = dict[str, list[tuple[int, int]]]
"""Name -> ranges: start and length."""


class _Counted:
    """A stream; reading is counted."""

    def __init__(self, inner: BinaryIO, ranges: list[tuple[int, int]]) -> None:
        self._inner = inner
        self._ranges = ranges

    def read(self, size: int = -1) -> bytes:
        start = self._inner.tell()
        part = self._inner.read(size)
        self._ranges.append((start, len(part)))
        return part

    def readinto(self, buffer: memoryview) -> int:
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def __enter__(self) -> BinaryIO:
        return cast(BinaryIO, self)

    def __exit__(self, *_: object) -> None:
        self._inner.close()


def run(arguments: Sequence[str], reads: Reads) -> int:
    """Run a command line; returns its exit status."""
    get, get_range = FileStore.get, FileStore.get_range

    def counted_get(self: FileStore, name: str) -> BinaryIO:
        return cast(BinaryIO, _Counted(get(self, name), reads[name]))

    def counted_range(self: FileStore, name: str, start: int, size: int) -> bytes:
        part = get_range(self, name, start, size)
        reads[name].append((start, len(part)))
        return part

    FileStore.get = counted_get  # type: ignore[method-assign]
    FileStore.get_range = counted_range  # type: ignore[method-assign]
    try:
        return main(arguments)
    finally:
        FileStore.get = get  # type: ignore[method-assign]
        FileStore.get_range = get_range  # type: ignore[method-assign]


if __name__ == "__main__":
    found: Reads = defaultdict(list)
    status = run(sys.argv[2:], found)
    Path(sys.argv[1]).write_text(json.dumps(found) + "\n")
    sys.exit(status)
