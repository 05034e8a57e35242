"""The one place where errors of Backblaze's SDK become ours (rule R5).

Facts:
  * each error has a status and a code; a code may stand for several things
    [backblaze.com, B2 Native API, "Error handling"]
  * an upload that is answered 5xx, or not at all, is to be repeated at another
    address; the SDK has given up the first one by then

No message holds what the server wrote: the SDK puts that into its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import requests
import urllib3
from b2sdk.v3 import exception as b2

from tiered.errors import (
    Denied,
    Full,
    NotFound,
    RateLimited,
    StoreError,
    StoreMissing,
    TieredError,
    Unavailable,
)
from tiered.store_failure import Kind, no_answer

_KEY_HINT = "Check B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY."
_ROLE_HINT = "Make a key that may list, read, write and delete files there."
_CAP_HINT = "Raise the cap in the settings of the account, or wait until tomorrow."
_NET_HINT = "Check the network and proxies."
_MISSING_HINT = "Create the bucket, or correct the URL."
_LOCK_HINT = "A lock of the bucket protects this version."

_KINDS: Final[tuple[tuple[type[Exception], Kind], ...]] = (
    (b2.InvalidAuthToken, (Denied, _KEY_HINT)),
    (b2.Unauthorized, (Denied, _ROLE_HINT)),
    (b2.AccessDenied, (Denied, _LOCK_HINT)),
    (b2.StorageCapExceeded, (Full, _CAP_HINT)),
    (b2.TransactionCapExceeded, (Full, _CAP_HINT)),
    (b2.TooManyRequests, (RateLimited, "")),
    (b2.BucketIdNotFound, (StoreMissing, _MISSING_HINT)),
    (b2.NonExistentBucket, (StoreMissing, _MISSING_HINT)),
    (b2.FileAlreadyHidden, (NotFound, "")),
    (b2.FileNotPresent, (NotFound, "")),
    (b2.BrokenPipe, (Unavailable, _NET_HINT)),
    (b2.ConnectionReset, (Unavailable, _NET_HINT)),
    (b2.B2ConnectionError, (Unavailable, _NET_HINT)),
    (b2.B2RequestTimeout, (Unavailable, _NET_HINT)),
)
"""The first one that fits; the SDK's classes stand below each other."""


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body of the task `what`; foreign errors leave it as a TieredError."""
    try:
        yield
    except b2.B2Error as e:
        raise _of_sdk(e, what) from e
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
        raise no_answer(what, e, _NET_HINT) from e
    except (ValueError, TypeError, KeyError) as e:  # the page of a proxy, perhaps
        raise StoreError(f"{what}: the answer cannot be read", hint=_NET_HINT) from e


def _of_sdk(error: b2.B2Error, what: str) -> TieredError:
    kind, hint = _kind(error)
    code = getattr(error, "code", None)
    said = f"the server answered {code}" if code else type(error).__name__
    return kind(f"{what}: {said}", hint=hint, wait_s=error.retry_after_seconds)


def _kind(error: b2.B2Error) -> Kind:
    for known, kind in _KINDS:
        if isinstance(error, known):
            return kind
    if error.should_retry_http() or error.should_retry_upload() or _was_cut(error):
        return Unavailable, ""
    return StoreError, ""


def _was_cut(error: b2.B2Error) -> bool:
    """Was it the line, or the bytes on it?"""
    if isinstance(error, b2.BadRequest):
        return "checksum" in str(error).lower()
    cause = error.__context__  # of what the SDK calls unknown
    return isinstance(cause, (requests.RequestException, urllib3.exceptions.HTTPError))
