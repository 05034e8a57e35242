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
from tiered.store_failure import LOGIN_HINT, TLS_HINT, Kind, no_answer, refused

_NET_HINT = "Check host, port, network and proxies."
_FOLDER_HINT = "Is this the URL of a WebDAV folder?"

_BY_STATUS: Final[dict[int, Kind]] = {
    401: (Denied, LOGIN_HINT),
    403: (Denied, "This user may not do that there: check it on the server."),
    404: (NotFound, ""),
    405: (StoreError, _FOLDER_HINT),
    408: (Unavailable, ""),
    412: (AlreadyExists, ""),
    413: (StoreError, "The server limits uploads: raise that, or lower --volsize."),
    423: (Unavailable, "Somebody holds a lock on it."),
    425: (Unavailable, ""),
    429: (RateLimited, ""),
    501: (StoreError, _FOLDER_HINT),
    507: (Full, "Raise the quota, or free space on the server."),
}


@contextmanager
def as_ours(what: str) -> Iterator[None]:
    """Run the body of the task `what`; foreign errors leave it as a TieredError."""
    try:
        yield
    except requests.exceptions.SSLError as e:
        raise StoreError(f"{what}: TLS failed", hint=TLS_HINT) from e
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as e:
        raise ConfigError(
            f"{what}: this is no address of a server", hint="Check the URL."
        ) from e
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
        raise no_answer(what, e, _NET_HINT) from e


def of_answer(answer: requests.Response, what: str) -> TieredError:
    """What a status that was not hoped for means."""
    status = answer.status_code
    known = _BY_STATUS.get(status)
    if status < 300:  # the page of a web server, perhaps
        known = StoreError, _FOLDER_HINT
    elif status < 400:
        known = ConfigError, "Check the URL: http or https, and the folder."
    return refused(what, status, known, headers=answer.headers)
