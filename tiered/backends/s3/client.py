"""One boto3 client per store, made when it is first needed.

Facts:
  * clients are safe to share between threads; making one reads files and may
    ask the network for credentials  [boto3 docs, "Multithreading"; botocore]
  * botocore retries by default; `total_max_attempts: 1` turns that off
  * from boto3 1.36 on, checksums that many servers do not know are sent and
    expected by default; "when_required" turns that off
    [duplicity issue 870; botocore config reference]
  * every S3 server known to us takes bucket names in the path; in the host
    name they need wildcard DNS and certificates, so by itself only AWS gets that
"""

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from tiered.backends.s3.access import Access, Place
from tiered.errors import ConfigError, MissingDependency

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Addressing = Literal["path", "virtual"]
"""Where the name of the bucket goes: `host/bucket` or `bucket.host`."""

_CONNECTIONS = 32  # kept open; more threads than that open their own for a while
_ANY_REGION = "us-east-1"  # servers that know no regions accept this one


def require_boto3() -> None:
    """Raises MissingDependency if the extra is not installed."""
    if find_spec("boto3") is None:
        raise MissingDependency(
            "s3:// needs the library boto3",
            hint="Run pip install 'tiered[s3]'.",
        )


class LazyClient:
    """The client, and the moment at which it comes to be."""

    def __init__(
        self,
        access: Access,
        place: Place,
        timeout_s: float,
        addressing: Addressing | None = None,
    ) -> None:
        usual: Addressing = "virtual" if place.endpoint is None else "path"
        self._access, self._place, self._timeout_s = access, place, timeout_s
        self._addressing = addressing or usual
        self._client: S3Client | None = None
        self._lock = threading.Lock()

    def get(self) -> "S3Client":
        with self._lock:
            if self._client is None:
                self._client = _make(
                    self._access, self._place, self._timeout_s, self._addressing
                )
            return self._client

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None


def _make(
    access: Access, place: Place, timeout_s: float, addressing: Addressing
) -> "S3Client":
    from boto3.session import Session  # heavy: 0.2 s that most commands never need
    from botocore.config import Config

    keys, own = access.keys, place.endpoint is not None
    session = Session(
        aws_access_key_id=keys.access.reveal() if keys else None,
        aws_secret_access_key=keys.secret.reveal() if keys else None,
        aws_session_token=keys.token.reveal() if keys and keys.token else None,
        profile_name=access.profile if not keys else None,
    )
    config = Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        max_pool_connections=_CONNECTIONS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        signature_version="s3v4",
        s3={"addressing_style": addressing},
    )
    try:
        return session.client(
            "s3",
            config=config,
            endpoint_url=place.endpoint,
            region_name=place.region or (_ANY_REGION if own else None),
        )
    except ValueError as e:  # botocore says so about a URL that it refuses
        raise ConfigError(
            "boto3 refuses the S3 endpoint or region",
            hint="Check AWS_ENDPOINT_URL, AWS_REGION and the settings.",
        ) from e
