"""`tiered` with what it reads from folder stores counted, for chain30.

    python -m contrib.bench.counted COUNTS.json restore URL DIR ...

COUNTS.json becomes an object: name of each object that was read, and the bytes
that were asked of it, more than once if more than once.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from tiered.backends.file import FileStore
from tiered.cli.main import main


class _Counted:
    """A stream; reading is counted."""

    def __init__(self, inner: BinaryIO, name: str, counts: Counter[str]) -> None:
        self._inner = inner
        self._name = name
        self._counts = counts

    def read(self, size: int = -1) -> bytes:
        part = self._inner.read(size)
        self._counts[self._name] += len(part)
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


def run(arguments: Sequence[str], counts: Counter[str]) -> int:
    """Run a command line; returns its exit status."""
    get, get_range = FileStore.get, FileStore.get_range

    def counted_get(self: FileStore, name: str) -> BinaryIO:
        return cast(BinaryIO, _Counted(get(self, name), name, counts))

    def counted_range(self: FileStore, name: str, start: int, size: int) -> bytes:
        part = get_range(self, name, start, size)
        counts[name] += len(part)
        return part

    FileStore.get = counted_get  # type: ignore[method-assign]
    FileStore.get_range = counted_range  # type: ignore[method-assign]
    try:
        return main(arguments)
    finally:
        FileStore.get = get  # type: ignore[method-assign]
        FileStore.get_range = get_range  # type: ignore[method-assign]


if __name__ == "__main__":
    found: Counter[str] = Counter()
    status = run(sys.argv[2:], found)
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(status)
