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
from tiered.retry_after import RATE_HINT, retry_after_s

_KEY_HINT = "Check AZURE_CONNECTION_STRING: account and key."
_NET_HINT = "Check the network, proxies and the endpoint in AZURE_CONNECTION_STRING."
_NAME_HINT = "Check the container in the URL: 3 to 63 of a-z, 0-9 and -."

Kind = tuple[type[TieredError], str]

_BY_CODE: Final[dict[str, Kind]] = {
    "BlobNotFound": (NotFound, ""),
    "ContainerNotFound": (StoreMissing, "Create the container, or correct the URL."),
    "ContainerBeingDeleted": (Unavailable, ""),
    "BlobAlreadyExists": (AlreadyExists, ""),
    "ConditionNotMet": (AlreadyExists, ""),
    "BlobArchived": (Frozen, "Thaw it first; `tiered restore` does so."),
    "BlobBeingRehydrated": (Frozen, "Its thaw has begun: wait."),
    "AuthenticationFailed": (Denied, _KEY_HINT),
    "AuthorizationFailure": (Denied, f"This key may not do that here. {_KEY_HINT}"),
    "AccountIsDisabled": (Denied, "The account is disabled."),
    "InvalidResourceName": (ConfigError, _NAME_HINT),
    "ServerBusy": (RateLimited, RATE_HINT),
    "Md5Mismatch": (Unavailable, ""),
    "AccountSizeLimitExceeded": (Full, "Raise the limit of the account."),
}
_BY_STATUS: Final[dict[int, Kind]] = {
    401: (Denied, _KEY_HINT),
    403: (Denied, "This key may not do that here."),
    404: (NotFound, ""),
    408: (Unavailable, ""),
    429: (RateLimited, RATE_HINT),
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body; foreign errors leave it as a TieredError.

    Args:
        what: Store, verb and object, for the message.
    """
    try:
        yield
    except (azure.ServiceRequestError, azure.ServiceResponseError) as e:
        kind_of = type(e).__name__
        raise Unavailable(f"{what}: no answer ({kind_of})", hint=_NET_HINT) from e
    except azure.HttpResponseError as e:
        raise _of_answer(e, what) from e
    except azure.AzureError as e:
        raise Corrupt(f"{what}: the answer is damaged ({type(e).__name__})") from e
    except OSError as e:
        kind_of = type(e).__name__
        raise Unavailable(f"{what}: no answer ({kind_of})", hint=_NET_HINT) from e
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
    later: Kind = (Unavailable, "") if status >= 500 else (StoreError, "")
    kind, hint = _BY_CODE.get(code) or _BY_STATUS.get(status, later)
    wait_s = retry_after_s(getattr(error.response, "headers", None))
    said = f"{what}: the server answered {status} {code}".rstrip()
    return kind(said, hint=hint, wait_s=wait_s, status=status, azure_code=code)
