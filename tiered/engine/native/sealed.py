"""Objects of style tiered on their way to a store: sealed, hashed and spooled.

The bytes are hashed while they are written, so nothing is read twice.  The
MD5 that some stores ask for is another matter: it is made when it is asked for.
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from blake3 import blake3

from tiered.codec.envelope import Envelope
from tiered.engine.spool import link_spool, make_spool, open_spool, scratch_errors

_READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SealedObject:
    """A `tiered.store.Source` over a finished spool file; `close` frees its disk.

    A local store keeps the spool file itself: it is `Linkable`.
    """

    file: BinaryIO
    size: int
    hash: bytes
    """BLAKE3 of the stored bytes."""
    front: bytes
    """What stands before the payload: age header and nonce, or nothing."""
    _may_link: Lock = field(default_factory=Lock, repr=False)
    """Held from the first link on."""

    @cached_property
    def md5(self) -> str | None:
        """Cost: one read of the object."""
        found = hashlib.md5(usedforsecurity=False)
        with self.open() as data:
            while chunk := data.read(_READ_BYTES):
                found.update(chunk)
        return found.hexdigest()

    def open(self) -> BinaryIO:
        return open_spool(self.file)

    def link(self, folder: int, name: str) -> bool:
        if not self._may_link.acquire(blocking=False):
            return False
        try:
            link_spool(self.file, folder, name)
        except OSError:  # another file system, or one without nameless files
            return False
        return True

    def close(self) -> None:
        self.file.close()


class SealedFile:
    """An object that is being written.

    Raises (every method):
        ScratchError: The temporary directory is missing, full or read-only.
        PassphraseError: For whom to seal is not known.
    """

    def __init__(self, folder: Path, envelope: Envelope) -> None:
        self._target = _Hashing(folder)
        try:
            self._writer = envelope.begin(self._target)
        except BaseException:
            self._target.file.close()
            raise
        self._finished = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._writer.write(data)

    def finish(self) -> SealedObject:
        """End the object."""
        self._writer.close()
        target = self._target
        with scratch_errors(target.folder):
            target.file.flush()
        self._finished = True
        return SealedObject(
            file=target.file,
            size=os.fstat(target.file.fileno()).st_size,
            hash=target.hash.digest(),
            front=self._writer.front,
        )

    def abort(self) -> None:
        """Throw it away.  Allowed after `finish` too: then it does nothing."""
        if not self._finished:
            with suppress(OSError):  # a full disk, told before
                self._target.file.close()


def seal_file(plain: BinaryIO, folder: Path, envelope: Envelope) -> SealedObject:
    """Seal all of a file, from its first byte on.

    Raises:
        As `SealedFile`; nothing is left then.
    """
    file = SealedFile(folder, envelope)
    try:
        plain.flush()
        plain.seek(0)
        while chunk := plain.read(_READ_BYTES):
            file.write(chunk)
        return file.finish()
    finally:
        file.abort()


class _Hashing:
    """A nameless file that hashes what is written to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with scratch_errors(folder):
            self.file = make_spool(folder)
        self.hash = blake3()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        self.hash.update(data)
        with scratch_errors(self.folder):
            return self.file.write(data)
