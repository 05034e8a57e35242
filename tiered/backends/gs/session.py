"""A client that logs in with the key of a service account, and repeats nothing.

It talks to the store and to the login that the key names, and to nobody else.  Google's
libraries would ask more, each time in a thread of their own: the storage library for
the attributes of the bucket, to name them in traces, and the login library another
service for the regions of the account, repeatedly where that does not answer.  Neither
changes what a store does, and neither has a switch that belongs to the client, so both
are turned off here.

Two repeats of Google's libraries cannot be turned off: a login that is answered with
500, 503 or "temporarily unavailable" is asked for up to three times, and a request
that is answered 401 once more, after a new login.  The second is how a token that has
ended is found out.
"""

from collections.abc import Mapping
from typing import Any

import requests
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud.storage import Client
from google.oauth2 import service_account
from requests.adapters import HTTPAdapter

from tiered.backends.gs.access import CREDENTIALS
from tiered.errors import ConfigError

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_CONNECTIONS = 32  # kept open; more threads than that open their own for a while


class _Account(service_account.Credentials):
    """Logs in, and asks for nothing else."""

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


def open_client(key: Mapping[str, Any], endpoint: str | None) -> tuple[Client, Any]:
    """The client, and the session that it sends by; no I/O.

    What the library would else take from the process environment is given here.

    Args:
        key: See `tiered.backends.gs.access.read_key`.
        endpoint: URL of the server; None: Google's.

    Raises:
        ConfigError: The key lacks something, or is damaged.
    """
    try:
        from_key = _Account.from_service_account_info
        account = from_key(key, scopes=[_SCOPE])  # type: ignore[no-untyped-call] # google-auth is typed in part
    except ValueError as e:  # its text may repeat the key
        raise ConfigError(
            f"the key that {CREDENTIALS} names is damaged", hint="Make a new one."
        ) from e
    login = Request(requests.Session())
    session = AuthorizedSession(account, auth_request=login)  # type: ignore[no-untyped-call] # the same
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    domain = account.universe_domain
    client = Client(
        project=key.get("project_id"),
        credentials=account,
        _http=session,
        client_options={
            "api_endpoint": endpoint or f"https://storage.{domain}",
            "universe_domain": domain,
        },
    )
    client._bucket_metadata_cache = None
    return client, session
