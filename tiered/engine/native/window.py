"""Some thousand rows of a state, turned into what is to be done with them.

A window bounds the memory of a restore, however many paths there are.  What
belongs to one frame is next to each other in path order, so almost no frame is
wanted by two windows.
"""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tiered.archive.columns import (
    DEVICES,
    HASH_BYTES,
    REGULAR,
    SPARSE,
    TYPES,
    WITH_LINK,
    Columns,
    Owner,
    Xattrs,
)
from tiered.archive.fileinfo import FileType
from tiered.archive.paths import PathKey, join_path, show_path, split_path
from tiered.engine.native.files import FileJob, Node
from tiered.engine.native.folders import Folders, SpecialJob
from tiered.engine.native.schedule import Segment, VolumeNumbers
from tiered.engine.native.selection import (
    Found,
    Part,
    is_worth_joining,
    joined_extents,
)
from tiered.engine.place import PlaceSettings
from tiered.errors import ArchiveDamaged

_MODE = 0o7777
_LARGEST_ID = (1 << 32) - 2
_Looks = tuple[bytes, tuple[int, int] | None, int, int, Xattrs]
"""The fields of a `Node`."""
_NO_FOLDER = OSError(errno.ENOTDIR, "its directory could not be made")


@dataclass(slots=True, eq=False)
class Window:
    """What to write, in archive order."""

    files: list[FileJob] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    specials: list[SpecialJob] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)
    """For each hard link: the file that it is a name of, and where."""
    paths: int = 0
    """Directories that were made."""

    def __len__(self) -> int:
        """Roughly how much memory it takes."""
        return len(self.files) + len(self.segments) + len(self.specials)


class Filler:
    """Fills windows.

    Args:
        folders: Makes the directories on the way.
        below: What the restore is of; it becomes the root.
        content_of: Finds the file that a hard link shares its content with.
        refuse: Told of each path that cannot be restored.
    """

    def __init__(
        self,
        folders: Folders,
        place: PlaceSettings,
        below: PathKey,
        content_of: Callable[[bytes], Found],
        numbers: VolumeNumbers,
        refuse: Callable[[bytes, Exception], None],
    ) -> None:
        self._folders, self._place = folders, place
        self._below, self._content_of = below, content_of
        self._numbers, self._refuse = numbers, refuse
        self._cut = len(join_path(below)) + 1 if below else 0
        self._outside: dict[bytes, bytes] = {}
        """Files that are not restored -> the first link to each, which is."""
        self._owners: tuple[Sequence[Owner], list[tuple[int, int] | None]] = (), []

    def fill(self, window: Window, part: Part) -> None:
        """Add rows.

        Cost: 3 microseconds for each file.
        """
        columns, folders = part.columns, self._folders
        owners = self._owner_ids(part.owners)
        cut, places = self._cut, _Places(columns, part.start)
        add_file = self._adder(window, part)
        parent: bytes | None = None
        usable = False
        here = slice(part.start, part.stop)
        rows = zip(
            range(part.start, part.stop),
            columns.paths[here],
            columns.types[here],
            columns.owners[here],
            columns.modes[here],
            columns.mtimes_ns[here],
            strict=True,
        )
        for row, whole, kind, owner, mode, mtime_ns in rows:
            path = whole[cut:]
            if path:
                above = path.rpartition(b"/")[0]
                if above != parent:
                    parent, usable = above, folders.enter(above)
                if not usable:
                    places.skip(kind)
                    self._refuse(folders.file(path), _NO_FOLDER)
                    continue
            xattrs = columns.xattrs.get(row)
            looks = (
                folders.file(path),
                owners[owner],
                mode & _MODE,
                mtime_ns,
                tuple(xattrs.items()) if xattrs else (),
            )
            if kind == REGULAR:
                add_file(row, looks, places)
            else:
                self._add_other(window, path, TYPES[kind], Node(*looks), places)

    def _adder(
        self, window: Window, part: Part
    ) -> "Callable[[int, _Looks, _Places], None]":
        """Adds a file; all that is the same for each is looked up once."""
        columns = part.columns
        volumes = self._numbers.of(part.volumes)
        files, segments = window.files, window.segments
        sizes, flags, hashes = columns.sizes, columns.flags, bytes(columns.hashes)
        extents = columns.extent_volumes, columns.extent_offsets, columns.extent_lengths
        in_volumes, offsets, lengths = extents

        def add(row: int, looks: _Looks, places: _Places) -> None:
            number = len(files)
            hash_at, first, last = places.file()
            digest = hashes[hash_at : hash_at + HASH_BYTES]
            job = FileJob(*looks, sizes[row], digest, flags[row] & SPARSE > 0)
            files.append(job)
            if is_worth_joining(last - first, flags[row]):
                found, job.joins = joined_extents(part, row, first, last)
                segments.extend(
                    [
                        (volumes[volume], offset, number, at, length)
                        for volume, offset, at, length in found
                    ]
                )
                return
            at = 0
            for extent in range(first, last):
                volume, length = volumes[in_volumes[extent]], lengths[extent]
                segments.append((volume, offsets[extent], number, at, length))
                at += length

        return add

    def _add_other(
        self,
        window: Window,
        path: bytes,
        kind: FileType | None,
        node: Node,
        places: "_Places",
    ) -> None:
        if kind is FileType.DIRECTORY:
            window.paths += self._folders.add(path, node)
        elif kind is FileType.HARDLINK:
            self._add_link(window, path, places.link())
        elif kind is not None:
            link = places.link() if kind is FileType.SYMLINK else b""
            is_device = kind in (FileType.CHARDEV, FileType.BLOCKDEV)
            device = places.device() if is_device else (0, 0)
            looks = (node.file, node.owner, node.mode, node.mtime_ns, node.xattrs)
            window.specials.append(SpecialJob(*looks, kind, link, device))

    def _add_link(self, window: Window, path: bytes, link: bytes) -> None:
        """A name of a file that comes earlier, or else the file itself."""
        key = split_path(link)
        file = self._folders.file(path)
        if key >= self._below + split_path(path):
            text = f"it is a hard link to {show_path(key)}, which does not come before"
            self._refuse(file, ArchiveDamaged(text))
            return
        if key[: len(self._below)] == self._below and key != self._below:
            first = self._folders.file(link[self._cut :])
        elif outside := self._outside.get(link):
            first = outside
        else:
            self._outside[link] = file
            self._add_content(window, file, link)
            return
        window.links.append((first, file))

    def _add_content(self, window: Window, file: bytes, link: bytes) -> None:
        try:
            found = self._content_of(link)
        except ArchiveDamaged as e:
            self._refuse(file, e)
            return
        row, number = found.row, len(window.files)
        volumes = self._numbers.of(found.volumes)
        (owner,) = _owner_ids((row.owner,), self._place)
        looks = file, owner, row.mode & _MODE, row.mtime_ns, row.xattrs
        window.files.append(FileJob(*looks, row.size, row.hash, row.sparse))
        at = 0
        for extent in row.extents:
            volume = volumes[extent.volume]
            window.segments.append((volume, extent.offset, number, at, extent.length))
            at += extent.length

    def _owner_ids(self, owners: Sequence[Owner]) -> list[tuple[int, int] | None]:
        if self._owners[0] is not owners:
            self._owners = owners, _owner_ids(owners, self._place)
        return self._owners[1]


class _Places:
    """Goes through the columns that not every row has, along with the rows."""

    def __init__(self, columns: Columns, start: int) -> None:
        before = columns.types[:start]
        self._columns = columns
        self._file = before.count(REGULAR)
        self._extent = sum(columns.extent_counts[: self._file])
        self._link = sum(before.count(kind) for kind in WITH_LINK)
        self._device = sum(before.count(kind) for kind in DEVICES)

    def file(self) -> tuple[int, int, int]:
        """Where the hash of the next file stands; its first extent, and the end."""
        file, first = self._file, self._extent
        self._file = file + 1
        self._extent = last = first + self._columns.extent_counts[file]
        return file * HASH_BYTES, first, last

    def link(self) -> bytes:
        self._link += 1
        return self._columns.links[self._link - 1]

    def device(self) -> tuple[int, int]:
        self._device += 1
        return self._columns.devices[self._device - 1]

    def skip(self, kind: int) -> None:
        if kind == REGULAR:
            self.file()
        elif kind in WITH_LINK:
            self._link += 1
        elif kind in DEVICES:
            self._device += 1


def _owner_ids(
    owners: Sequence[Owner], place: PlaceSettings
) -> list[tuple[int, int] | None]:
    """What each owner is on this machine: a name that is known here counts more.

    Raises:
        ArchiveDamaged: A number is none that a user can have.
    """
    if not place.ownership:
        return [None] * len(owners)
    ids: list[tuple[int, int] | None] = []
    for owner in owners:
        user, group = place.user_id(owner.uname), place.group_id(owner.gname)
        uid = owner.uid if user is None else user
        gid = owner.gid if group is None else group
        if not (0 <= uid <= _LARGEST_ID and 0 <= gid <= _LARGEST_ID):
            raise ArchiveDamaged(f"the archive holds the owner {uid}:{gid}")
        ids.append((uid, gid))
    return ids
