"""Write the content of files: whole, or piece by piece as it arrives.

A file is written under a temporary name beside its place.  When all of it is
there, has the BLAKE3 that the index says, and has its attributes, it is renamed
[docs/format/invariants.md, I13].

Most files come in one piece and cost seven system calls.
"""

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import Lock

from blake3 import blake3

from tiered.archive.columns import Xattrs
from tiered.engine.native.growing import Growing, Piece, write_all
from tiered.errors import ArchiveDamaged

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
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
    done: bool = False
    failed: bool = False
    growing: Growing | None = None


class Dresser:
    """Sets attributes; remembers whether extended ones were refused."""

    def __init__(self) -> None:
        self.refused: OSError | None = None
        """The first refusal to set an extended attribute."""

    def dress(self, fd: int, node: Node) -> None:
        """All attributes of an open file or directory.

        The owner comes first, as changing it clears the set-user-id bit and file
        capabilities; extended ones need the right to write, so the mode is later.
        """
        if node.owner:
            os.fchown(fd, *node.owner)
        for name, value in node.xattrs:
            self.set_xattr(fd, name, value)
        os.fchmod(fd, node.mode)
        os.utime(fd, ns=(node.mtime_ns, node.mtime_ns))

    def set_xattr(self, file: int | bytes, name: bytes, value: bytes) -> None:
        try:
            if isinstance(file, int):
                os.setxattr(file, name, value)
            else:
                os.setxattr(file, name, value, follow_symlinks=False)
        except OSError as e:
            self.refused = self.refused or e
        except ValueError as e:  # a zero byte in the name
            self.refused = self.refused or OSError(errno.EINVAL, str(e))


class TemporaryNames:
    """Names that nobody else has: `.tiered-<random>` beside a file."""

    def __init__(self) -> None:
        self._stem = b".tiered-" + os.urandom(8).hex().encode()
        self._numbers = count()

    def beside(self, file: bytes) -> bytes:
        number = next(self._numbers)
        return b"%s%s%x" % (file[: file.rindex(b"/") + 1], self._stem, number)


class FileWriter:
    """Writes files; any number of threads may use it."""

    def __init__(self, names: TemporaryNames, dresser: Dresser) -> None:
        self._names, self._dresser = names, dresser
        self._lock = Lock()
        self._in_turn = Lock()
        """Threads that all make short calls wait for the interpreter, mostly."""

    def write_whole(self, job: FileJob, data: memoryview) -> None:
        """A file that is at hand.

        Raises:
            ArchiveDamaged: It is not the content that the index says.
            OSError: It could not be written; nothing of it is left.
        """
        if blake3(data).digest() != job.hash:
            raise _wrong_hash()
        part = self._names.beside(job.file)
        fd = os.open(part, _CREATE, 0o600)
        try:
            try:
                if os.write(fd, data) != len(data):
                    _write_rest(fd, data)
                self._dresser.dress(fd, job)
            finally:
                os.close(fd)
            os.rename(part, job.file)
        except BaseException:
            remove(part)
            raise
        job.done = True

    def write_pieces(self, job: FileJob, fd: int, pieces: Sequence[Piece]) -> bool:
        """Parts of a file; the file is finished with the last part that arrives.

        A piece that has come before is ignored, as a run may be repeated.

        Args:
            fd: From `open_part`.

        Returns:
            Whether the file is finished now.

        Raises:
            ArchiveDamaged: The file is complete, and is not what the index says.
            OSError: A piece could not be written.
        """
        growing = job.growing
        if growing is None:
            raise AssertionError("open_part comes first")
        hashed = growing.add(fd, pieces, self._in_turn)
        if hashed != job.size or job.done:
            return False
        self._finish(job, growing, fd)
        return True

    def open_part(self, job: FileJob) -> int:
        """The file that grows, open; the caller closes it."""
        with self._lock:
            if job.growing is None:
                growing = Growing(self._names.beside(job.file), job.sparse)
                fd = os.open(growing.part, _CREATE, 0o600)
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
        self._dresser.dress(fd, job)
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
        dresser.dress(fd, job)
    finally:
        os.close(fd)
    return True


def remove(file: bytes) -> None:
    with suppress(OSError):
        os.unlink(file)


def _wrong_hash() -> ArchiveDamaged:
    return ArchiveDamaged("its content does not have the BLAKE3 that the index says")


def _write_rest(fd: int, data: memoryview) -> None:
    """Go on behind what the first write took: a full disk says so now."""
    at = os.lseek(fd, 0, os.SEEK_CUR)
    write_all(fd, at, data[at:])
