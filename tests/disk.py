"""A tree of files on disk, what may happen to it, and how two of them differ.

An edit does what it says if that can be done where it says so, and else nothing:
any order of any edits makes a tree.
"""

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from random import Random

from blake3 import blake3

Edit = Callable[[Path], None]

_PAGE = 4096
XATTR = "user.tested"


@dataclass(frozen=True, slots=True)
class Write:
    """A file of noise, written into the one that is there: hard links share it."""

    path: str
    size: int
    seed: int

    def __call__(self, root: Path) -> None:
        if not _is_file(root, self.path):
            _clear(root, self.path)
        (root / self.path).write_bytes(Random(self.seed).randbytes(self.size))


@dataclass(frozen=True, slots=True)
class _OfFile:
    """An edit of the content of a file, if there is one."""

    path: str

    def __call__(self, root: Path) -> None:
        if _is_file(root, self.path):
            self.edit(root / self.path)

    def edit(self, place: Path) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Splice(_OfFile):
    """Cut bytes out, and put others there."""

    place: float
    out_bytes: int
    in_bytes: int
    seed: int

    def edit(self, place: Path) -> None:
        old = place.read_bytes()
        at = int(len(old) * self.place)
        new = Random(self.seed).randbytes(self.in_bytes)
        place.write_bytes(old[:at] + new + old[at + self.out_bytes :])


@dataclass(frozen=True, slots=True)
class Pages(_OfFile):
    """Overwrite pages here and there, as a database does."""

    count: int
    seed: int

    def edit(self, place: Path) -> None:
        random, size = Random(self.seed), place.stat().st_size
        with place.open("r+b") as file:
            for _ in range(self.count if size else 0):
                at = random.randrange(size) // _PAGE * _PAGE
                file.seek(at)
                file.write(random.randbytes(min(_PAGE, size - at)))


@dataclass(frozen=True, slots=True)
class Swap(_OfFile):
    """What was first comes last."""

    place: float

    def edit(self, place: Path) -> None:
        old = place.read_bytes()
        at = int(len(old) * self.place)
        place.write_bytes(old[at:] + old[:at])


@dataclass(frozen=True, slots=True)
class Punch(_OfFile):
    """A hole in the midst: the file is written anew around it."""

    place: float
    size: int

    def edit(self, place: Path) -> None:
        old = place.read_bytes()
        at = int(len(old) * self.place)
        with place.open("r+b") as file:
            file.truncate(at)
            file.truncate(len(old))
            file.seek(at + self.size)
            file.write(old[at + self.size :])


@dataclass(frozen=True, slots=True)
class Truncate(_OfFile):
    """Shorter, or longer by a hole."""

    size: int

    def edit(self, place: Path) -> None:
        os.truncate(place, self.size)


@dataclass(frozen=True, slots=True)
class _OfTwo:
    """An edit by which one path becomes something of another."""

    path: str
    other: str

    def __call__(self, root: Path) -> None:
        # what is above would be cleared away, with the path itself
        apart = not self.path.startswith(self.other + "/")
        if self.path != self.other and apart and _is_there(root, self.path):
            _clear(root, self.other)
            with suppress(OSError):  # into itself, or a link to a folder
                self.edit(root / self.path, root / self.other)

    def edit(self, place: Path, other: Path) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Copy(_OfTwo):
    """A file like another."""

    def edit(self, place: Path, other: Path) -> None:
        if place.is_file() and not place.is_symlink():
            shutil.copyfile(place, other)


@dataclass(frozen=True, slots=True)
class Move(_OfTwo):
    """Another name."""

    def edit(self, place: Path, other: Path) -> None:
        place.rename(other)


@dataclass(frozen=True, slots=True)
class Link(_OfTwo):
    """A second name."""

    def edit(self, place: Path, other: Path) -> None:
        os.link(place, other, follow_symlinks=False)


@dataclass(frozen=True, slots=True)
class Symlink:
    """A link that names any path."""

    path: str
    target: str

    def __call__(self, root: Path) -> None:
        _clear(root, self.path)
        (root / self.path).symlink_to(self.target)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; one that is there stays."""

    path: str

    def __call__(self, root: Path) -> None:
        if not _is_folder(root / self.path):
            _clear(root, self.path)
            (root / self.path).mkdir()


@dataclass(frozen=True, slots=True)
class Remove:
    """A path, and what is below it."""

    path: str

    def __call__(self, root: Path) -> None:
        if _is_there(root, self.path):
            _remove(root / self.path)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Everything but the content; the time may go back."""

    path: str
    mode: int
    uid: int
    mtime_ns: int | None
    """None: as it is."""
    xattr: bytes | None
    """None: there is none."""

    def __call__(self, root: Path) -> None:
        if not _is_there(root, self.path) or (root / self.path).is_symlink():
            return
        place = root / self.path
        mtime_ns = place.stat().st_mtime_ns
        os.chown(place, self.uid, self.uid)
        place.chmod(self.mode)
        if self.xattr is not None:
            os.setxattr(place, XATTR, self.xattr)
        elif XATTR in os.listxattr(place):
            os.removexattr(place, XATTR)
        new_ns = mtime_ns if self.mtime_ns is None else self.mtime_ns
        os.utime(place, ns=(new_ns, new_ns))


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _is_there(root: Path, path: str) -> bool:
    """Not by way of a symbolic link."""
    place = root / path
    above = place.relative_to(root).parents
    return all(_is_folder(root / p) for p in above) and os.path.lexists(place)


def _is_file(root: Path, path: str) -> bool:
    return _is_there(root, path) and stat.S_ISREG((root / path).lstat().st_mode)


def _remove(place: Path) -> None:
    if _is_folder(place):
        shutil.rmtree(place)
    else:
        place.unlink()


def _clear(root: Path, path: str) -> None:
    """Nothing is there, and folders are above."""
    for above in reversed((root / path).relative_to(root).parents):
        if not _is_folder(root / above):
            (root / above).unlink(missing_ok=True)
            (root / above).mkdir()
    if os.path.lexists(root / path):
        _remove(root / path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that style tiered keeps of a path."""

    type: int
    mode: int
    owner: tuple[int, int]
    mtime_ns: int
    size: int
    """Of a file."""
    blake3: str
    target: str
    xattrs: dict[str, bytes]
    names: frozenset[bytes]
    """Of a file: all that it has in this tree."""


Tree = Mapping[bytes, Look]


def look(root: Path) -> dict[bytes, Look]:
    """Every path at and below `root`, which is the empty path."""
    found = {b"": root}
    if _is_folder(root):
        found |= {bytes(p.relative_to(root)): p for p in root.rglob("*")}
    names: dict[int, list[bytes]] = {}
    for path, place in found.items():
        names.setdefault(place.lstat().st_ino, []).append(path)
    return {path: _look(place, names) for path, place in sorted(found.items())}


def _look(place: Path, names: Mapping[int, list[bytes]]) -> Look:
    status = place.lstat()
    kind = stat.S_IFMT(status.st_mode)
    is_file, is_link = kind == stat.S_IFREG, kind == stat.S_IFLNK
    return Look(
        type=kind,
        mode=0 if is_link else stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        mtime_ns=status.st_mtime_ns,
        size=status.st_size if is_file else 0,
        blake3=blake3(place.read_bytes()).hexdigest() if is_file else "",
        target=str(place.readlink()) if is_link else "",
        xattrs={
            name: os.getxattr(place, name, follow_symlinks=False)
            for name in os.listxattr(place, follow_symlinks=False)
        },
        names=frozenset(names[status.st_ino]) if is_file else frozenset(),
    )


def below(tree: Tree, path: bytes) -> dict[bytes, Look]:
    """What `look` says of a part of a tree that stands alone."""
    if not path:
        return dict(tree)
    start = len(path) + 1

    def is_inside(other: bytes) -> bool:
        return other == path or other.startswith(path + b"/")

    return {
        other[start:]: replace(
            seen, names=frozenset(n[start:] for n in seen.names if is_inside(n))
        )
        for other, seen in tree.items()
        if is_inside(other)
    }


def unlike(a: Tree, b: Tree) -> list[str]:
    """A line for each difference; [] if there is none."""
    lines = [f"{path!r} is missing" for path in sorted(a.keys() - b.keys())]
    lines += [f"{path!r} is too much" for path in sorted(b.keys() - a.keys())]
    for path in sorted(a.keys() & b.keys()):
        for name in (f.name for f in fields(Look)):
            mine, theirs = getattr(a[path], name), getattr(b[path], name)
            if mine != theirs:
                lines.append(f"{path!r}: {name} {mine!r} is now {theirs!r}")
    return lines
