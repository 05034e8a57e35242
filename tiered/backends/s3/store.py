"""Objects in one bucket of an S3 server.

Facts this backend stands on:
  * an answered PUT is seen by every later GET, HEAD and listing  [AWS S3 user
    guide, "Consistency model"; others: what their servers do]
  * DELETE does not tell whether the object was there, so a HEAD asks first
  * a GET of an object in a cold class is refused with InvalidObjectState and
    starts nothing  [botocore, GetObject]
  * with SSE-KMS and SSE-C an ETag is no MD5  [S3 API reference, Object]

The bucket is never made here: that is done with the tools of the provider.  Not
every server keeps `If-None-Match: *`, so where that is not known a HEAD asks
before a CREATE; two writers can then still meet between the two requests.

Limits: see docs/backends/s3.md.
"""

import re
from typing import BinaryIO

from tiered.backends.s3.bucket import Bucket, S3Settings
from tiered.backends.s3.client import LazyClient
from tiered.backends.s3.glacier import GlacierThaw
from tiered.download import buffered
from tiered.errors import AlreadyExists, Denied, NotFound, StoreError
from tiered.names import check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import too_short

_IS_MD5 = re.compile(r"[0-9a-f]{32}")
_KMS = ("aws:kms", "aws:kms:dsse")


class S3Store:
    """A `tiered.store.Store` over one bucket."""

    def __init__(self, settings: S3Settings, client: LazyClient, label: str) -> None:
        self._settings, self._client, self.label = settings, client, label
        self._bucket = Bucket(settings, client, label)
        thaw = GlacierThaw(self._bucket, label) if settings.can_be_cold else None
        self.extras = Extras(thaw=thaw, ranges=self, stat=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        rows = self._bucket.rows(prefix)
        found = (Entry(name, row["Size"], self._md5(row["ETag"])) for name, row in rows)
        return tuple(sorted(found))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        create = mode is PutMode.CREATE
        if create and not self._settings.provider.refuses_overwrite:
            self._refuse_taken(name)
        self._bucket.put(check_name(name), source, create=create)

    def get(self, name: str) -> BinaryIO:
        return buffered(self._bucket.get(check_name(name))[0])

    def delete(self, name: str) -> None:
        head = self._bucket.head(check_name(name))
        try:
            self._bucket.delete(name)
        except StoreError as e:
            until = head.get("ObjectLockRetainUntilDate")
            if until is None or not isinstance(e, Denied):
                raise
            raise Denied(
                f"{self.label}: {name!r} is locked until {until:%Y-%m-%d %H:%M} UTC",
                hint="It cannot be deleted before; it was put with an object lock.",
            ) from e

    def close(self) -> None:
        self._client.close()

    def stat(self, name: str) -> Entry:
        head = self._bucket.head(check_name(name))
        kms = head.get("ServerSideEncryption") in _KMS
        plain = not kms and "SSECustomerAlgorithm" not in head
        return Entry(
            name, head["ContentLength"], self._md5(head["ETag"]) if plain else None
        )

    def get_range(self, name: str, start: int, size: int) -> bytes:
        if size == 0:
            self.stat(name)
            return b""
        span = f"bytes={start}-{start + size - 1}"
        try:
            body, found = self._bucket.get(check_name(name), span)
        except StoreError as e:
            if e.facts.get("status") != 416:
                raise
            raise too_short(self.label, name, start + size) from e
        with body:
            if found != size:
                raise too_short(self.label, name, start + size)
            return body.readall()

    def _refuse_taken(self, name: str) -> None:
        try:
            self.stat(name)
        except NotFound:
            return
        raise AlreadyExists(f"{self.label}: {name!r} is there", name=name)

    def _md5(self, etag: str) -> str | None:
        """An ETag as the MD5 that it is, for an object in one piece."""
        text = etag.strip('"')
        plain = self._settings.etags_are_md5 and _IS_MD5.fullmatch(text)
        return text if plain else None
