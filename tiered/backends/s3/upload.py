"""Uploads in one request, and what they share with those in parts.

Facts:
  * a PutObject whose body stops short, or does not match Content-MD5, leaves
    nothing; a multipart upload appears when it is completed  [S3 API reference]
  * the ETag of a PutObject is the MD5 (not with SSE-KMS and SSE-C), that of a
    multipart upload is not  [S3 API reference, Object]
  * `If-None-Match: *` is taken by PutObject and CompleteMultipartUpload

A single request is preferred up to `single_bytes`, as its ETag lets a listing
prove the content.  What is sent is hashed first if the source does not know its
MD5, so every byte is checked by the server before it commits.
"""

import base64
import hashlib
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from tiered.backends.s3.body import Sending, md5_of
from tiered.backends.s3.protection import Encryption, Retention
from tiered.store import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MEMORY_BYTES = 8 << 20
BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an upload goes, and how."""

    bucket: str
    key: str
    storage_class: str
    create: bool
    """Refuse if the name is taken."""
    encryption: Encryption | None = None
    retention: Retention | None = None
    etags_are_md5: bool = True

    @property
    def address(self) -> dict[str, Any]:
        """The parameters that every request has; boto3-stubs wants Any."""
        return {"Bucket": self.bucket, "Key": self.key}

    @property
    def kind(self) -> dict[str, Any]:
        """STANDARD is not sent: servers without classes refuse to hear of it."""
        found = dict(self.encryption.parameters) if self.encryption else {}
        found |= self.retention.parameters if self.retention else {}
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
            ContentMD5=content_md5(source.md5 or _md5(body)),
            ContentType=BINARY,
        )


def _md5(body: bytes | Sending) -> str:
    if isinstance(body, Sending):
        return md5_of(body)
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def content_md5(hex_digest: str) -> str:
    """As the header Content-MD5 wants it."""
    return base64.b64encode(bytes.fromhex(hex_digest)).decode()
