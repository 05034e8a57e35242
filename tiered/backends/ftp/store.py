"""Objects as files below one folder of an FTP server.

Facts this backend stands on:
  * a broken data connection looks like the end of the file to the server, so an
    object is written to a part file, its size asked for, and then renamed
  * RNTO replaces its target on Unix servers, and is refused on others
  * SIZE tells about files only [RFC 3659, section 4]

Limits: it cannot hold both "a" and "a/b"; creating is a look and a rename, so
of two writers at once both may succeed.  See docs/backends/ftp.md.
"""

import ftplib
from contextlib import closing, suppress
from functools import partial
from typing import BinaryIO

from tiered.backends.ftp import failures, listing, transfer
from tiered.backends.ftp.access import Access
from tiered.backends.ftp.connection import Connections
from tiered.backends.ftp.failures import REFUSED, reply_of
from tiered.download import Receiving, buffered
from tiered.errors import (
    AlreadyExists,
    Denied,
    NotFound,
    StoreError,
    StoreMissing,
    Unavailable,
)
from tiered.names import RESERVED_END, check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task, too_short
from tiered.upload import chunks, part_beside

_CHUNK_BYTES = 1 << 18


class FtpStore:
    """A `tiered.store.Store` over one folder."""

    def __init__(self, access: Access, connections: Connections, label: str) -> None:
        self._access, self._connections, self.label = access, connections, label
        self._folders: set[str] = set()
        """Known to be there, so not made again."""
        self.extras = Extras(ranges=self, stat=self, create=self, folders=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        what = self._what("list", prefix)
        found: list[Entry] = []
        folders = [""]
        with failures.as_ours(what), self._connections.one() as connection:
            while folders:
                folder = folders.pop()
                for row in listing.rows(connection, folder, what):
                    name = folder + row.name
                    if row.size is not None:
                        if name.startswith(prefix) and not name.endswith(RESERVED_END):
                            found.append(Entry(name, row.size))
                    elif f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                        folders.append(f"{name}/")
        return tuple(sorted(found))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        what = self._what("put", check_name(name))
        part = part_beside(name)
        with failures.as_ours(what), self._connections.one() as connection:
            if mode is PutMode.CREATE:
                self._refuse_taken(connection, name)  # before the bytes are sent
            self._make_folders(connection, name)
        try:
            with failures.as_ours(what), self._connections.one() as connection:
                data = chunks(source, what, _CHUNK_BYTES)
                transfer.send(connection, part, data, source.size, what)
                if mode is PutMode.CREATE:
                    self._refuse_taken(connection, name)
                _rename(connection, part, name, replace=mode is PutMode.REPLACE)
        except BaseException as e:
            if not isinstance(e, Unavailable) or e.facts:  # it said something
                with suppress(StoreError), failures.as_ours(what):
                    self._delete(part)
            raise

    def get(self, name: str) -> BinaryIO:
        what = self._what("get", check_name(name))
        try:
            with failures.as_ours(what):
                answer = transfer.Receiving(self._connections, name)
        except StoreError as e:
            raise self._explained(e, name, what) from e
        guard = partial(failures.as_ours, what)
        return buffered(Receiving(answer, answer.size, guard, what))

    def delete(self, name: str) -> None:
        what = self._what("delete", check_name(name))
        try:
            with failures.as_ours(what):
                self._delete(name)
        except StoreError as e:
            raise self._explained(e, name, what) from e

    def close(self) -> None:
        self._connections.close()

    def stat(self, name: str) -> Entry:
        what = self._what("stat", check_name(name))
        try:
            with failures.as_ours(what), self._connections.one() as connection:
                size = connection.size(name)
        except StoreError as e:
            raise self._explained(e, name, what) from e
        if size is None:
            raise StoreError(f"{what}: the server tells no size")
        return Entry(name, size)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        what = self._what("get_range", check_name(name))
        part = b""
        try:
            with failures.as_ours(what):
                answer = transfer.Receiving(self._connections, name, start)
        except StoreError as e:
            raise self._explained(e, name, what) from e
        with closing(answer), failures.as_ours(what):
            while len(part) < size and (more := answer.read(size - len(part))):
                part += more
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def create(self) -> bool:
        """Make the folder, but not its parents."""
        what = self._what("create", "")
        with failures.as_ours(what):
            connection = self._connections.connect(enter=False)
            with closing(connection):
                if _is_folder(connection, self._access.folder):
                    return False
                try:
                    connection.mkd(self._access.folder)
                except ftplib.error_perm as e:
                    raise StoreMissing(
                        f"{self.label}: cannot create the folder",
                        hint="Create it, and the one above it, on the server.",
                    ) from e
        return True

    def remove_folder(self, folder: str) -> None:
        what = self._what("delete", check_name(folder))
        with failures.as_ours(what), self._connections.one() as connection:
            self._remove_empty(connection, folder, what)

    def _remove_empty(self, connection: ftplib.FTP, folder: str, what: str) -> None:
        try:
            rows = listing.rows(connection, f"{folder}/", what)
        except ftplib.error_perm:
            return  # it is not there
        for row in rows:
            if row.size is None:
                self._remove_empty(connection, f"{folder}/{row.name}", what)
        with suppress(ftplib.error_perm):  # not empty: FTP has no word for that
            connection.rmd(folder)
            self._folders.discard(folder)

    def _refuse_taken(self, connection: ftplib.FTP, name: str) -> None:
        try:
            connection.size(name)
        except ftplib.error_perm as e:
            if reply_of(e) == REFUSED:
                return  # not there; or hidden, and then the rename is refused
            raise
        raise AlreadyExists(f"{self.label}: {name!r} is there", name=name)

    def _make_folders(self, connection: ftplib.FTP, name: str) -> None:
        for end in (i for i, letter in enumerate(name) if letter == "/"):
            if (folder := name[:end]) not in self._folders:
                with suppress(ftplib.error_perm):  # it is there, or the upload fails
                    connection.mkd(folder)
                self._folders.add(folder)

    def _delete(self, name: str) -> None:
        with self._connections.one() as connection:
            connection.delete(name)

    def _explained(self, error: StoreError, name: str, what: str) -> StoreError:
        """What a 550 about this object means; other errors as they are."""
        if error.facts.get("reply") != REFUSED:
            return error
        folder, slash, last = name.rpartition("/")
        with failures.as_ours(what), self._connections.one() as connection:
            try:
                rows = listing.rows(connection, folder + slash, what)
            except ftplib.error_perm:
                rows = []  # the folder of the store is there: this one is not
        if any(row.name == last and row.size is not None for row in rows):
            return Denied(
                f"{what}: the server refuses it",
                hint="Check who may do that on the server.",
                name=name,
            )
        return NotFound(f"{what}: it is not there", name=name)

    def _what(self, verb: str, name: str) -> str:
        return task(self.label, verb, name)


def _rename(connection: ftplib.FTP, part: str, name: str, *, replace: bool) -> None:
    try:
        connection.rename(part, name)
    except ftplib.error_perm:
        if not replace:
            raise
        with suppress(ftplib.error_perm):
            connection.delete(name)
        connection.rename(part, name)


def _is_folder(connection: ftplib.FTP, folder: str) -> bool:
    if not folder:
        return True
    try:
        connection.cwd(folder)
    except ftplib.error_perm as e:
        if reply_of(e) == REFUSED:
            return False
        raise
    return True
