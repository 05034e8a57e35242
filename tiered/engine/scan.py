"""Walk a tree in the order of an archive, without following links.

One directory is held in memory at a time per level.  What cannot be read is
reported as a `Scanned` with an error, never left out in silence: a path that
vanished from the walk would look deleted.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from tiered.archive.fileinfo import FileInfo, FileType, type_of_mode
from tiered.archive.paths import PathKey
from tiered.errors import SourceError


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A path that is there and cannot be read; also what lies below it."""

    path: PathKey
    reason: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """One path as it is on disk."""

    info: FileInfo
    file: bytes
    """Where it lies on disk."""
    size_bytes: int
    """Of a regular file; 0 otherwise."""


class OwnerNames:
    """User and group names by number, looked up once each."""

    def __init__(
        self, user: Callable[[int], str | None], group: Callable[[int], str | None]
    ) -> None:
        self.user = lru_cache(maxsize=4096)(_encoded(user))
        self.group = lru_cache(maxsize=4096)(_encoded(group))


def scan(root: bytes, owners: OwnerNames) -> Iterator[Scanned | Unreadable]:
    """Every path below `root`, and the root itself as (), in archive order.

    Sockets are skipped: they mean nothing without their process.

    Raises:
        SourceError: The root is not a directory that can be read; or at the end it
            is not the one that it was.
    """
    began = root_status(root)
    waiting: list[tuple[PathKey, bytes]] = [((), root)]
    while waiting:
        path, file = waiting.pop()
        try:
            item, names = _look(path, file, owners)
        except FileNotFoundError:
            continue  # deleted since its directory was read
        except OSError as e:
            yield Unreadable(path, e.strerror or str(e))
            continue
        if item is not None:
            yield item
        waiting.extend(
            ((*path, name), file + b"/" + name) for name in sorted(names, reverse=True)
        )
    check_root(root, began)


def root_status(root: bytes) -> os.stat_result:
    """The directory that is read.

    Raises:
        SourceError: It is none, or cannot be read.
    """
    try:
        os.scandir(root).close()
        return os.stat(root)
    except OSError as e:
        raise SourceError(
            f"cannot read {os.fsdecode(root)!r}: {e.strerror}",
            hint="Check the path and its permissions.",
        ) from e


def check_root(root: bytes, began: os.stat_result) -> None:
    """Behind the last path: what was gone is deleted, and not just out of reach.

    Args:
        began: `root_status` before the first path.

    Raises:
        SourceError: It was moved, or unmounted.
    """
    now = root_status(root)
    if not os.path.samestat(now, began):
        raise SourceError(
            f"{os.fsdecode(root)!r} was replaced by another directory while it was "
            "read",
            hint="Was it moved or unmounted?  Nothing was taken for deleted.",
        )


def _look(
    path: PathKey, file: bytes, owners: OwnerNames
) -> tuple[Scanned | None, list[bytes]]:
    """One path, and the names in it if it is a directory; None for a socket."""
    status = os.lstat(file) if path else os.stat(file)  # the root may be a link
    kind = type_of_mode(status.st_mode)
    if kind is None:
        return None, []
    link = os.readlink(file) if kind is FileType.SYMLINK else b""
    is_dir = kind is FileType.DIRECTORY
    names = os.listdir(file) if is_dir else []
    size = status.st_size if kind is FileType.REGULAR else 0
    return Scanned(file_info(path, kind, status, owners, link), file, size), names


def file_info(
    path: PathKey,
    kind: FileType,
    status: os.stat_result,
    owners: OwnerNames,
    link: bytes = b"",
) -> FileInfo:
    """The attributes that an archive keeps."""
    is_device = kind in (FileType.CHARDEV, FileType.BLOCKDEV)
    return FileInfo(
        path=path,
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        uname=owners.user(status.st_uid),
        gname=owners.group(status.st_gid),
        mtime_s=max(0, int(status.st_mtime)),
        linkname=link,
        devmajor=os.major(status.st_rdev) if is_device else 0,
        devminor=os.minor(status.st_rdev) if is_device else 0,
    )


def _encoded(look_up: Callable[[int], str | None]) -> Callable[[int], bytes]:
    def encoded(number: int) -> bytes:
        return (look_up(number) or "").encode("utf-8", "surrogateescape")

    return encoded
