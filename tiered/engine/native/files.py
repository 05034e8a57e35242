"""Write the content of files: whole, or piece by piece as it arrives.

A file is written under a temporary name beside its place.  When all of it is
there, has the BLAKE3 that the index says, and has its attributes, it is renamed
[docs/format/invariants.md, I13].

Most files come in one piece and cost seven system calls.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

from blake3 import blake3

from tiered.archive.columns import Xattrs
from tiered.engine.native.growing import Growing
from tiered.engine.native.joined import NO_JOINS, Joins
from tiered.engine.native.layers import Piece
from tiered.engine.native.whole_files import (
    CREATE,
    Dresser,
    TemporaryNames,
    WholeFiles,
    remove,
)
from tiered.errors import ArchiveDamaged

_PIECE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_BYTES = 1 << 20


@dataclass(slots=True, eq=False)
class Node:
    """One path to write, and the attributes it gets."""

    file: bytes
    owner: tuple[int, int] | None
    """Numbers of user and group; None to leave them."""
    mode: int
    mtime_ns: int
    xattrs: Xattrs


@dataclass(slots=True, eq=False)
class FileJob(Node):
    """A regular file."""

    size: int
    hash: bytes
    sparse: bool
    joins: Joins = NO_JOINS
    """What of its segments is joined; nothing, if it is sparse."""
    done: bool = False
    failed: bool = False
    growing: Growing | None = None


class FileWriter:
    """Writes files; any number of threads may use it."""

    def __init__(self, names: TemporaryNames, dresser: Dresser) -> None:
        self._names, self._dresser = names, dresser
        self._whole = WholeFiles(names, dresser)
        self._lock = Lock()
        self._in_turn = Lock()
        """Threads that all make short calls wait for the interpreter, mostly."""

    def write_whole(self, job: FileJob, data: memoryview) -> None:
        """A file that is at hand.

        Raises:
            ArchiveDamaged: It is not the content that the index says.
            OSError: It could not be written; nothing of it is left.
        """
        looks = job.owner, job.mode, job.mtime_ns, job.xattrs
        if not self._whole.write(data, job.hash, job.file, *looks):
            raise _wrong_hash()
        job.done = True

    def write_pieces(
        self,
        job: FileJob,
        fd: int,
        pieces: Sequence[Piece],
        joined: Sequence[Piece] = (),
    ) -> bool:
        """Parts of a file; the file is finished with the last part that arrives.

        Args:
            fd: From `open_part`.
            pieces: None of them has come before.
            joined: More of them, with gaps.

        Returns:
            Whether the file is finished now.

        Raises:
            ArchiveDamaged: The file is complete, and is not what the index says.
            OSError: A piece could not be written.
        """
        growing = job.growing
        if growing is None:
            raise AssertionError("open_part comes first")
        hashed = growing.add(fd, pieces, joined, self._in_turn)
        if hashed != job.size or job.done:
            return False
        self._finish(job, growing, fd)
        return True

    def open_part(self, job: FileJob) -> int:
        """The file that grows, open; the caller closes it."""
        with self._lock:
            if job.growing is None:
                part = self._names.beside(job.file)
                growing = Growing(part, job.size, job.sparse, job.joins)
                fd = os.open(growing.part, CREATE, 0o600)
                job.growing = growing
                if job.sparse:
                    os.ftruncate(fd, job.size)
                return fd
        return os.open(job.growing.part, _PIECE)

    def abandon(self, jobs: Iterable[FileJob]) -> None:
        """Remove what there is of files that did not become complete."""
        for job in jobs:
            if job.growing and not job.done:
                remove(job.growing.part)

    def _finish(self, job: FileJob, growing: Growing, fd: int) -> None:
        if growing.digest() != job.hash:
            raise _wrong_hash()
        self._dresser.dress(fd, job.owner, job.mode, job.mtime_ns, job.xattrs)
        os.rename(growing.part, job.file)
        job.done = True


def has_content(job: FileJob, dresser: Dresser) -> bool:
    """Is the file there already?  If it is, it gets its attributes.

    Size and time are looked at first; then all of it is read.

    Raises:
        OSError: It is not there, or cannot be read or dressed.
    """
    status = os.lstat(job.file)
    if not stat.S_ISREG(status.st_mode) or status.st_size != job.size:
        return False
    if status.st_mtime_ns != job.mtime_ns:
        return False
    fd = os.open(job.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        hasher = blake3()
        while data := os.read(fd, _READ_BYTES):
            hasher.update(data)
        if hasher.digest() != job.hash:
            return False
        dresser.dress(fd, job.owner, job.mode, job.mtime_ns, job.xattrs)
    finally:
        os.close(fd)
    return True


def _wrong_hash() -> ArchiveDamaged:
    return ArchiveDamaged("its content does not have the BLAKE3 that the index says")
