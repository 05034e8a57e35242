"""Directories, and what is neither directory nor file, below a target.

Directories are made in archive order, before anything is written into them, and
get their attributes when everything is there.  One that is there already is used
if it is a directory; a link is never followed, so what would lie behind it is
refused.
"""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from tiered.archive.fileinfo import FileType
from tiered.engine.native.files import Node
from tiered.engine.native.whole_files import Dresser, TemporaryNames, remove


@dataclass(slots=True, eq=False)
class SpecialJob(Node):
    """A symbolic link, a device or a FIFO."""

    type: FileType
    link: bytes
    device: tuple[int, int]


class Folders:
    """The directories below `root`; paths come in archive order.

    Args:
        root: Absolute.
        refuse: Told of each directory that cannot be made or entered.
    """

    def __init__(self, root: bytes, refuse: Callable[[bytes, Exception], None]) -> None:
        self._root, self._refuse = root, refuse
        self._open: list[tuple[bytes, bool]] = []
        """Where we are: relative path, and whether it can be written into."""
        self._nodes: list[Node] = []

    def file(self, path: bytes) -> bytes:
        """Absolute path of a relative one; b"" is the root."""
        return self._root + b"/" + path if path else self._root

    def enter(self, path: bytes) -> bool:
        """Make a directory and its parents; False if nothing can be put there."""
        while self._open:
            top, usable = self._open[-1]
            if path == top:
                return usable
            if not top or path.startswith(top + b"/"):
                break
            self._open.pop()
        else:
            if not self._make(b"", usable=True) or not path:
                return self._open[-1][1]
        top, usable = self._open[-1]
        end = len(top)
        while end < len(path):
            end = path.find(b"/", end + 1)
            if end < 0:
                end = len(path)
            usable = self._make(path[:end], usable=usable)
        return usable

    def add(self, path: bytes, node: Node) -> bool:
        """A directory of the archive; it is dressed by `finish`."""
        if not self.enter(path):
            return False
        self._nodes.append(node)
        return True

    def finish(self, dresser: Dresser) -> list[tuple[bytes, OSError]]:
        """Give all directories their attributes, the deepest first.

        Returns:
            One error for each that did not get all of them.
        """
        errors = []
        for node in reversed(self._nodes):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                fd = os.open(node.file, flags)
                try:
                    looks = node.owner, node.mode, node.mtime_ns, node.xattrs
                    dresser.dress(fd, *looks)
                finally:
                    os.close(fd)
            except OSError as e:
                errors.append((node.file, e))
        return errors

    def _make(self, path: bytes, *, usable: bool) -> bool:
        if usable:
            file = self.file(path)
            try:
                _make_folder(file)
            except OSError as e:
                self._refuse(file, e)
                usable = False
        self._open.append((path, usable))
        return usable


def make_special(job: SpecialJob, names: TemporaryNames, dresser: Dresser) -> None:
    """Write a link, device or FIFO.

    Raises:
        OSError: It could not be written; nothing of it is left.
    """
    part = names.beside(job.file)
    try:
        _make_node(job, part)
        if job.owner:
            os.chown(part, *job.owner, follow_symlinks=False)
        for name, value in job.xattrs:
            dresser.set_xattr(part, name, value)
        if job.type is not FileType.SYMLINK:
            os.chmod(part, job.mode)
        os.utime(part, ns=(job.mtime_ns, job.mtime_ns), follow_symlinks=False)
        os.rename(part, job.file)
    except (ValueError, OverflowError) as e:  # a zero byte, a number too large
        remove(part)
        raise OSError(errno.EINVAL, str(e)) from e
    except BaseException:
        remove(part)
        raise


def make_hard_link(first: bytes, file: bytes, names: TemporaryNames) -> None:
    """Give the file `first` another name.

    Raises:
        OSError: It could not be done; nothing of it is left.
    """
    part = names.beside(file)
    os.link(first, part, follow_symlinks=False)
    try:
        os.rename(part, file)
    finally:
        remove(part)  # still there if both were the same file already


def _make_node(job: SpecialJob, part: bytes) -> None:
    if job.type is FileType.SYMLINK:
        os.symlink(job.link, part)
    elif job.type is FileType.FIFO:
        os.mkfifo(part, 0o600)
    else:
        kind = stat.S_IFCHR if job.type is FileType.CHARDEV else stat.S_IFBLK
        os.mknod(part, kind | 0o600, os.makedev(*job.device))


def _make_folder(folder: bytes) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise
