"""What an archive keeps about a file, whatever container it lies in."""

import stat
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from tiered.archive import tar
from tiered.archive.paths import PathKey, join_path


class FileType(Enum):
    """The value is the type byte of a tar header."""

    REGULAR = tar.REGULAR
    HARDLINK = b"1"
    """Style tiered only: another name of a file that stands earlier."""
    SYMLINK = tar.SYMLINK
    CHARDEV = tar.CHARDEV
    BLOCKDEV = tar.BLOCKDEV
    DIRECTORY = tar.DIRECTORY
    FIFO = tar.FIFO


TYPE_OF_BYTE: Final = MappingProxyType({kind.value[0]: kind for kind in FileType})
"""By what stands in the columns of an index."""

_TYPE_OF_FORMAT = {
    stat.S_IFREG: FileType.REGULAR,
    stat.S_IFLNK: FileType.SYMLINK,
    stat.S_IFCHR: FileType.CHARDEV,
    stat.S_IFBLK: FileType.BLOCKDEV,
    stat.S_IFDIR: FileType.DIRECTORY,
    stat.S_IFIFO: FileType.FIFO,
}


def type_of_mode(st_mode: int) -> FileType | None:
    """What lies at a path, by its `st_mode`; None if no archive keeps it: a socket."""
    return _TYPE_OF_FORMAT.get(stat.S_IFMT(st_mode))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """One path and its attributes."""

    path: PathKey
    type: FileType
    mode: int = 0
    uid: int = 0
    gid: int = 0
    uname: bytes = b""
    gname: bytes = b""
    mtime_s: int = 0
    """Whole seconds, not below 0: style duplicity keeps no more."""
    linkname: bytes = b""
    devmajor: int = 0
    devminor: int = 0

    def same_as(self, other: "FileInfo") -> bool:
        """Do the attributes say that nothing changed?

        A device has no time of its own, and a link no mode; else everything
        counts  [docs/format/duplicity.md, "Change detection"].
        """
        if self.type is not other.type:
            return False
        mine, theirs = self._owner_and_time(), other._owner_and_time()
        if self.type is FileType.SYMLINK:
            return mine == theirs and self.linkname == other.linkname
        return mine == theirs and self.mode == other.mode

    def _owner_and_time(self) -> tuple[int, ...]:
        is_device = self.type in (FileType.CHARDEV, FileType.BLOCKDEV)
        last = (self.devmajor, self.devminor) if is_device else (self.mtime_s,)
        return self.uid, self.gid, *last


def to_member(info: FileInfo, prefix: bytes, size: int = 0) -> tar.Member:
    """The tar member `prefix`/path; a directory ends in a slash."""
    name = prefix + join_path(info.path)
    if info.type is FileType.DIRECTORY:
        name = name.rstrip(b"/") + b"/"
    return tar.Member(
        name=name,
        type=info.type.value,
        mode=info.mode,
        uid=info.uid,
        gid=info.gid,
        size=size,
        mtime_s=info.mtime_s,
        linkname=info.linkname,
        uname=info.uname,
        gname=info.gname,
        devmajor=info.devmajor,
        devminor=info.devminor,
    )


def from_member(member: tar.Member, path: PathKey) -> FileInfo:
    """The attributes in a tar header.  The caller has checked the type."""
    return FileInfo(
        path=path,
        type=FileType(member.type),
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        uname=member.uname,
        gname=member.gname,
        mtime_s=max(0, member.mtime_s),
        linkname=member.linkname,
        devmajor=member.devmajor,
        devminor=member.devminor,
    )
