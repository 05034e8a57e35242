"""The one place where errors of boto3 and botocore become ours (rule R5).

Facts:
  * an answer that is not 2xx is a ClientError with the code of the XML; a HEAD
    has no body, so its code is the status  [botocore, parsers.py]
  * what a body raises while it is sent comes as HTTPClientError(error=…)
    [botocore 1.44, httpsession.py]

No message holds a key, or what the server wrote: that may repeat the key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import urllib3
from botocore import exceptions as boto

from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    Frozen,
    Full,
    NotFound,
    RateLimited,
    StoreError,
    StoreMissing,
    TieredError,
    Unavailable,
)
from tiered.retry_after import RATE_HINT, retry_after_s

_KEY_HINT = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_ROLE_HINT = "This key may not do that here: check its policy and the bucket's."
_REGION_HINT = "Set the region of the bucket: AWS_REGION, or in the settings."
_REDIRECT_HINT = "Check the endpoint (http or https?) and the region."
_TLS_HINT = "Check the clock, the certificate of the server and the CA bundle."
_NET_HINT = "Check the network, the endpoint and proxies."

Kind = tuple[type[TieredError], str]

_BY_CODE: Final[dict[str, Kind]] = {
    "NoSuchKey": (NotFound, ""),
    "NoSuchBucket": (
        StoreMissing,
        "Create the bucket with the tools of the provider, or correct the URL.",
    ),
    "PreconditionFailed": (AlreadyExists, ""),
    "ConditionalRequestConflict": (Unavailable, ""),
    "OperationAborted": (Unavailable, ""),
    "NoSuchUpload": (Unavailable, ""),
    "InvalidObjectState": (Frozen, "Thaw it first; `tiered restore` does so."),
    "InvalidAccessKeyId": (Denied, _KEY_HINT),
    "SignatureDoesNotMatch": (Denied, _KEY_HINT),
    "InvalidSecurity": (Denied, _KEY_HINT),
    "ExpiredToken": (Denied, "Get new temporary keys: AWS_SESSION_TOKEN has expired."),
    "InvalidToken": (Denied, "Check AWS_SESSION_TOKEN."),
    "RequestTimeTooSkewed": (Denied, "Set the clock of this machine."),
    "AccessDenied": (Denied, _ROLE_HINT),
    "ObjectLocked": (Denied, "An object lock holds it: see its retention."),
    "AuthorizationHeaderMalformed": (ConfigError, _REGION_HINT),
    "PermanentRedirect": (ConfigError, _REGION_HINT),
    "IllegalLocationConstraintException": (ConfigError, _REGION_HINT),
    "InvalidBucketName": (ConfigError, "Check the name of the bucket in the URL."),
    "InvalidStorageClass": (ConfigError, "Set a storage class that is offered here."),
    "QuotaExceeded": (Full, "Raise the quota, or move the archive."),
    "BadDigest": (Unavailable, ""),
    "XAmzContentSHA256Mismatch": (Unavailable, ""),
    "IncompleteBody": (Unavailable, ""),
    "RequestTimeout": (Unavailable, ""),
    "SlowDown": (RateLimited, RATE_HINT),
    "Throttling": (RateLimited, RATE_HINT),
    "ThrottlingException": (RateLimited, RATE_HINT),
    "RequestLimitExceeded": (RateLimited, RATE_HINT),
    "TooManyRequests": (RateLimited, RATE_HINT),
}

_BY_STATUS: Final[dict[int, Kind]] = {
    301: (ConfigError, _REGION_HINT),
    401: (Denied, _KEY_HINT),
    403: (Denied, _ROLE_HINT),
    404: (NotFound, ""),
    408: (Unavailable, ""),
    412: (AlreadyExists, ""),
    429: (RateLimited, RATE_HINT),
    501: (StoreError, "This server lacks something that tiered needs."),
    507: (Full, "Raise the quota, or move the archive."),
}


@contextmanager
def as_ours(label: str, verb: str, name: str = "") -> Iterator[None]:
    """Run the body; foreign errors leave it as a TieredError."""
    what = f"{label}: cannot {verb}" + (f" {name!r}" if name else "")
    try:
        yield
    except boto.ClientError as e:
        raise _of_answer(e, what, verb) from e
    except boto.BotoCoreError as e:
        inner = e.kwargs.get("error")
        if isinstance(inner, TieredError):  # of the source that was being sent
            raise inner from e
        raise _of_client(e, what) from e
    except RecursionError as e:  # botocore asks again as often as it is redirected
        raise ConfigError(f"{what}: the server redirects", hint=_REDIRECT_HINT) from e
    except (urllib3.exceptions.HTTPError, OSError) as e:
        kind = type(e).__name__
        raise Unavailable(f"{what}: no answer ({kind})", hint=_NET_HINT) from e


def _of_answer(e: boto.ClientError, what: str, verb: str) -> TieredError:
    code = e.response.get("Error", {}).get("Code", "")
    metadata = e.response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    later = (Unavailable, "") if status >= 500 else (StoreError, "")
    kind, hint = _BY_CODE.get(code) or _BY_STATUS.get(status, later)
    wait_s = retry_after_s(metadata.get("HTTPHeaders"))
    name = "" if code.isdecimal() else code  # of a HEAD: the status once more
    said = f"{what}: the server answered {status} {name}".rstrip()
    return kind(said, hint=hint, wait_s=wait_s, status=status, s3_code=code, verb=verb)


def _of_client(e: boto.BotoCoreError, what: str) -> TieredError:
    """Of botocore itself: there was no answer, or no request."""
    kind = type(e).__name__
    match e:
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            hint = "Export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
            return ConfigError(f"{what}: no S3 credentials were found", hint=hint)
        case boto.ProfileNotFound():
            return ConfigError(
                f"{what}: no such AWS profile", hint="Check AWS_PROFILE."
            )
        case boto.NoRegionError() | boto.InvalidRegionError():
            return ConfigError(f"{what}: no valid region is set", hint=_REGION_HINT)
        case boto.ParamValidationError():
            hint = "Check the name of the bucket in the URL."
            return ConfigError(f"{what}: S3 cannot be asked that", hint=hint)
        case boto.SSLError():
            return StoreError(f"{what}: TLS failed", hint=_TLS_HINT)
        case (
            boto.ConnectionError() | boto.HTTPClientError() | boto.IncompleteReadError()
        ):
            return Unavailable(f"{what}: no answer ({kind})", hint=_NET_HINT)
        case boto.CredentialRetrievalError() | boto.TokenRetrievalError():
            return Denied(f"{what}: no S3 credentials were given", hint=_KEY_HINT)
    return StoreError(f"{what}: {kind}")
