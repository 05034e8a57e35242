"""Objects of one bucket of Google Cloud Storage.

Facts this backend stands on [cloud.google.com/storage/docs]:
  * an object appears whole: at the end of one request, or of a resumable upload;
    what was answered is seen by every later request, listings included
  * `ifGenerationMatch=0` is true where nothing has the name, also between two
    writers, in both kinds of upload
  * md5Hash, and x-goog-hash of the last chunk, are compared with what arrived
    before the object appears
  * every object has an MD5, unless somebody has composed it

Limits: see docs/backends/gs.md.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast
from urllib.parse import quote

import requests
from google.cloud.storage import Blob, Client

from tiered.backends.gs import failures
from tiered.download import Receiving, Undecoded, buffered
from tiered.errors import NotFound, StoreError, StoreMissing, Unavailable
from tiered.names import check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task, too_short
from tiered.upload import Sending

_FIELDS = "items(name,size,md5Hash),nextPageToken"


@dataclass(frozen=True, slots=True, kw_only=True)
class GsSettings:
    """One bucket, or what begins with a prefix in it."""

    bucket: str
    prefix: str
    """Put before every name; empty, or it ends in a slash."""
    storage_class: Callable[[str], str | None]
    """Of an object, by its name; None: the usual one of the bucket."""
    page_rows: int
    chunk_bytes: int
    timeout_s: float


_WITHOUT_NAME = ("list", "create")


class GsStore:
    """A `tiered.store.Store` over one bucket.

    Args:
        session: What the client sends by.  Its own way to read an object writes
            into a file, where this contract wants a stream.
    """

    def __init__(
        self,
        settings: GsSettings,
        client: Client,
        session: requests.Session,
        label: str,
    ) -> None:
        self._settings, self._client, self._session = settings, client, session
        self._bucket = client.bucket(settings.bucket)
        self._options = {"retry": None, "timeout": settings.timeout_s}
        self.label = label
        self.extras = Extras(ranges=self, stat=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        own = self._settings.prefix
        try:
            with self._guard("list", prefix):
                entries = (_entry(b, own) for b in self._blobs(own + prefix))
                return tuple(sorted(entry for entry in entries if entry.name))
        except NotFound as e:
            raise self._missing() from e

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        blob = self._blob(name, self._settings.chunk_bytes)
        if storage_class := self._settings.storage_class(name):
            blob.storage_class = storage_class
        md5 = source.md5
        if md5:
            blob.md5_hash = base64.b64encode(bytes.fromhex(md5)).decode()
        sending = Sending(source, f"{self.label}: {name!r}")
        try:
            with self._telling("put", name):
                blob.upload_from_file(
                    cast(BinaryIO, sending),  # it calls nothing but read and tell
                    size=source.size,
                    content_type="application/octet-stream",
                    if_generation_match=0 if mode is PutMode.CREATE else None,
                    checksum=None if md5 else "auto",
                    **self._options,
                )
        except NotFound as e:
            raise Unavailable(
                f"{self.label}: the server has lost the upload of {name!r}"
            ) from e

    def get(self, name: str) -> BinaryIO:
        with self._telling("get", name):
            answer = self._ask(name)
        size = int(answer.headers["Content-Length"])
        guard = partial(self._guard, "get", name)
        what = f"{self.label}: {name!r}"
        return buffered(
            Receiving(Undecoded(answer.raw), size, guard, what, answer.close)
        )

    def delete(self, name: str) -> None:
        with self._telling("delete", name):
            self._blob(name).delete(**self._options)

    def close(self) -> None:
        self._client.close()

    def stat(self, name: str) -> Entry:
        with self._telling("stat", name):
            blob = self._blob(name)
            blob.reload(**self._options)
            return _entry(blob, self._settings.prefix)

    def get_range(self, name: str, start: int, size: int) -> bytes:
        if size == 0:
            self.stat(name)
            return b""
        part = b""
        try:
            with self._telling("get_range", name):
                answer = self._ask(name, f"bytes={start}-{start + size - 1}")
                with answer:
                    if answer.status_code == requests.codes.partial_content:
                        part = answer.content
        except NotFound:
            raise
        except StoreError as e:
            if e.facts.get("status") != requests.codes.range_not_satisfiable:
                raise
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def _ask(self, name: str, span: str | None = None) -> requests.Response:
        """The answer, its body not read yet: `close` it."""
        path = quote(self._settings.prefix + check_name(name), safe="")
        bucket = quote(self._settings.bucket, safe="")
        base = f"{self._client.api_endpoint}/download/storage/v1"
        headers = {"Accept-Encoding": "gzip"}  # the bytes as they are stored
        if span:
            headers["Range"] = span
        answer = self._session.get(
            f"{base}/b/{bucket}/o/{path}?alt=media",
            headers=headers,
            timeout=self._settings.timeout_s,
            stream=True,
        )
        if answer.ok:
            return answer
        with answer:
            raise failures.of_answer(answer, f"{self.label}: cannot get {name!r}")

    def _blob(self, name: str, chunk_bytes: int | None = None) -> Blob:
        path = self._settings.prefix + check_name(name)
        return self._bucket.blob(path, chunk_size=chunk_bytes)

    def _blobs(self, path: str, rows: int | None = None) -> Iterator[Blob]:
        """Each object whose path begins with `path`; no more than `rows`."""
        found = self._client.list_blobs(
            self._bucket,
            prefix=path,
            fields=_FIELDS,
            max_results=rows,
            page_size=self._settings.page_rows,
            **self._options,
        )
        return cast("Iterator[Blob]", iter(found))

    @contextmanager
    def _telling(self, verb: str, name: str) -> Iterator[None]:
        """The same as `_guard`, where a 404 may mean the bucket."""
        try:
            with self._guard(verb, name):
                yield
        except NotFound as e:
            try:
                with self._guard(verb, name):
                    next(self._blobs(self._settings.prefix, 1), None)
            except NotFound:
                raise self._missing() from e
            raise

    def _missing(self) -> StoreMissing:
        return StoreMissing(
            f"{self.label}: there is no such bucket",
            hint="Create the bucket with Google's tools, or correct the URL.",
        )

    def _guard(self, verb: str, name: str) -> AbstractContextManager[None]:
        if verb not in _WITHOUT_NAME:
            check_name(name)  # outside: its ValueError is no fault of the answer
        return failures.as_ours(task(self.label, verb, name))


def _entry(blob: Blob, prefix: str) -> Entry:
    md5 = base64.b64decode(blob.md5_hash).hex() if blob.md5_hash else None
    return Entry(blob.name.removeprefix(prefix), blob.size or 0, md5)
