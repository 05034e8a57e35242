"""Multipart uploads, which go on where they were cut.

Facts:
  * an upload keeps its parts until it is completed or ended (aborted); a part
    that is sent again replaces the one before  [S3 API reference, UploadPart]
  * the ETag of a part is its MD5 (not with SSE-KMS)  [S3 user guide, "Checking
    object integrity"]
  * completing names the ETag of each part, so a part that somebody else has put
    in between is refused: InvalidPart  [S3 API reference, CompleteMultipartUpload]
  * ListMultipartUploads tells the class of an upload, not its encryption or lock
  * an upload has at most 10 000 parts, at Scaleway 1 000

So a repeated put sends what is missing or differs: the source is read from its
beginning, and each part is compared with what the server says it has.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tiered.backends.s3.body import Sending
from tiered.backends.s3.upload import BINARY, Target, content_md5
from tiered.errors import Retry, StoreError
from tiered.store import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_MAX_PARTS = 1000

Guard = Callable[[], AbstractContextManager[None]]
"""Foreign errors leave it as ours."""
Parts = Mapping[int, str]
"""Number -> MD5, of what a server has."""


class Uploads:
    """The multipart uploads of one bucket that may go on.

    It remembers those that it began, so they go on even where the key may not list
    uploads.  An id belongs to one call at a time: it is taken out and put back.
    """

    def __init__(self, part_bytes: int) -> None:
        self._part_bytes = part_bytes
        self._begun: dict[str, str] = {}

    def put(
        self, s3: "S3Client", target: Target, source: Source, what: str, guard: Guard
    ) -> None:
        """Send what the server lacks, one part in memory at a time.

        What fails and may succeed soon leaves its parts for the next call; anything
        else ends the upload, as parts cost money.

        Raises:
            TieredError: As `guard` makes it.
        """
        size = max(self._part_bytes, -(-source.size // _MAX_PARTS))
        with guard():
            upload_id, there = self._take(s3, target, source.size, size)
        try:
            with guard(), closing(Sending(source, what)) as sending:
                parts = _send(s3, target, upload_id, sending, size, there)
                s3.complete_multipart_upload(
                    **target.address,
                    **target.condition,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": parts},
                )
        except StoreError as e:
            if e.retry is Retry.SOON and target.etags_are_md5:
                self._begun[target.key] = upload_id
            else:
                _end(s3, target, upload_id)
            raise
        except BaseException:
            _end(s3, target, upload_id)
            raise

    def _take(
        self, s3: "S3Client", target: Target, total: int, size: int
    ) -> tuple[str, Parts]:
        """An upload that fits, or a new one; those that do not fit are ended."""
        mine = self._begun.pop(target.key, None)
        left = [(mine, True)] if mine else list(_left(s3, target))
        found: tuple[str, Parts] | None = None
        for upload_id, may_fit in left:
            wanted = may_fit and not found
            parts = _there(s3, target, upload_id, total, size) if wanted else {}
            if parts:
                found = upload_id, parts
            else:
                _end(s3, target, upload_id)
        if found:
            return found
        begun = s3.create_multipart_upload(
            **target.address, **target.kind, ContentType=BINARY
        )
        return begun["UploadId"], {}


def _left(s3: "S3Client", target: Target) -> Iterator[tuple[str, bool]]:
    """Uploads of this very key that a process has left, and whether each may be one
    of ours; none, if the server does not list them or the key may not.
    """
    with suppress(ClientError):
        listed = s3.list_multipart_uploads(Bucket=target.bucket, Prefix=target.key)
        bare = target.encryption is None and target.retention is None
        for row in listed.get("Uploads", []):
            if row["Key"] == target.key:
                same_class = row.get("StorageClass", "STANDARD") == target.storage_class
                yield row["UploadId"], same_class and bare


def _there(
    s3: "S3Client", target: Target, upload_id: str, total: int, size: int
) -> Parts:
    """The parts that the server has; none, if one is no part of such an object."""
    parts: dict[int, str] = {}
    try:
        pages = s3.get_paginator("list_parts").paginate(
            **target.address, UploadId=upload_id
        )
        for row in (row for page in pages for row in page.get("Parts", [])):
            begin = (row["PartNumber"] - 1) * size
            if row["Size"] != min(size, total - begin):
                return {}
            parts[row["PartNumber"]] = row["ETag"].strip('"')
    except ClientError:  # ended meanwhile, or the key may not list
        return {}
    return parts


def _send(
    s3: "S3Client",
    target: Target,
    upload_id: str,
    sending: Sending,
    size: int,
    there: Parts,
) -> "list[CompletedPartTypeDef]":
    parts: list[CompletedPartTypeDef] = []
    while part := sending.read_part(size):
        number = len(parts) + 1
        md5 = hashlib.md5(part, usedforsecurity=False).hexdigest()
        if there.get(number) == md5:
            parts.append({"PartNumber": number, "ETag": f'"{md5}"'})
            continue
        answer = s3.upload_part(
            **target.address,
            UploadId=upload_id,
            PartNumber=number,
            Body=part,
            ContentMD5=content_md5(md5),
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    return parts


def _end(s3: "S3Client", target: Target, upload_id: str) -> None:
    """What went wrong before is what is told."""
    with suppress(ClientError, BotoCoreError):
        s3.abort_multipart_upload(**target.address, UploadId=upload_id)
