"""Objects as files below one folder of an SFTP server.

Facts this backend stands on:
  * posix-rename@openssh.com replaces its target atomically; the plain rename
    fails if the target is there, and is atomic in OpenSSH, which makes a hard
    link for it  [OpenSSH PROTOCOL; sftp-server.c, process_rename]
  * fsync@openssh.com makes the bytes of a file durable; there is nothing of
    the kind for folders  [OpenSSH PROTOCOL]
  * a missing folder and a missing file answer alike

Limits: it cannot hold both "a" and "a/b".  See docs/backends/sftp.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import asyncssh
from asyncssh import SFTPAttrs, SFTPClient, SFTPClientFile, sftp

from tiered.backends.sftp import failures
from tiered.backends.sftp.session import Session
from tiered.backends.sftp.transfer import (
    CHUNK_BYTES,
    Reading,
    close_file,
    reading,
    send,
)
from tiered.backends.sftp.walk import Walk, is_file, remove_empty
from tiered.download import Receiving, buffered
from tiered.errors import AlreadyExists, Full, NotFound, StoreMissing
from tiered.names import check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task, too_short
from tiered.upload import chunks, part_beside


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpSettings:
    """One folder on a server."""

    root: str
    """Absolute, or relative to the home of the user."""


class SftpStore:
    """A `tiered.store.Store` over one folder."""

    def __init__(self, settings: SftpSettings, session: Session, label: str) -> None:
        self._root, self._session, self.label = settings.root, session, label
        self.extras = Extras(ranges=self, stat=self, create=self, folders=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        walk = Walk(self._root, prefix, self._session.timeout_s)
        with self._errors_as_ours("list", prefix):
            return tuple(sorted(self._session.call_long(walk.run)))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        target = self._path(name)
        part = part_beside(target)
        with self._errors_as_ours("put", name):
            if mode is PutMode.CREATE:
                self._refuse_taken(name, target)  # before the bytes are sent
            file = self._open_part(part)
            try:
                self._fill(file, name, source)
                self._publish(name, part, target, mode)
            except BaseException:
                if self._session.is_connected:  # a dead server costs one timeout
                    close_file(self._session, file)
                    with suppress(OSError, asyncssh.Error):
                        self._session.call(lambda s: s.remove(part))
                raise

    def get(self, name: str) -> BinaryIO:
        with self._errors_as_ours("get", name):
            file, size = self._open(name)
        answer = Reading(self._session, file, size)
        guard = partial(self._errors_as_ours, "get", name)
        return buffered(Receiving(answer, size, guard, f"{self.label}: {name!r}"))

    def delete(self, name: str) -> None:
        path = self._path(name)
        with self._errors_as_ours("delete", name):
            self._session.call(lambda s: s.remove(path))

    def close(self) -> None:
        self._session.close()

    def stat(self, name: str) -> Entry:
        path = self._path(name)
        with self._errors_as_ours("stat", name):
            found = self._session.call(lambda s: s.stat(path))
        return Entry(name, self._size(name, found))

    def get_range(self, name: str, start: int, size: int) -> bytes:
        with self._errors_as_ours("get_range", name):
            file, _ = self._open(name)
            try:
                part = self._session.call_on(reading(file, size, start))
            finally:
                close_file(self._session, file)
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def create(self) -> bool:
        """Make the folder, but not its parents: a disk may be unmounted."""
        with failures.as_ours(task(self.label, "open")):
            if self._exists(self._root):
                return False
            try:
                self._session.call(lambda s: s.mkdir(self._root))
            except sftp.SFTPError as e:
                raise StoreMissing(
                    f"{self.label}: cannot create the folder",
                    hint="Create it on the server, or mount the disk that holds it.",
                ) from e
        return True

    def remove_folder(self, folder: str) -> None:
        path = self._path(folder)
        with self._errors_as_ours("delete", folder):
            self._session.call_long(
                lambda s: remove_empty(s, path, self._session.timeout_s)
            )

    def _refuse_taken(self, name: str, target: str) -> None:
        if self._exists(target):
            raise AlreadyExists(f"{self.label}: {name!r} is there", name=name)

    def _open_part(self, part: str) -> SFTPClientFile:
        try:
            return self._session.call(partial(_open_file, path=part, mode="xb"))
        except sftp.SFTPNoSuchFile:
            self._session.call(partial(_make_folders, root=self._root, path=part))
        return self._session.call(partial(_open_file, path=part, mode="xb"))

    def _fill(self, file: SFTPClientFile, name: str, source: Source) -> None:
        try:
            data = chunks(source, f"{self.label}: {name!r}", CHUNK_BYTES)
            send(self._session, file, data)
            with suppress(sftp.SFTPOpUnsupported):
                self._session.call_on(file.fsync)
            self._session.call_on(file.close)
        except sftp.SFTPFailure as e:
            if self._is_full(source.size):
                raise Full(
                    f"{self.label}: there is no space for {name!r}",
                    hint="Free space on the server, or move the archive.",
                ) from e
            raise

    def _publish(self, name: str, part: str, target: str, mode: PutMode) -> None:
        """Give a whole part file its name."""
        if mode is PutMode.CREATE:
            try:
                self._session.call(lambda s: s.rename(part, target))
            except (sftp.SFTPFailure, sftp.SFTPFileAlreadyExists):
                self._refuse_taken(name, target)  # version 3 does not say why
                raise
            return
        try:
            self._session.call(lambda s: s.posix_rename(part, target))
        except sftp.SFTPOpUnsupported:
            with suppress(sftp.SFTPNoSuchFile):
                self._session.call(lambda s: s.remove(target))
            self._session.call(lambda s: s.rename(part, target))

    def _open(self, name: str) -> tuple[SFTPClientFile, int]:
        path = self._path(name)
        file = self._session.call(partial(_open_file, path=path, mode="rb"))
        try:
            return file, self._size(name, self._session.call_on(file.stat))
        except BaseException:
            close_file(self._session, file)
            raise

    def _size(self, name: str, found: SFTPAttrs) -> int:
        if not is_file(found) or found.size is None:
            raise NotFound(f"{self.label}: {name!r} is no file", name=name)
        return found.size

    def _exists(self, path: str) -> bool:
        return self._session.call(lambda s: s.exists(path))

    def _is_full(self, wanted_bytes: int) -> bool:
        """Is there less space than that?  No, if the server does not tell."""
        try:
            found = self._session.call(lambda s: s.statvfs(self._root))
        except sftp.SFTPError:
            return False
        free = (found.bavail or 0) * (found.frsize or 0)
        return free < wanted_bytes or found.favail == 0

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{check_name(name)}"

    @contextmanager
    def _errors_as_ours(self, verb: str, name: str) -> Iterator[None]:
        what = task(self.label, verb, name)
        try:
            with failures.as_ours(what):
                yield
        except NotFound as e:
            with failures.as_ours(what):
                there = self._exists(self._root)
            if there:
                raise
            raise StoreMissing(
                f"{self.label}: there is no such folder on the server",
                hint="Create it, or correct the URL: /folder is below the home of "
                "the user, //folder is absolute.",
            ) from e


async def _open_file(client: SFTPClient, *, path: str, mode: str) -> SFTPClientFile:
    return await client.open(path, mode, encoding=None)


async def _make_folders(client: SFTPClient, *, root: str, path: str) -> None:
    """Make the folders between `root`, which must be there, and `path`."""
    await client.stat(root)
    *folders, _ = path.removeprefix(f"{root.rstrip('/')}/").split("/")
    place = root.rstrip("/")
    for folder in folders:
        place = f"{place}/{folder}"
        with suppress(sftp.SFTPFailure, sftp.SFTPFileAlreadyExists):  # it is there
            await client.mkdir(place)
