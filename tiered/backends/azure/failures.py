"""The one place where errors of Azure's SDK become ours (rule R5).

Facts:
  * each error has a code in the header x-ms-error-code, also where there is no
    body [learn.microsoft.com, "Status and error codes"]
  * 503 ServerBusy means that the account or the blob has reached its limit of
    requests or bytes  [the same, "Blob service error codes"]

No message holds what the server wrote.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from azure.core import exceptions as azure

from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Corrupt,
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

_KEY_HINT = "Check AZURE_CONNECTION_STRING: account and key."
_NET_HINT = "Check the network, proxies and the endpoint in AZURE_CONNECTION_STRING."
_NAME_HINT = "Check the container in the URL: 3 to 63 of a-z, 0-9 and -."

_BY_CODE: Final[dict[str, Kind]] = {
    "BlobNotFound": (NotFound, ""),
    "ContainerNotFound": (StoreMissing, "Create the container, or correct the URL."),
    "ContainerBeingDeleted": (Unavailable, ""),
    "BlobAlreadyExists": (AlreadyExists, ""),
    "ConditionNotMet": (AlreadyExists, ""),
    "BlobArchived": (Frozen, ""),
    "BlobBeingRehydrated": (Frozen, "Its thaw has begun: wait."),
    "AuthenticationFailed": (Denied, _KEY_HINT),
    "AuthorizationFailure": (Denied, f"This key may not do that here. {_KEY_HINT}"),
    "AccountIsDisabled": (Denied, "The account is disabled."),
    "InvalidResourceName": (ConfigError, _NAME_HINT),
    "ServerBusy": (RateLimited, ""),
    "Md5Mismatch": (Unavailable, ""),
    "AccountSizeLimitExceeded": (Full, "Raise the limit of the account."),
}
_BY_STATUS: Final[dict[int, Kind]] = {
    401: (Denied, _KEY_HINT),
    403: (Denied, "This key may not do that here."),
    404: (NotFound, ""),
    408: (Unavailable, ""),
    429: (RateLimited, ""),
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body of the task `what`; foreign errors leave it as a TieredError."""
    try:
        yield
    except (azure.ServiceRequestError, azure.ServiceResponseError, OSError) as e:
        raise no_answer(what, e, _NET_HINT) from e
    except azure.HttpResponseError as e:
        raise _of_answer(e, what) from e
    except azure.AzureError as e:
        raise Corrupt(f"{what}: the answer is damaged ({type(e).__name__})") from e
    except ValueError as e:  # of who is not Azure, such as the page of a proxy
        raise StoreError(f"{what}: the answer cannot be read", hint=_NET_HINT) from e


def code_of(error: azure.HttpResponseError) -> str:
    """Of x-ms-error-code; empty if there is none."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))  # an enumeration, if the SDK knows it


def _of_answer(error: azure.HttpResponseError, what: str) -> TieredError:
    status, code = error.status_code or 0, code_of(error)
    if not status:  # the line broke while the answer was read
        return Unavailable(f"{what}: the answer was cut", hint=_NET_HINT)
    known = _BY_CODE.get(code) or _BY_STATUS.get(status)
    headers = getattr(error.response, "headers", None)
    return refused(what, status, known, said=code, headers=headers, azure_code=code)
