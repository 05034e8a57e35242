"""Write paths to disk: whole or not at all, never outside the target.

A file is written under a temporary name and renamed when it is complete and has
its attributes.  A directory gets its attributes when everything in it is there,
as writing into it changes its time.  No link is ever followed.
"""

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tiered.archive.fileinfo import FileInfo, FileType
from tiered.archive.paths import PathKey, join_path
from tiered.errors import TargetError


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSettings:
    """How attributes are set."""

    ownership: bool = True
    """Give files to their owner; only root may."""
    user_id: Callable[[bytes], int | None]
    """Number of a user name on this machine; None to keep the number stored."""
    group_id: Callable[[bytes], int | None]


class Placer:
    """Writes below `root`; paths come in archive order.

    Errors of single paths are OSErrors: the caller decides to go on.
    """

    def __init__(self, root: bytes, settings: PlaceSettings) -> None:
        self._root, self._settings = os.path.abspath(root), settings
        if os.path.isdir(root):  # what the user names may be a link to a directory
            self._root = os.path.realpath(root)
        self._folders: list[tuple[PathKey, FileInfo | None]] = []
        self._undressed: list[OSError] = []

    def place(self, info: FileInfo, path: PathKey, data: Iterator[bytes]) -> None:
        """Write one path.

        Args:
            info: Type and attributes.
            path: Where, below the root; () is the root itself.
            data: Content of a regular file.

        Raises:
            OSError: This path could not be written; nothing of it is left.
        """
        self._leave_folders(path)
        file = self._root + b"/" + join_path(path) if path else self._root
        if path:
            self._enter_parents(path)
        if info.type is FileType.DIRECTORY:
            _make_folder(file)
            self._folders.append((path, info))
            return
        part = os.path.dirname(file) + b"/.tiered-" + secrets.token_hex(8).encode()
        try:
            self._write(info, part, data)
            self._set_attributes(info, part)
            os.rename(part, file)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise

    def finish(self) -> tuple[OSError, ...]:
        """Set the attributes of the directories that are still open.

        Returns:
            One error for each directory that did not get all its attributes.
        """
        self._leave_folders(None)
        return tuple(self._undressed)

    def _enter_parents(self, path: PathKey) -> None:
        """Make parents that have no entry of their own; each must be a directory."""
        known = {p for p, _ in self._folders}
        for length in range(len(path)):
            parent = path[:length]
            if parent in known:
                continue
            folder = self._root + b"/" + join_path(parent) if parent else self._root
            _make_folder(folder)
            self._folders.append((parent, None))

    def _leave_folders(self, path: PathKey | None) -> None:
        while self._folders:
            folder, info = self._folders[-1]
            if path is not None and path[: len(folder)] == folder:
                return
            self._folders.pop()
            if info is not None:
                file = self._root + b"/" + join_path(folder) if folder else self._root
                try:
                    self._set_attributes(info, file)
                except OSError as e:  # no fault of the path that comes next
                    self._undressed.append(e)

    def _write(self, info: FileInfo, part: bytes, data: Iterator[bytes]) -> None:
        match info.type:
            case FileType.REGULAR:
                fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(fd, "wb") as out:
                    for chunk in data:
                        out.write(chunk)
            case FileType.SYMLINK:
                os.symlink(info.linkname, part)
            case FileType.FIFO:
                os.mkfifo(part)
            case FileType.CHARDEV | FileType.BLOCKDEV:
                is_char = info.type is FileType.CHARDEV
                kind = stat.S_IFCHR if is_char else stat.S_IFBLK
                os.mknod(part, kind | 0o600, os.makedev(info.devmajor, info.devminor))
            case FileType.DIRECTORY:
                raise AssertionError("directories are made in place")

    def _set_attributes(self, info: FileInfo, file: bytes) -> None:
        """Owner first: changing it clears the set-user-id bit of the mode."""
        if self._settings.ownership:
            user = self._settings.user_id(info.uname)
            group = self._settings.group_id(info.gname)
            os.chown(
                file,
                info.uid if user is None else user,
                info.gid if group is None else group,
                follow_symlinks=False,
            )
        if info.type is not FileType.SYMLINK:
            os.chmod(file, info.mode)
        os.utime(file, (info.mtime_s, info.mtime_s), follow_symlinks=False)


def _make_folder(folder: bytes) -> None:
    """A directory that is there already is used; anything else is not followed."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise


def _check_writable(folder: bytes) -> None:
    """Before hours of thawing, rather than after."""
    probe = folder + b"/.tiered-" + secrets.token_hex(8).encode()
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(probe)
    except OSError as e:
        raise TargetError(
            f"cannot write to {os.fsdecode(folder)!r}: {e.strerror}",
            hint="Restore to a place that this user may write to.",
        ) from e


def check_target(root: bytes, *, force: bool) -> None:
    """May files be restored to `root`?

    Raises:
        TargetError: Something is there already, and `force` was not given; or
            the directory above is missing.
    """
    name = os.fsdecode(root)
    if not os.path.isdir(os.path.dirname(os.path.abspath(root))):
        raise TargetError(
            f"the directory above {name!r} does not exist", hint="Create it."
        )
    _check_writable(os.path.dirname(os.path.abspath(root)))
    if force or not os.path.lexists(root):
        return
    if not os.path.isdir(root) or os.listdir(root):
        raise TargetError(
            f"{name!r} exists already, and is not an empty directory",
            hint="Restore to a new place, or say --force to write over it.",
        )
