"""The one place where errors of Google's libraries become ours (rule R5).

Facts:
  * an error has a status, and a reason in its JSON; that of a download has the
    status alone  [cloud.google.com, "HTTP status and error codes for JSON"]
  * a bucket that is not there, and an object that is not, answer alike: 404

No message holds what the server wrote.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import requests
import urllib3
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from tiered.backends.gs.access import CREDENTIALS
from tiered.errors import (
    AlreadyExists,
    Corrupt,
    Denied,
    Full,
    NotFound,
    RateLimited,
    StoreError,
    TieredError,
    Unavailable,
)
from tiered.store_failure import Kind, no_answer, refused

_KEY_HINT = f"Check {CREDENTIALS}: is the key revoked, or the clock wrong?"
_ROLE_HINT = "Give the account a role in the bucket, such as Storage Object Admin."
_NET_HINT = "Check the network, proxies and the clock."

_BY_REASON: Final[dict[str, Kind]] = {
    "retentionPolicyNotMet": (Denied, "The bucket keeps this object for a time."),
    "objectUnderActiveHold": (Denied, "A hold protects this object."),
    "accountDisabled": (Denied, "The account of the bucket's owner is disabled."),
    "userRateLimitExceeded": (RateLimited, ""),
    "rateLimitExceeded": (RateLimited, ""),
    "quotaExceeded": (Full, "Raise the quota of the project."),
}
_BY_STATUS: Final[dict[int, Kind]] = {
    401: (Denied, _KEY_HINT),
    403: (Denied, _ROLE_HINT),
    404: (NotFound, ""),
    408: (Unavailable, ""),
    410: (Unavailable, ""),  # of an upload: begin again
    412: (AlreadyExists, ""),
    429: (RateLimited, ""),
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body of the task `what`; foreign errors leave it as a TieredError."""
    try:
        yield
    except auth.RefreshError as e:
        kind = Unavailable if e.retryable else Denied
        raise kind(f"{what}: the login was refused", hint=_KEY_HINT) from e
    except auth.TransportError as e:
        raise Unavailable(f"{what}: no answer to the login", hint=_NET_HINT) from e
    except auth.GoogleAuthError as e:
        raise Denied(f"{what}: no login ({type(e).__name__})", hint=_KEY_HINT) from e
    except api.GoogleAPICallError as e:
        raise _of_call(e, what) from e
    except DataCorruption as e:
        raise Corrupt(f"{what}: the server got other bytes than were sent") from e
    except InvalidResponse as e:
        raise of_answer(e.response, what) from e
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
        raise no_answer(what, e, _NET_HINT) from e
    except (ValueError, TypeError, KeyError) as e:  # the page of a proxy, perhaps
        raise StoreError(f"{what}: the answer cannot be read", hint=_NET_HINT) from e


def of_answer(answer: requests.Response, what: str) -> TieredError:
    """What a refusal means that came as a plain answer."""
    known = _BY_STATUS.get(answer.status_code)
    return refused(what, answer.status_code, known, headers=answer.headers)


def _of_call(e: api.GoogleAPICallError, what: str) -> TieredError:
    reasons = [str(error.get("reason", "")) for error in e.errors or ()]
    reason = next((reason for reason in reasons if reason in _BY_REASON), "")
    status = int(e.code or 0)
    known = _BY_REASON.get(reason) or _BY_STATUS.get(status)
    headers = getattr(e.response, "headers", None)
    return refused(what, status, known, said=reason, headers=headers)
