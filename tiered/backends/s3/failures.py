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
from tiered.store_failure import Kind, no_answer, refused

_KEY_HINT = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_ROLE_HINT = "This key may not do that here: check its policy and the bucket's."
_REGION_HINT = "Set the region of the bucket: AWS_REGION, or in the settings."
_REDIRECT_HINT = "Check the endpoint (http or https?) and the region."
_TLS_HINT = "Check the clock, the certificate of the server and the CA bundle."
_NET_HINT = "Check the network, the endpoint and proxies."

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
    "InvalidObjectState": (Frozen, ""),
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
    "SlowDown": (RateLimited, ""),
    "Throttling": (RateLimited, ""),
    "ThrottlingException": (RateLimited, ""),
    "RequestLimitExceeded": (RateLimited, ""),
    "TooManyRequests": (RateLimited, ""),
}

_BY_STATUS: Final[dict[int, Kind]] = {
    301: (ConfigError, _REGION_HINT),
    401: (Denied, _KEY_HINT),
    403: (Denied, _ROLE_HINT),
    404: (NotFound, ""),
    408: (Unavailable, ""),
    412: (AlreadyExists, ""),
    429: (RateLimited, ""),
    501: (StoreError, "This server lacks something that tiered needs."),
    507: (Full, "Raise the quota, or move the archive."),
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body of the task `what`; foreign errors leave it as a TieredError."""
    try:
        yield
    except boto.ClientError as e:
        raise _of_answer(e, what) from e
    except boto.BotoCoreError as e:
        inner = e.kwargs.get("error")
        if isinstance(inner, TieredError):  # of the source that was being sent
            raise inner from e
        raise _of_client(e, what) from e
    except RecursionError as e:  # botocore asks again as often as it is redirected
        raise ConfigError(f"{what}: the server redirects", hint=_REDIRECT_HINT) from e
    except (urllib3.exceptions.HTTPError, OSError) as e:
        raise no_answer(what, e, _NET_HINT) from e


def _of_answer(e: boto.ClientError, what: str) -> TieredError:
    code = e.response.get("Error", {}).get("Code", "")
    metadata = e.response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    known = _BY_CODE.get(code) or _BY_STATUS.get(status)
    said = "" if code.isdecimal() else code  # of a HEAD: the status once more
    headers = metadata.get("HTTPHeaders")
    return refused(what, status, known, said=said, headers=headers, s3_code=code)


def _of_client(e: boto.BotoCoreError, what: str) -> TieredError:
    """Of botocore itself: there was no answer, or no request."""
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
            return no_answer(what, e, _NET_HINT)
        case boto.CredentialRetrievalError() | boto.TokenRetrievalError():
            return Denied(f"{what}: no S3 credentials were given", hint=_KEY_HINT)
    return StoreError(f"{what}: {type(e).__name__}")
