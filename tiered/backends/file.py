"""Objects as files below one local directory.

Facts this backend stands on:
  * rename(2) replaces its target atomically, and link(2) fails with EEXIST
    when its target is there, on one file system  [POSIX.1-2017]
  * a file and its new name are durable only once the file, then its
    directory, are fsynced  [Linux fsync(2), DESCRIPTION]

Limits: it cannot hold both "a" and "a/b"; it trusts the file system about
fsync; CREATE needs hard links (not on FAT).  See docs/backends/file.md.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from tiered.errors import (
    AlreadyExists,
    Denied,
    Full,
    NotFound,
    StoreError,
    StoreMissing,
)
from tiered.names import RESERVED_END, check_name
from tiered.store import Entry, Extras, Linkable, PutMode, Source
from tiered.store_failure import too_short

_COPY_BYTES = 1 << 20

_BY_ERRNO: dict[int, tuple[type[StoreError], str]] = {
    errno.ENOENT: (NotFound, ""),
    errno.EEXIST: (AlreadyExists, ""),
    errno.EACCES: (Denied, "Check owner and mode of the directory."),
    errno.EPERM: (Denied, "Check owner, mode and attributes of the directory."),
    errno.EROFS: (Denied, "The file system is mounted read-only."),
    errno.ENOSPC: (Full, "Free space, or move the archive to a larger disk."),
    errno.EDQUOT: (Full, "The disk quota of this user is used up."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """One local directory."""

    root: Path
    durable: bool = True
    """Fsync before a put returns.  Turn off only in tests."""


class FileStore:
    """A `tiered.store.Store` over one directory."""

    def __init__(self, settings: FileSettings) -> None:
        self._root = settings.root
        self._durable = settings.durable
        self.label = f"file://{settings.root}"
        self.extras = Extras(ranges=self, stat=self, create=self, folders=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        with self._errors_as_ours("list", prefix):
            return tuple(sorted(self._walk(prefix), key=attrgetter("name")))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        import secrets  # reading needs none

        target = self._path(name)
        part = target.with_name(f".{secrets.token_hex(8)}{RESERVED_END}")
        with self._errors_as_ours("put", name):
            self._make_folder(target.parent)
            try:
                if not self._link(source, part):
                    self._copy(source, part)
                if mode is PutMode.CREATE:
                    target.hardlink_to(part)  # the one call that refuses atomically
                else:
                    part.replace(target)
            finally:
                with suppress(FileNotFoundError):
                    part.unlink()
            self._sync_folders(target.parent)

    def _link(self, source: Source, part: Path) -> bool:
        if not isinstance(source, Linkable):
            return False
        folder = os.open(part.parent, os.O_RDONLY)
        try:
            if not source.link(folder, part.name):
                return False
        finally:
            os.close(folder)
        with part.open("rb") as linked:
            self._sync(linked.fileno())
        return True

    def _copy(self, source: Source, part: Path) -> None:
        with source.open() as src, part.open("xb") as dst:
            shutil.copyfileobj(src, dst, _COPY_BYTES)
            dst.flush()  # fsync knows nothing of Python's buffer
            self._sync(dst.fileno())

    def get(self, name: str) -> BinaryIO:
        with self._errors_as_ours("get", name):
            return self._path(name).open("rb")

    def delete(self, name: str) -> None:
        path = self._path(name)
        with self._errors_as_ours("delete", name):
            path.unlink()
            self._sync_folders(path.parent)

    def close(self) -> None:
        """Nothing is held open."""

    def stat(self, name: str) -> Entry:
        with self._errors_as_ours("stat", name):
            return Entry(name, self._path(name).stat().st_size)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        with self._errors_as_ours("get_range", name), self._path(name).open("rb") as f:
            f.seek(start)
            part = f.read(size)
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def create(self) -> bool:
        """Make the directory, but not its parents: a disk may be unmounted."""
        if self._root.is_dir():
            return False
        try:
            self._root.mkdir()
        except OSError as e:
            raise StoreMissing(
                f"{self.label}: cannot create the directory: {e.strerror}",
                hint="Create it, or mount the disk that holds it.",
            ) from e
        return True

    def remove_folder(self, folder: str) -> None:
        with self._errors_as_ours("delete", folder):
            for path, _, _ in os.walk(self._path(folder), topdown=False):
                try:
                    Path(path).rmdir()
                except OSError as e:
                    if e.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                        raise

    def _walk(self, prefix: str) -> Iterator[Entry]:
        for folder, _, files in os.walk(self._root, onerror=_raise):
            inside = Path(folder).relative_to(self._root).as_posix()
            stem = "" if inside == "." else f"{inside}/"
            for file in files:
                name = stem + file
                if file.endswith(RESERVED_END) or not name.startswith(prefix):
                    continue
                try:
                    status = os.stat(f"{folder}/{file}")  # noqa: PTH116 - costs least
                except FileNotFoundError:
                    continue  # deleted since the walk saw it
                yield Entry(name, status.st_size)

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    def _sync(self, fd: int) -> None:
        if self._durable:
            os.fsync(fd)

    def _make_folder(self, folder: Path) -> None:
        self._root.stat()  # never create the root here: its disk may be unmounted
        folder.mkdir(parents=True, exist_ok=True)

    def _sync_folders(self, folder: Path) -> None:
        """Make new names durable, from `folder` up to the root."""
        chain = [folder, *folder.parents]
        for each in chain[: chain.index(self._root) + 1]:
            fd = os.open(each, os.O_RDONLY)
            try:
                self._sync(fd)
            finally:
                os.close(fd)

    @contextmanager
    def _errors_as_ours(self, verb: str, name: str) -> Iterator[None]:
        """The one place where an OSError becomes a StoreError (rule R5)."""
        try:
            yield
        except OSError as e:
            kind, hint = _BY_ERRNO.get(e.errno or 0, (StoreError, ""))
            if not self._root.is_dir():
                raise StoreMissing(
                    f"{self.label}: there is no such directory",
                    hint="Mount the disk, or create the directory.",
                ) from e
            what = f"{self.label}: cannot {verb} {name!r}: {e.strerror}"
            raise kind(what, hint=hint, verb=verb, name=name, errno=e.errno) from e


def _raise(error: OSError) -> None:
    raise error
