"""Objects as files of one bucket at Backblaze B2.

Facts this backend stands on [backblaze.com, B2 Native API]:
  * an upload of a name that is taken makes a new version: nothing is replaced and
    nothing refused.  So to create looks first, and to replace deletes afterwards
  * a name is listed, and read, by its newest version; one of the action `hide`
    takes it away.  A version that is deleted uncovers the one before
  * what was answered is seen by every later request

Limits: see docs/backends/b2.md.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import requests
from b2sdk.v3 import exception as b2

from tiered.backends.b2 import failures
from tiered.backends.b2.bucket import VISIBLE, Bucket, Version
from tiered.backends.b2.upload import put_in_parts, put_whole
from tiered.download import Receiving, Undecoded, buffered
from tiered.errors import AlreadyExists, NotFound
from tiered.names import check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task, too_short


@dataclass(frozen=True, slots=True, kw_only=True)
class B2Settings:
    """One bucket, or what begins with a prefix in it."""

    prefix: str
    """Put before every name; empty, or it ends in a slash."""
    hide: bool
    """Old versions stay; what is deleted is hidden."""
    page_rows: int
    single_bytes: int
    """Larger objects are sent in parts."""


_WITHOUT_NAME = ("list", "create")


class B2Store:
    """A `tiered.store.Store` over one bucket."""

    def __init__(self, settings: B2Settings, bucket: Bucket, label: str) -> None:
        self._settings, self._bucket, self.label = settings, bucket, label
        self.extras = Extras(ranges=self, stat=self, create=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        own = self._settings.prefix
        with self._guard("list", prefix):
            found = self._bucket.files(own + prefix, self._settings.page_rows)
            entries = (self._entry(version) for version in found)
            return tuple(sorted(entry for entry in entries if entry.name))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        path = self._path(name)
        with self._guard("put", name):
            if mode is PutMode.CREATE and self._bucket.file(path):
                raise AlreadyExists(f"{self.label}: {name!r} is there", name=name)
            self._upload(path, source, f"{self.label}: {name!r}")
            if mode is PutMode.REPLACE and not self._settings.hide:
                self._delete(self._bucket.versions(path)[1:])

    def get(self, name: str) -> BinaryIO:
        with self._guard("get", name):
            answer = self._bucket.download(self._path(name))
        size = int(answer.headers["Content-Length"])
        guard = partial(self._guard, "get", name)
        what = f"{self.label}: {name!r}"
        return buffered(
            Receiving(Undecoded(answer.raw), size, guard, what, answer.close)
        )

    def delete(self, name: str) -> None:
        """All versions, or none: see `B2Settings.hide`."""
        path = self._path(name)
        with self._guard("delete", name):
            if self._settings.hide:
                self._bucket.session.hide_file(self._bucket.open(), path)
                return
            versions = self._bucket.versions(path)
            if not versions or versions[0].action != VISIBLE:
                raise NotFound(f"{self.label}: {name!r} is not there", name=name)
            self._delete(versions)

    def close(self) -> None:
        self._bucket.close()

    def stat(self, name: str) -> Entry:
        """From a listing of one row, as only that tells the MD5."""
        with self._guard("stat", name):
            version = self._bucket.file(self._path(name))
        if version is None:
            raise NotFound(f"{self.label}: {name!r} is not there", name=name)
        return self._entry(version)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        if size == 0:
            self.stat(name)
            return b""
        path, part = self._path(name), b""
        with (
            self._guard("get_range", name),
            suppress(b2.UnsatisfiableRange),
            self._bucket.download(path, (start, start + size - 1)) as answer,
        ):
            if answer.status_code == requests.codes.partial_content:
                part = answer.content
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def create(self) -> bool:
        """Make the bucket, private."""
        with self._guard("create", ""):
            return self._bucket.create()

    def _upload(self, path: str, source: Source, what: str) -> None:
        if source.size <= self._settings.single_bytes:
            put_whole(self._bucket, path, source, what)
        else:
            put_in_parts(self._bucket, path, source, what)

    def _delete(self, versions: Sequence[Version]) -> None:
        """The oldest first, so that none of them is ever uncovered."""
        for version in reversed(versions):
            with suppress(b2.FileNotPresent):  # somebody else was faster
                self._bucket.session.delete_file_version(version.id, version.path)

    def _path(self, name: str) -> str:
        return self._settings.prefix + check_name(name)

    def _entry(self, version: Version) -> Entry:
        name = version.path.removeprefix(self._settings.prefix)
        return Entry(name, version.size_bytes, version.md5)

    def _guard(self, verb: str, name: str) -> AbstractContextManager[None]:
        if verb not in _WITHOUT_NAME:
            check_name(name)  # outside: its ValueError is no fault of the answer
        return failures.as_ours(task(self.label, verb, name))
