"""Write the content of files: whole, or piece by piece as it arrives.

A file is written under a temporary name beside its place.  When all of it is
there, has the BLAKE3 that the index says, and has its attributes, it is renamed
[docs/format/invariants.md, I13].

Most files come in one piece and cost seven system calls.  A file that comes in
pieces, in any order and from several threads, is hashed from its front as far as
it has arrived: mostly from memory, and what came too early is read back while the
kernel still has it.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from blake3 import blake3

from tiered.archive.columns import Xattrs
from tiered.errors import ArchiveDamaged

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PIECE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_BYTES = 1 << 20
_HOLE_BYTES = 4096
_HOLE = bytes(_HOLE_BYTES)


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
    growing: "Growing | None" = None


@dataclass(slots=True, eq=False)
class Growing:
    """A file of which some pieces have arrived."""

    part: bytes
    lock: Lock = field(default_factory=Lock)
    hasher: blake3 = field(default_factory=blake3)
    hashed: int = 0
    """Bytes from the front; only the thread that is hashing changes it."""
    hashing: bool = False
    waiting: dict[int, int] = field(default_factory=dict)
    """Written and not hashed: offset -> length."""


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

    def write_piece(self, job: FileJob, fd: int, at: int, data: memoryview) -> bool:
        """A part of a file; the file is finished with the last part that arrives.

        A piece that has come before is ignored, as a run may be repeated.

        Args:
            fd: From `open_part`.
            at: Offset of the piece in the file.

        Returns:
            Whether the file is finished now.

        Raises:
            ArchiveDamaged: The file is complete, and is not what the index says.
            OSError: The piece could not be written.
        """
        growing = job.growing
        if growing is None:
            raise AssertionError("open_part comes first")
        if at < growing.hashed or at in growing.waiting:
            return False
        if job.sparse:
            _write_around_holes(fd, at, data)
        else:
            _write_all(fd, at, data)
        if self._hash(growing, fd, at, data) != job.size or job.done:
            return False
        self._finish(job, growing, fd)
        return True

    def open_part(self, job: FileJob) -> int:
        """The file that grows, open; the caller closes it."""
        with self._lock:
            if job.growing is None:
                growing = Growing(self._names.beside(job.file))
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

    def _hash(self, growing: Growing, fd: int, at: int, data: memoryview) -> int:
        """Hash as far as the file has arrived.

        Returns:
            Bytes hashed by now; -1 if another thread goes on with it.
        """
        with growing.lock:
            if growing.hashing or at != growing.hashed:
                growing.waiting[at] = len(data)
                return -1
            growing.hashing = True
        growing.hasher.update(data)
        growing.hashed += len(data)
        while True:
            with growing.lock:
                length = growing.waiting.pop(growing.hashed, None)
                if length is None:
                    growing.hashing = False
                    return growing.hashed
            _read_back(growing, fd, length)

    def _finish(self, job: FileJob, growing: Growing, fd: int) -> None:
        if growing.hasher.digest() != job.hash:
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
    _write_all(fd, at, data[at:])


def _write_all(fd: int, at: int, data: memoryview) -> None:
    while data:
        written = os.pwrite(fd, data, at)
        at, data = at + written, data[written:]


def _write_around_holes(fd: int, at: int, data: memoryview) -> None:
    """Write, and leave out blocks of zeros: the file is as long as it should be."""
    start = 0
    for first, last in _holes(at, bytes(data)):
        _write_all(fd, at + start, data[start:first])
        start = last
    _write_all(fd, at + start, data[start:])


def _holes(at: int, data: bytes) -> Iterator[tuple[int, int]]:
    """Blocks of zeros, and parts of blocks at either end, as the other part comes
    with another piece.

    Cost: Next to none where there are few zeros: `find` looks at each 4096th byte.
    """
    size = len(data)
    head = min(-at % _HOLE_BYTES, size)
    if data[:head] == _HOLE[:head]:
        yield 0, head
    here = head
    while (found := data.find(_HOLE, here)) >= 0:
        first = last = found + -(at + found) % _HOLE_BYTES
        while data[last : last + _HOLE_BYTES] == _HOLE:
            last += _HOLE_BYTES
        yield first, last
        here = max(last, first + 1)
    tail = max(head, size - (at + size) % _HOLE_BYTES)
    if data[tail:] == _HOLE[: size - tail]:
        yield tail, size


def _read_back(growing: Growing, fd: int, length: int) -> None:
    while length:
        data = os.pread(fd, min(length, _READ_BYTES), growing.hashed)
        if not data:
            raise OSError(errno.EIO, "a file lost what was written to it")
        growing.hasher.update(data)
        growing.hashed += len(data)
        length -= len(data)
