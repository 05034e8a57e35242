"""What the server is asked to do to an object besides keeping it.

Facts:
  * PutObject and CreateMultipartUpload take `x-amz-server-side-encryption`:
    AES256 (SSE-S3), or aws:kms with the id of a key; parts take nothing
    [S3 API reference, PutObject, CreateMultipartUpload, UploadPart]
  * with SSE-KMS an ETag is no MD5, neither of an object nor of a part
    [S3 API reference, Object]
  * a lock is of one version, in a bucket that has versions; such a put needs
    Content-MD5 or a checksum. A delete that names no version hides the object
    and is not refused  [S3 user guide, "Locking objects with Object Lock"]
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """By the server, while the object rests there."""

    kms_key: str | None = None
    """Its id or ARN; None: a key that the store keeps to itself (AES256)."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Of a request that begins an object; boto3-stubs wants Any."""
        if self.kms_key is None:
            return {"ServerSideEncryption": "AES256"}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Object lock: until when the bytes cannot be deleted or replaced."""

    mode: LockMode
    """GOVERNANCE can be lifted by those who have the right to, COMPLIANCE by nobody."""
    until: datetime

    @property
    def parameters(self) -> dict[str, Any]:
        """Of a request that begins an object."""
        until = {"ObjectLockRetainUntilDate": self.until}
        return {"ObjectLockMode": self.mode, **until}
