"""A file that is at hand in one piece: checked, written, dressed and renamed.

Most files take this way, and cost seven system calls.  Processes that do nothing else
begin here, so this loads next to nothing.
"""

import errno
import os
from itertools import count

from blake3 import blake3

TYPE_CHECKING = False  # `typing` takes longer to load than all else here
if TYPE_CHECKING:
    from tiered.archive.columns import Xattrs

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Dresser:
    """Sets attributes; remembers whether extended ones were refused."""

    def __init__(self) -> None:
        self.refused: OSError | None = None
        """The first refusal to set an extended attribute."""

    def dress(
        self,
        fd: int,
        owner: tuple[int, int] | None,
        mode: int,
        mtime_ns: int,
        xattrs: "Xattrs",
    ) -> None:
        """All attributes of an open file or directory.

        The owner comes first, as changing it clears the set-user-id bit and file
        capabilities; extended ones need the right to write, so the mode is later.
        """
        if owner:
            os.fchown(fd, *owner)
        for name, value in xattrs:
            self.set_xattr(fd, name, value)
        os.fchmod(fd, mode)
        os.utime(fd, ns=(mtime_ns, mtime_ns))

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


class WholeFiles:
    """Writes files; any number of threads may use it."""

    def __init__(self, names: TemporaryNames, dresser: Dresser) -> None:
        self._names, self._dresser = names, dresser

    def write(
        self,
        data: memoryview,
        digest: bytes,
        file: bytes,
        owner: tuple[int, int] | None,
        mode: int,
        mtime_ns: int,
        xattrs: "Xattrs",
    ) -> bool:
        """Write one.

        Args:
            digest: BLAKE3 that it must have.

        Returns:
            False if it has another; then nothing is written.

        Raises:
            OSError: It could not be written; nothing of it is left.
        """
        if blake3(data).digest() != digest:
            return False
        part = self._names.beside(file)
        fd = os.open(part, CREATE, 0o600)
        try:
            try:
                if os.write(fd, data) != len(data):
                    _write_rest(fd, data)
                self._dresser.dress(fd, owner, mode, mtime_ns, xattrs)
            finally:
                os.close(fd)
            os.rename(part, file)
        except BaseException:
            remove(part)
            raise
        return True


def remove(file: bytes) -> None:
    """Remove a file, if it is there and that can be done."""
    try:
        os.unlink(file)
    except OSError:
        return


def write_all(fd: int, at: int, data: memoryview) -> None:
    """Write at a place of a file, however many calls it takes."""
    while data:
        written = os.pwrite(fd, data, at)
        at, data = at + written, data[written:]


def _write_rest(fd: int, data: memoryview) -> None:
    """Go on behind what the first write took: a full disk says so now."""
    at = os.lseek(fd, 0, os.SEEK_CUR)
    write_all(fd, at, data[at:])
