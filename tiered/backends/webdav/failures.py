"""The one place where statuses and errors of requests become ours (rule R5).

No message holds what the server wrote.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import requests
import urllib3

from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    Full,
    NotFound,
    RateLimited,
    StoreError,
    TieredError,
    Unavailable,
)
from tiered.retry_after import RATE_HINT, retry_after_s

_LOGIN_HINT = (
    "Check the user in the URL and the password (BACKEND_PASSWORD or FTP_PASSWORD)."
)
_NET_HINT = "Check host, port, network and proxies."
_TLS_HINT = (
    "Check the clock and the certificate of the server; name the certificate of its "
    "authority with --ssl-cacert-file."
)

Kind = tuple[type[TieredError], str]

_BY_STATUS: Final[dict[int, Kind]] = {
    401: (Denied, _LOGIN_HINT),
    403: (Denied, "This user may not do that there: check it on the server."),
    404: (NotFound, ""),
    405: (StoreError, "Is this the URL of a WebDAV folder?"),
    408: (Unavailable, ""),
    412: (AlreadyExists, ""),
    413: (StoreError, "The server limits uploads: raise that, or lower --volsize."),
    423: (Unavailable, "Somebody holds a lock on it."),
    425: (Unavailable, ""),
    429: (RateLimited, RATE_HINT),
    501: (StoreError, "Is this the URL of a WebDAV folder?"),
    507: (Full, "Raise the quota, or free space on the server."),
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body; foreign errors leave it as a TieredError.

    Args:
        what: Store, verb and object, for the message.
    """
    try:
        yield
    except requests.exceptions.SSLError as e:
        raise StoreError(f"{what}: TLS failed", hint=_TLS_HINT) from e
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as e:
        raise ConfigError(
            f"{what}: this is no address of a server", hint="Check the URL."
        ) from e
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
        kind = type(e).__name__
        raise Unavailable(f"{what}: no answer ({kind})", hint=_NET_HINT) from e


def of_answer(answer: requests.Response, what: str) -> TieredError:
    """What a status that was not hoped for means."""
    status = answer.status_code
    later: Kind = (Unavailable, "") if status >= 500 else (StoreError, "")
    if 300 <= status < 400:
        later = ConfigError, "Check the URL: http or https, and the folder."
    kind, hint = _BY_STATUS.get(status, later)
    wait_s = retry_after_s(answer.headers)
    said = f"{what}: the server answered {status}"
    return kind(said, hint=hint, wait_s=wait_s, status=status)
