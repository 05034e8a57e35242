"""What the server is asked to do to an object besides keeping it.

Facts:
  * PutObject and CreateMultipartUpload take `x-amz-server-side-encryption`:
    AES256 (SSE-S3), or aws:kms with the id of a key; parts take nothing
    [S3 API reference, PutObject, CreateMultipartUpload, UploadPart]
  * with SSE-KMS an ETag is no MD5, neither of an object nor of a part
    [S3 API reference, Object]
"""

from dataclasses import dataclass
from typing import Any


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
