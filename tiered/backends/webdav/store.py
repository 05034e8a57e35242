"""Objects as files below one folder of a WebDAV server.

Facts this backend stands on [RFC 4918]:
  * MOVE with `Overwrite: F` answers 412 if the target is there; with T it
    replaces it (9.9.3, 10.6).  Whether another writer can come between the look
    and the move is left to the server
  * PUT of a server may leave what came before the connection broke, so a part
    file is written first
  * DELETE of a folder deletes all that is in it (9.6.1), so what is deleted is
    looked at before

Limits: it cannot hold both "a" and "a/b".  See docs/backends/webdav.md.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from functools import partial
from typing import BinaryIO, cast

import requests

from tiered.backends.webdav import failures, multistatus
from tiered.backends.webdav.access import Access
from tiered.backends.webdav.session import Session
from tiered.download import Readable, Receiving, buffered
from tiered.errors import AlreadyExists, NotFound, StoreError, StoreMissing, Unavailable
from tiered.names import RESERVED_END, check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task, too_short
from tiered.upload import chunks, part_beside

_CHUNK_BYTES = 1 << 18


class WebdavStore:
    """A `tiered.store.Store` over one folder."""

    def __init__(self, access: Access, session: Session, label: str) -> None:
        self._access, self._session, self.label = access, session, label
        self._folders = {""}
        """Known to be there, so not made again."""
        self._replacing = threading.Lock()
        """Some servers delete the target, then move: two at once are an error."""
        self.extras = Extras(ranges=self, stat=self, create=self, folders=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        found: list[Entry] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            for name, size in self._inside(folder):
                if size is not None:
                    if name.startswith(prefix) and not name.endswith(RESERVED_END):
                        found.append(Entry(name, size))
                elif f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                    folders.append(f"{name}/")
        return tuple(sorted(found))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        part = part_beside(check_name(name))
        what = self._what("put", name)
        if mode is PutMode.CREATE:
            self._refuse_taken(name)  # before the bytes are sent
        self._make_folders(name)
        try:
            body = _Body(source, what)
            done = (200, 201, 204)
            self._session.ask("PUT", part, what, hoped=done, body=body).close()
            self._publish(part, name, mode, what)
        except BaseException as e:
            if not isinstance(e, Unavailable) or e.facts:  # it said something
                with suppress(StoreError):
                    self._delete(part, what)
            raise

    def get(self, name: str) -> BinaryIO:
        what = self._what("get", check_name(name))
        answer = self._session.ask("GET", name, what, hoped=(200,))
        size = answer.headers.get("Content-Length", "")
        if not size.isdecimal():
            answer.close()
            raise StoreError(f"{what}: the server does not tell the size")
        return buffered(_receiving(answer, int(size), what))

    def delete(self, name: str) -> None:
        self.stat(name)
        self._delete(name, self._what("delete", name))

    def close(self) -> None:
        self._session.close()

    def stat(self, name: str) -> Entry:
        what = self._what("stat", check_name(name))
        for row in self._rows(name, "0", what):
            if row.size is not None:
                return Entry(name, row.size)
        raise NotFound(f"{what}: it is no file", name=name)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        if size == 0:
            self.stat(name)
            return b""
        what = self._what("get_range", check_name(name))
        headers = {"Range": f"bytes={start}-{start + size - 1}"}
        answer = self._session.ask(
            "GET", name, what, hoped=(200, 206, 416), headers=headers
        )
        with closing(answer), failures.as_ours(what):
            raw = cast(io.BufferedIOBase, answer.raw)
            if answer.status_code == 200:  # the server knows no ranges
                _skip(raw, start)
            part = raw.read(size) if answer.status_code != 416 else b""
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def create(self) -> bool:
        """Make the folder, but not its parents."""
        try:
            return self._session.make_root(self._what("create", ""))
        except StoreError as e:
            if e.facts.get("status") not in (404, 409):
                raise
            raise StoreMissing(
                f"{self.label}: the folder above it is not there",
                hint="Create it on the server, or correct the URL.",
            ) from e

    def remove_folder(self, folder: str) -> None:
        with suppress(NotFound):
            self._remove_empty(f"{check_name(folder)}/")

    def _remove_empty(self, folder: str) -> bool:
        """Is it gone?  Looked at first, as DELETE takes all that is in it."""
        rows = list(self._inside(folder))
        gone = [
            self._remove_empty(f"{name.rstrip('/')}/")
            for name, size in rows
            if size is None
        ]
        if len(gone) < len(rows) or not all(gone):
            return False
        self._delete(folder, self._what("delete", folder))
        self._folders.discard(folder)
        return True

    def _publish(self, part: str, name: str, mode: PutMode, what: str) -> None:
        """Give a whole part file its name."""
        create = mode is PutMode.CREATE
        headers = {
            "Destination": self._access.url_of(name),
            "Overwrite": "F" if create else "T",
        }
        with nullcontext() if create else self._replacing:
            answer = self._session.ask(
                "MOVE", part, what, hoped=(201, 204), headers=headers
            )
            answer.close()

    def _refuse_taken(self, name: str) -> None:
        with suppress(NotFound):
            self.stat(name)
            raise AlreadyExists(f"{self.label}: {name!r} is there", name=name)

    def _make_folders(self, name: str) -> None:
        for end in (i for i, letter in enumerate(name) if letter == "/"):
            folder = name[: end + 1]
            if folder not in self._folders:
                what = self._what("put", name)
                self._session.ask("MKCOL", folder, what, hoped=(201, 405)).close()
                self._folders.add(folder)

    def _delete(self, name: str, what: str) -> None:
        self._session.ask("DELETE", name, what, hoped=(200, 204)).close()

    def _inside(self, folder: str) -> Iterator[tuple[str, int | None]]:
        """Name and size of what lies in a folder; None is the size of a folder.

        Raises:
            StoreError: The server names what is not in that folder.
        """
        what = self._what("list", folder)
        here = self._access.path_of(folder)
        for row in self._rows(folder, "1", what):
            if row.path == here.rstrip("/"):
                continue
            if not row.path.startswith(here):
                raise StoreError(
                    f"{what}: the answer is about another place",
                    hint="Use the path under which the server itself knows the folder.",
                )
            yield folder + row.path.removeprefix(here), row.size

    def _rows(self, name: str, depth: str, what: str) -> Iterator[multistatus.Row]:
        answer = self._session.ask(
            "PROPFIND",
            name,
            what,
            hoped=(207,),
            headers={"Depth": depth, "Content-Type": "application/xml"},
            body=multistatus.ASKED,
        )
        with closing(answer), failures.as_ours(what):
            yield from multistatus.rows(cast(multistatus.Body, answer.raw), what)

    def _what(self, verb: str, name: str) -> str:
        return task(self.label, verb, name)


class _Body:
    """A source as requests sends it: with a length, and from the beginning again if
    the server asks for a login in between.
    """

    def __init__(self, source: Source, what: str) -> None:
        self._source, self._what = source, what

    def __len__(self) -> int:
        return self._source.size

    def __iter__(self) -> Iterator[bytes]:
        return chunks(self._source, self._what, _CHUNK_BYTES)


def _receiving(answer: requests.Response, size: int, what: str) -> Receiving:
    raw = cast(Readable, answer.raw)
    return Receiving(raw, size, partial(failures.as_ours, what), what, answer.close)


def _skip(raw: io.BufferedIOBase, size: int) -> None:
    while size and (skipped := raw.read(min(size, _CHUNK_BYTES))):
        size -= len(skipped)
