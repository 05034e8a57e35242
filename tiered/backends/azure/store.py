"""Objects as block blobs of one container of an Azure storage account.

Facts this backend stands on [learn.microsoft.com, Blob service REST API]:
  * a blob appears whole: by one Put Blob, or when Put Block List commits blocks
    that nobody sees before
  * `If-None-Match: *` is kept by both, also between two writers
  * Put Blob stores the MD5 of what it got; Put Block List stores none
  * an archived blob cannot be overwritten
  * what was answered is seen by every later request

Limits: see docs/backends/azure.md.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

from azure.storage.blob import (
    BlobProperties,
    ContainerClient,
    StandardBlobTier,
    StorageStreamDownloader,
)

from tiered.backends.azure import failures
from tiered.backends.azure.rehydration import Rehydration
from tiered.download import Receiving, buffered
from tiered.errors import AlreadyExists, Frozen, NotFound, StoreError
from tiered.names import check_name
from tiered.store import Entry, Extras, PutMode, Source
from tiered.store_failure import task, too_short
from tiered.upload import Sending

BLOCK_BYTES = 8 << 20
"""In memory, once for each upload and for each download that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSettings:
    """One container, or what begins with a prefix in it."""

    prefix: str
    """Put before every name; empty, or it ends in a slash."""
    tier: Callable[[str], str | None]
    """Of an object, by its name; None: the usual one of the account."""
    can_be_cold: bool
    """Is one of these tiers Archive?"""
    page_rows: int


_WITHOUT_NAME = ("list", "create")


class AzureStore:
    """A `tiered.store.Store` over one container."""

    def __init__(
        self, settings: AzureSettings, container: ContainerClient, label: str
    ) -> None:
        self._settings, self._container, self.label = settings, container, label
        self._replacing = threading.Lock()
        thaw = None
        if settings.can_be_cold:
            thaw = Rehydration(container, self._blobs, settings.prefix, self._guard)
        self.extras = Extras(thaw=thaw, ranges=self, stat=self, create=self)

    def list(self, prefix: str = "") -> tuple[Entry, ...]:
        with self._guard("list", prefix):
            return tuple(sorted(_entry(name, b) for name, b in self._blobs(prefix)))

    def put(self, name: str, source: Source, mode: PutMode) -> None:
        check_name(name)
        if mode is PutMode.REPLACE and self._settings.can_be_cold:
            with self._replacing:
                self._replace(name, source)
            return
        try:
            self._upload(name, source, overwrite=mode is PutMode.REPLACE)
        except Frozen as e:
            raise AlreadyExists(f"{self.label}: {name!r} is there", name=name) from e

    def _replace(self, name: str, source: Source) -> None:
        """An archived blob cannot be overwritten: only deleted, and made again."""
        try:
            self._upload(name, source, overwrite=True)
        except Frozen:
            with suppress(NotFound):
                self.delete(name)
            self._upload(name, source, overwrite=True)

    def _upload(self, name: str, source: Source, *, overwrite: bool) -> None:
        data = Sending(source, f"{self.label}: {name!r}")
        tier = self._settings.tier(name)
        with self._guard("put", name):
            self._container.upload_blob(
                self._settings.prefix + name,
                cast(BinaryIO, data),  # the SDK calls nothing but `read`
                length=source.size,
                overwrite=overwrite,
                standard_blob_tier=StandardBlobTier(tier) if tier else None,
                validate_content=True,
                max_concurrency=1,
            )

    def get(self, name: str) -> BinaryIO:
        with self._guard("get", name):
            answer = self._download(name)
        guard = partial(self._guard, "get", name)
        body = _Answer(answer)
        what = f"{self.label}: {name!r}"
        return buffered(Receiving(body, answer.size, guard, what))

    def delete(self, name: str) -> None:
        with self._guard("delete", name):
            self._container.delete_blob(self._settings.prefix + check_name(name))

    def close(self) -> None:
        self._container.close()

    def stat(self, name: str) -> Entry:
        with self._guard("stat", name):
            path = self._settings.prefix + check_name(name)
            client = self._container.get_blob_client(path)
            return _entry(name, client.get_blob_properties())

    def get_range(self, name: str, start: int, size: int) -> bytes:
        if size == 0:
            self.stat(name)
            return b""
        part = b""
        try:
            with self._guard("get_range", name):
                part = self._download(name, start, size).readall()
        except NotFound:
            raise
        except StoreError as e:
            if e.facts.get("status") != 416:
                raise
        if len(part) == size:
            return part
        raise too_short(self.label, name, start + size)

    def create(self) -> bool:
        """Make the container."""
        try:
            with self._guard("create", ""):
                self._container.create_container()
        except StoreError as e:
            if e.facts.get("azure_code") != "ContainerAlreadyExists":
                raise
            return False
        return True

    def _download(
        self, name: str, start: int | None = None, size: int | None = None
    ) -> "StorageStreamDownloader[bytes]":
        path = self._settings.prefix + check_name(name)
        return self._container.download_blob(path, start, size, max_concurrency=1)

    def _blobs(self, prefix: str) -> Iterator[tuple[str, BlobProperties]]:
        """Name and properties of each object whose name begins with `prefix`."""
        own = self._settings.prefix
        found = self._container.list_blobs(
            name_starts_with=own + prefix, results_per_page=self._settings.page_rows
        )
        for blob in found:
            if name := blob.name.removeprefix(own):
                yield name, blob

    def _guard(self, verb: str, name: str) -> AbstractContextManager[None]:
        if verb not in _WITHOUT_NAME:
            check_name(name)  # outside: its ValueError is no fault of the answer
        return failures.as_ours(task(self.label, verb, name))


def _entry(name: str, blob: BlobProperties) -> Entry:
    md5 = blob.content_settings.content_md5
    return Entry(name, blob.size, bytes(md5).hex() if md5 else None)


class _Answer:
    """What is left of a download."""

    def __init__(self, answer: "StorageStreamDownloader[bytes]") -> None:
        self._answer = answer

    def read(self, size: int, /) -> bytes:
        return self._answer.read(size)

    def close(self) -> None:
        """Each block was a request of its own: nothing is open."""
