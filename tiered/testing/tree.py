"""Trees of files for checks: build one, look at one, say how two differ.

What `snapshot` sees of a path is what style duplicity keeps of it.  Left out are
the time of links and of device nodes, which no change detection of that style
looks at, and the mode of links, which means nothing.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path

from tiered.archive.fileinfo import FileType, type_of_mode

TIME_S = 1_700_000_000
"""Of every item that does not say otherwise."""
_DEVICES = (FileType.CHARDEV, FileType.BLOCKDEV)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One path to make."""

    type: FileType = FileType.REGULAR
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_s: int = TIME_S
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    """Major and minor number."""


def file(data: bytes, mode: int = 0o644, mtime_s: int = TIME_S) -> Item:
    return Item(data=data, mode=mode, mtime_s=mtime_s)


def folder(mode: int = 0o755, mtime_s: int = TIME_S) -> Item:
    return Item(type=FileType.DIRECTORY, mode=mode, mtime_s=mtime_s)


def link(target: bytes) -> Item:
    return Item(type=FileType.SYMLINK, link=target)


def build(root: Path, items: Mapping[bytes, Item]) -> None:
    """Make `root` anew with exactly these paths; what was there is gone.

    Args:
        root: A directory, or nothing yet.
        items: By path below `root`; b"." is `root` itself.  Directories need
            no item of their own.  An owner other than 0 is set, which only
            root may do.
    """
    if root.exists():
        shutil.rmtree(root)
    root.mkdir()
    places = {path: root / os.fsdecode(path) for path in sorted(items)}
    for path, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        _make(place, items[path])
    deepest_first = sorted(places, key=lambda p: len(places[p].parts), reverse=True)
    for path in deepest_first:  # making what is inside has changed their times
        if items[path].type is FileType.DIRECTORY:
            _dress(places[path], items[path])


def _make(place: Path, item: Item) -> None:
    match item.type:
        case FileType.DIRECTORY:
            place.mkdir(exist_ok=True)
            return
        case FileType.REGULAR:
            place.write_bytes(item.data)
        case FileType.SYMLINK:
            place.symlink_to(os.fsdecode(item.link))
        case FileType.FIFO:
            os.mkfifo(place)
        case FileType.CHARDEV:
            os.mknod(place, stat.S_IFCHR, os.makedev(*item.device))
        case FileType.BLOCKDEV:
            os.mknod(place, stat.S_IFBLK, os.makedev(*item.device))
    _dress(place, item)


def _dress(place: Path, item: Item) -> None:
    if (item.uid, item.gid) != (0, 0):
        os.chown(place, item.uid, item.gid, follow_symlinks=False)
    if item.type is not FileType.SYMLINK:
        place.chmod(item.mode)
    os.utime(place, (item.mtime_s, item.mtime_s), follow_symlinks=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One path as it is on disk."""

    type: FileType
    mode: int
    uid: int
    gid: int
    mtime_s: int
    content: str
    """BLAKE2 of a regular file's bytes, hex."""
    size_bytes: int
    link: bytes
    device: tuple[int, int]

    def document(self) -> dict[str, object]:
        """For JSON: only what means something for the type."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            key: _plain(value) for key, value in found.items() if value not in _NOTHING
        }


_NOTHING = ("", b"", (0, 0))

Tree = Mapping[bytes, Seen]


def snapshot(root: Path, *, link_times: bool = False) -> dict[bytes, Seen]:
    """Every path below `root`, links not followed; b"." is `root` itself.

    Sockets are left out, as no archive keeps them; so are the times of links
    unless they are asked for, as duplicity loses them.
    """
    tree = {b".": _look(root, root.stat(), FileType.DIRECTORY)}
    waiting = [root]
    while waiting:
        for place in waiting.pop().iterdir():
            status = place.lstat()
            kind = type_of_mode(status.st_mode)
            if kind is None:
                continue
            seen = _look(place, status, kind)
            if kind is FileType.SYMLINK and link_times:
                seen = replace(seen, mtime_s=int(status.st_mtime))
            tree[os.fsencode(place.relative_to(root))] = seen
            if kind is FileType.DIRECTORY:
                waiting.append(place)
    return dict(sorted(tree.items()))


def _look(place: Path, status: os.stat_result, kind: FileType) -> Seen:
    is_file, is_link = kind is FileType.REGULAR, kind is FileType.SYMLINK
    number = status.st_rdev if kind in _DEVICES else 0
    target = os.readlink(place) if is_link else ""  # noqa: PTH115 - as it is written
    return Seen(
        type=kind,
        mode=0 if is_link else stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_s=0 if is_link or kind in _DEVICES else int(status.st_mtime),
        content=_content(place) if is_file else "",
        size_bytes=status.st_size if is_file else 0,
        link=os.fsencode(target),
        device=(os.major(number), os.minor(number)),
    )


def _content(place: Path) -> str:
    with place.open("rb") as opened:
        return hashlib.file_digest(opened, _hash).hexdigest()


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=20)


def below(tree: Tree, path: bytes) -> dict[bytes, Seen]:
    """The part at and below `path`, as a snapshot of that part alone."""
    inside = {p: seen for p, seen in tree.items() if p.startswith(path + b"/")}
    part = {p[len(path) + 1 :]: seen for p, seen in inside.items()}
    return {b".": tree[path], **part}


def differences(a: Tree, b: Tree) -> list[str]:
    """One line for each path that is not the same in both; [] if all are."""
    lines = []
    for path in sorted({*a, *b}):
        name = path.decode("utf-8", "backslashreplace")
        if path not in b:
            lines.append(f"{name}: missing")
        elif path not in a:
            lines.append(f"{name}: unexpected")
        else:
            lines += [f"{name}: {line}" for line in _unlike(a[path], b[path])]
    return lines


def _unlike(a: Seen, b: Seen) -> list[str]:
    if a.type is not b.type:
        return [f"type {_plain(a.type)} is now {_plain(b.type)}"]
    return [
        f"{f.name} {_plain(getattr(a, f.name))} is now {_plain(getattr(b, f.name))}"
        for f in fields(a)
        if getattr(a, f.name) != getattr(b, f.name)
    ]


def documents(tree: Tree) -> dict[str, dict[str, object]]:
    """For JSON; bytes of names that are not UTF-8 become surrogates."""
    return {
        path.decode("utf-8", "surrogateescape"): seen.document()
        for path, seen in tree.items()
    }


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.name.lower()
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case tuple():
            return list(value)
    return value
