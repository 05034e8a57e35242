"""One bucket: typed calls, a missing bucket told from a missing object.

Facts this module stands on:
  * a HEAD of an object that answers 404 has no body, so only a HEAD of the
    bucket tells which of the two is missing  [S3 API reference]
  * listings come in pages of up to 1000 rows, sorted by UTF-8 bytes; the answer
    says whether it was the last one  [S3 API reference, ListObjectsV2]
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tiered.backends.s3.archive_class import Provider
from tiered.backends.s3.client import LazyClient
from tiered.backends.s3.failures import as_ours
from tiered.backends.s3.parts import Uploads
from tiered.backends.s3.protection import Encryption, Retention
from tiered.backends.s3.upload import Target, put_whole
from tiered.download import Receiving
from tiered.errors import NotFound, StoreMissing, Unavailable
from tiered.store import Source
from tiered.store_failure import task

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

Row = Mapping[str, Any]  # an object of a listing, as botocore decodes it


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """One bucket, or what begins with a prefix in it."""

    bucket: str
    prefix: str = ""
    """Put before every name; empty, or it ends in a slash."""
    provider: Provider
    storage_class: Callable[[str], str]
    """Of an object, by its name."""
    can_be_cold: bool
    """Is one of these classes one that must be thawed?"""
    thaw_days: int = 7
    """For how long a thawed object stays readable."""
    thaw_tier: str | None = None
    page_rows: int = 1000
    single_bytes: int = 512 << 20
    """Larger objects are sent in parts."""
    part_bytes: int = 64 << 20
    """In memory, once for each upload that runs."""
    etags_are_md5: bool = True
    """False for a bucket that encrypts with SSE-KMS."""
    encryption: Encryption | None = None
    retention: Callable[[str], Retention | None] = lambda _name: None
    """Of an object that is put now, by its name."""


class Bucket:
    """The objects of one bucket whose names begin with one prefix.

    Names are given and returned without that prefix.
    """

    def __init__(self, settings: S3Settings, client: LazyClient, label: str) -> None:
        self.settings, self._client, self._label = settings, client, label
        self._uploads = Uploads(settings.part_bytes)

    def rows(self, prefix: str, *, restores: bool = False) -> Iterator[tuple[str, Row]]:
        """Name and row of every object whose name begins with `prefix`.

        Args:
            restores: Ask for RestoreStatus; not every server knows it.
        """
        s = self.settings
        more: dict[str, Any] = {}
        if restores:
            more["OptionalObjectAttributes"] = ["RestoreStatus"]
        while True:
            with self._as_ours("list", prefix):
                page = self._client.get().list_objects_v2(
                    Bucket=s.bucket,
                    Prefix=s.prefix + prefix,
                    MaxKeys=s.page_rows,
                    **more,
                )
            for row in page.get("Contents", []):
                if name := row["Key"].removeprefix(s.prefix):
                    yield name, row
            if page.get("IsTruncated") is False:  # absent from an empty answer
                return
            token = page.get("NextContinuationToken")
            if not token or token == more.get("ContinuationToken"):
                raise Unavailable(f"{self._label}: the listing does not go on")
            more["ContinuationToken"] = token

    def head(self, name: str) -> "HeadObjectOutputTypeDef":
        try:
            with self._as_ours("stat", name):
                return self._client.get().head_object(**self._address(name))
        except NotFound:
            self._check_exists()
            raise

    def put(self, name: str, source: Source, *, create: bool) -> None:
        s, what = self.settings, f"{self._label}: {name!r}"
        target = Target(
            bucket=s.bucket,
            key=s.prefix + name,
            storage_class=s.storage_class(name),
            create=create,
            encryption=s.encryption,
            retention=s.retention(name),
            etags_are_md5=s.etags_are_md5,
        )
        guard = partial(self._as_ours, "put", name)
        with guard():
            s3 = self._client.get()
            if source.size <= s.single_bytes:
                put_whole(s3, target, source, what)
                return
        self._uploads.put(s3, target, source, what, guard)

    def get(self, name: str, span: str | None = None) -> tuple[Receiving, int]:
        """The open body of an object, or of a span of it, and its size."""
        more: dict[str, Any] = {"Range": span} if span else {}
        with self._as_ours("get", name):
            answer = self._client.get().get_object(**self._address(name), **more)
        guard = partial(self._as_ours, "get", name)
        size, what = answer["ContentLength"], f"{self._label}: {name!r}"
        return Receiving(answer["Body"], size, guard, what), size

    def delete(self, name: str) -> None:
        """Whether it was there or not."""
        with self._as_ours("delete", name):
            self._client.get().delete_object(**self._address(name))

    def restore(self, name: str) -> None:
        """Ask the provider to thaw one object, as the settings say."""
        s = self.settings
        asked: dict[str, Any] = {"RestoreRequest": {"Days": s.thaw_days}}
        if s.thaw_tier is not None:
            asked["RestoreRequest"]["GlacierJobParameters"] = {"Tier": s.thaw_tier}
        with self._as_ours("thaw", name):
            self._client.get().restore_object(**self._address(name), **asked)

    def _check_exists(self) -> None:
        try:
            with self._as_ours("open"):
                self._client.get().head_bucket(Bucket=self.settings.bucket)
        except NotFound as e:
            raise StoreMissing(
                f"{self._label}: there is no bucket {self.settings.bucket!r}",
                hint="Create it with the tools of the provider, or correct the URL.",
            ) from e

    def _address(self, name: str) -> dict[str, Any]:
        """As keyword arguments; boto3-stubs take a dict of Any only."""
        return {"Bucket": self.settings.bucket, "Key": self.settings.prefix + name}

    def _as_ours(self, verb: str, name: str = "") -> AbstractContextManager[None]:
        return as_ours(task(self._label, verb, name))
