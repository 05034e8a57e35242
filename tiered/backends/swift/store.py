"""Objects in one container of OpenStack Swift.

Facts this backend stands on:
  * an object appears whole, at the end of its upload; an upload that stops
    short of its Content-Length leaves nothing  [Swift docs, Object PUT]
  * `If-None-Match: *` is looked at when an upload begins.  Two writers of one
    new name that overlap can both succeed, and the later one stays; 202 says
    that a newer object was there already  [swift 2.38, proxy/controllers/obj.py]
  * listings may lag minutes behind  [Swift docs, "Eventual consistency"]

Limits: objects up to 5 GiB, never as SLO or DLO: keep volumes smaller.  The
MD5 is checked by the server before it commits if the source knows it, else by
us afterwards.  See docs/backends/swift.md.
"""

import re
from typing import BinaryIO

from tiered.backends.swift.connection import SwiftConnection
from tiered.backends.swift.container import Container, Headers, Row, SwiftSettings
from tiered.download import Receiving, buffered
from tiered.errors import AlreadyExists, RateLimited, StoreError, Unavailable
from tiered.names import check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import too_short

MAX_BYTES = 5 * 1024**3

_IS_MD5 = re.compile(r"[0-9a-f]{32}")
_LARGE_HEADERS = {"x-static-large-object", "x-object-manifest"}


class SwiftStore:
    """A `tiered.store.Store` over one container."""

    def __init__(
        self, settings: SwiftSettings, connection: SwiftConnection, label: str
    ) -> None:
        self.label = label
        self.extras = Extras(ranges=self, stat=self, create=self)
        self._connection = connection
        self._container = Container(connection, settings, label)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        rows = self._container.rows(prefix)
        return tuple(sorted(_entry_of_row(name, row) for name, row in rows))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        if source.size > MAX_BYTES:
            raise StoreError(
                f"{self.label}: {name!r} has {source.size} bytes, too many for Swift",
                hint="Make the volumes smaller than 5 GiB.",
                size_bytes=source.size,
            )
        create = mode is PutMode.CREATE
        headers = {"If-None-Match": "*"} if create else {}
        try:
            upload = self._container.put(check_name(name), source, headers)
        except RateLimited:
            raise  # nothing was taken, and more requests are not wanted now
        except Unavailable as e:
            if create and self._is_taken(name, source):
                raise AlreadyExists(f"{self.label}: {name!r} is there") from e
            raise
        if upload.status == 202:  # a newer object was there: it stays
            if create:
                raise AlreadyExists(f"{self.label}: {name!r} was put by another writer")
        elif upload.etag not in ("", upload.sent_md5):
            self._container.delete(name)
            raise Unavailable(f"{self.label}: {name!r} was damaged on the way")

    def get(self, name: str) -> BinaryIO:
        return buffered(self._open(check_name(name), {})[1])

    def delete(self, name: str) -> None:
        self._container.delete(check_name(name))

    def close(self) -> None:
        self._connection.close()

    def stat(self, name: str) -> Entry:
        headers = self._container.head(check_name(name))
        etag = None if _LARGE_HEADERS & headers.keys() else headers.get("etag")
        return Entry(name, int(headers["content-length"]), _md5(etag))

    def get_range(self, name: str, start: int, size: int) -> bytes:
        if size == 0:
            self.stat(name)
            return b""
        wanted = {"Range": f"bytes={start}-{start + size - 1}"}
        try:
            headers, body = self._open(check_name(name), wanted)
        except StoreError as e:
            if e.facts.get("status") != 416:
                raise
            raise too_short(self.label, name, start + size) from e
        with body:
            if headers["content-length"] != str(size):
                raise too_short(self.label, name, start + size)
            return body.readall()

    def create(self) -> bool:
        """Make the container, with the policy that the settings name."""
        return self._container.create()

    def _open(self, name: str, headers: dict[str, str]) -> tuple[Headers, Receiving]:
        """The one way to the bytes of an object."""
        return self._container.get(name, headers)

    def _is_taken(self, name: str, source: Source) -> bool:
        """A server may refuse a CREATE by cutting the upload short.

        An object with other bytes than ours is another's.  One with the same
        bytes may be ours, put by an attempt whose answer was lost.
        """
        try:
            there = self.stat(name)
        except StoreError:
            return False
        known = source.md5 is not None and there.md5 is not None
        return there.size != source.size or (known and there.md5 != source.md5)


def _entry_of_row(name: str, row: Row) -> Entry:
    large = "slo_etag" in row  # the hash is then that of a manifest
    return Entry(name, int(row["bytes"]), None if large else _md5(row.get("hash")))


def _md5(etag: str | None) -> str | None:
    """An ETag as the MD5 that it is, for an object in one piece."""
    text = (etag or "").strip('"')
    return text if _IS_MD5.fullmatch(text) else None
