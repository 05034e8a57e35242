"""Uploads: one request for a small object, parts for a large one.

Facts:
  * a PutObject whose body stops short, or does not match Content-MD5, leaves
    nothing; a multipart upload appears when it is completed  [S3 API reference]
  * the ETag of a PutObject is the MD5 (not with SSE-KMS and SSE-C), that of a
    multipart upload is not  [S3 API reference, Object]
  * a multipart upload has at most 10 000 parts, at Scaleway 1 000
  * `If-None-Match: *` is taken by PutObject and CompleteMultipartUpload

A single request is preferred up to `single_bytes`, as its ETag lets a listing
prove the content.  What is sent is hashed first if the source does not know its
MD5, so every byte is checked by the server before it commits.
"""

import base64
import hashlib
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from tiered.backends.s3.body import Sending, md5_of
from tiered.backends.s3.protection import Encryption
from tiered.store import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_MEMORY_BYTES = 8 << 20
_MAX_PARTS = 1000
_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an upload goes, and how."""

    bucket: str
    key: str
    storage_class: str
    create: bool
    """Refuse if the name is taken."""
    encryption: Encryption | None = None

    @property
    def address(self) -> dict[str, Any]:
        """The parameters that every request has; boto3-stubs wants Any."""
        return {"Bucket": self.bucket, "Key": self.key}

    @property
    def kind(self) -> dict[str, Any]:
        """STANDARD is not sent: servers without classes refuse to hear of it."""
        found = dict(self.encryption.parameters) if self.encryption else {}
        if self.storage_class != "STANDARD":
            found["StorageClass"] = self.storage_class
        return found

    @property
    def condition(self) -> dict[str, Any]:
        return {"IfNoneMatch": "*"} if self.create else {}


def put_whole(s3: "S3Client", target: Target, source: Source, what: str) -> None:
    """One PutObject.  A small body is held in memory: the source is read once."""
    with closing(Sending(source, what)) as sending:
        if source.size <= _MEMORY_BYTES:
            body: bytes | Sending = sending.read_part(source.size)
        else:
            body = sending
        s3.put_object(
            **target.address,
            **target.kind,
            **target.condition,
            Body=cast("Any", body),  # boto3-stubs knows no protocol for a body
            ContentMD5=_content_md5(source.md5 or _md5(body)),
            ContentType=_TYPE,
        )


def put_in_parts(
    s3: "S3Client", target: Target, source: Source, part_bytes: int, what: str
) -> None:
    """A multipart upload, one part in memory at a time; on failure it is ended."""
    size = max(part_bytes, -(-source.size // _MAX_PARTS))
    upload_id = s3.create_multipart_upload(
        **target.address, **target.kind, ContentType=_TYPE
    )["UploadId"]
    try:
        parts = _send_parts(s3, target, source, size, upload_id, what)
        s3.complete_multipart_upload(
            **target.address,
            **target.condition,
            UploadId=upload_id,
            MultipartUpload={"Parts": parts},
        )
    except BaseException:
        # parts cost money until they are ended; what went wrong first is told
        with suppress(ClientError, BotoCoreError):
            s3.abort_multipart_upload(**target.address, UploadId=upload_id)
        raise


def _send_parts(
    s3: "S3Client", target: Target, source: Source, size: int, upload_id: str, what: str
) -> "list[CompletedPartTypeDef]":
    parts: list[CompletedPartTypeDef] = []
    with closing(Sending(source, what)) as sending:
        while part := sending.read_part(size):
            number = len(parts) + 1
            answer = s3.upload_part(
                **target.address,
                UploadId=upload_id,
                PartNumber=number,
                Body=part,
                ContentMD5=_content_md5(_md5(part)),
            )
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    return parts


def _md5(body: bytes | Sending) -> str:
    if isinstance(body, Sending):
        return md5_of(body)
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _content_md5(hex_digest: str) -> str:
    """As the header Content-MD5 wants it."""
    return base64.b64encode(bytes.fromhex(hex_digest)).decode()
