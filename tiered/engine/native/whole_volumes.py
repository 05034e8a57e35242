"""Volumes that are fetched whole: where a range is not right, or not to be had."""

from contextlib import ExitStack
from threading import Lock
from typing import BinaryIO

from blake3 import blake3

from tiered.engine.context import Context
from tiered.engine.fetch import Expected, download
from tiered.engine.native.known_volumes import ColdVolume
from tiered.engine.spool import read_part, scratch_file
from tiered.errors import ArchiveDamaged, Corrupt, NotFound

BAD = (ArchiveDamaged, Corrupt, NotFound)
"""What a copy can be, so that only the files in it are lost."""

_READ_BYTES = 1 << 20
_SPOOLS = 2
"""Volumes that are held in the scratch folder at once."""


class WholeVolumes:
    """Volumes in the scratch folder; any number of threads may use it.

    Args:
        must_do: There is no other way to read a volume: keep one that is not right,
            too, as most of its frames may be.
    """

    def __init__(self, context: Context, *, must_do: bool) -> None:
        self._context, self._must_do = context, must_do
        self._lock = Lock()
        self._files: dict[str, tuple[BinaryIO, ExitStack]] = {}
        self._hopeless: set[str] = set()

    def close(self) -> None:
        while self._files:
            self._files.popitem()[1][1].close()

    def read(self, volume: ColdVolume, start: int, length: int) -> bytes | None:
        """A range of the object; fewer bytes if it is short; None if it is not here.

        Raises:
            Frozen, StoreError: It must be fetched, and cannot be.
        """
        with self._lock:
            if self._must_do:
                self._fetch(volume)
            if found := self._files.get(volume.name.name):
                return read_part(found[0].fileno(), length, start)
        return None

    def fetch(self, volume: ColdVolume) -> None:
        """Have the volume here, if a copy of it has its BLAKE3.

        Raises:
            Frozen, StoreError: A copy could not be read that may be right.
        """
        with self._lock:
            self._fetch(volume)

    def _fetch(self, volume: ColdVolume) -> None:
        name = volume.name.name
        if name in self._files or (name in self._hopeless and not self._must_do):
            return
        while len(self._files) >= _SPOOLS:
            self._files.pop(next(iter(self._files)))[1].close()
        with ExitStack() as stack:
            file = stack.enter_context(scratch_file(self._context.scratch))
            try:
                _download(self._context, volume, file)
            except BAD as e:
                if name not in self._hopeless:
                    self._context.monitor.warn(str(e), e.hint)
                self._hopeless.add(name)
                if not self._must_do:
                    return
            self._files[name] = file, stack.pop_all()


def _download(context: Context, volume: ColdVolume, file: BinaryIO) -> None:
    name, known = volume.name.name, volume.object

    def check(data: BinaryIO) -> None:
        hasher, size = blake3(), 0
        data.seek(0)
        while chunk := data.read(_READ_BYTES):
            hasher.update(chunk)
            size += len(chunk)
        if size != known.size:
            raise Corrupt(f"{name} has {size} bytes instead of {known.size}", name=name)
        if hasher.digest() != known.blake3:
            raise Corrupt(
                f"{name} does not have the BLAKE3 that its manifest says", name=name
            )

    size = Expected(size=known.size)
    download(context, name, file, size, check)
