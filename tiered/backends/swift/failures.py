"""The one place where errors of swiftclient, keystoneauth1 and requests
become ours (rule R5).

Facts:
  * 412 answers `If-None-Match: *`; 413 is a quota or an object beyond the
    limit; 422 means that the bytes do not match the ETag that was sent; 498
    and 429 are rate limits; 507 is a full disk  [Swift API reference]
  * a PCA object that is not readable answers 429 as well  [docs.ovh.com,
    pca_unlock]; `pca.py` tells the two apart
  * Keystone answers a wrong value with 401, and with 400 what it cannot read of
    a login, such as a name of a kind that it does not take; either way it is
    this account that is refused  [keystone, auth/schema.py, auth/core.py]
  * requests' errors are OSErrors; while a body is read, urllib3's own come

No message holds a URL, a token or a header that was sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import requests
import urllib3
from keystoneauth1 import exceptions as keystone
from swiftclient.exceptions import ClientException

from tiered.backends.swift.auth import Account
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
from tiered.store_failure import Kind, no_answer, refused, task

_TLS_HINT = "Check the clock, the certificate of the server and the CA bundle."
_NET_HINT = "Check the network, the name of the server and proxies."

_BY_STATUS: Final[dict[int, Kind]] = {
    403: (Denied, "This user may not do that here: check its roles."),
    404: (NotFound, ""),
    408: (Unavailable, ""),
    409: (Unavailable, ""),
    413: (Full, "Raise the quota, or move the archive."),
    422: (Unavailable, ""),
    429: (RateLimited, ""),
    498: (RateLimited, ""),
    499: (Unavailable, ""),
    507: (Full, "Raise the quota, or move the archive."),
}


@dataclass(frozen=True, slots=True)
class Failures:
    """Translates what goes wrong in calls of one store."""

    label: str
    account: Account

    @contextmanager
    def as_ours(self, verb: str, name: str = "") -> Iterator[None]:
        """Run the body; foreign errors leave it as a TieredError."""
        what = task(self.label, verb, name)
        try:
            yield
        except ClientException as e:
            raise self._of_answer(e, what, verb) from e
        except keystone.ClientException as e:
            raise self._of_login(e) from e
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as e:
            raise StoreError(f"{what}: TLS failed", hint=_TLS_HINT) from e
        except (urllib3.exceptions.HTTPError, OSError) as e:
            raise no_answer(what, e, _NET_HINT) from e

    def _of_answer(self, e: ClientException, what: str, verb: str) -> TieredError:
        """Of an answer of Swift that is not 2xx."""
        status = e.http_status or 0
        if not status:  # swiftclient's own complaint, for instance a bad URL
            return StoreError(f"{what}: {e.msg}", hint=self.account.hint)
        known = _BY_STATUS.get(status)
        if status == 401:
            known = Denied, self.account.hint
        elif status == 412 and verb == "put":
            known = AlreadyExists, ""
        headers = e.http_response_headers
        return refused(what, status, known, said=e.http_reason, headers=headers)

    def _of_login(self, e: keystone.ClientException) -> TieredError:
        """Of the login, before Swift was asked anything."""
        host, what = self.account.host, f"{self.label}: cannot log in"
        v = self.account.variables
        url_hint = f"Check {v}AUTHURL and {v}AUTHVERSION (usually 3)."
        match e:
            case keystone.Unauthorized() | keystone.Forbidden():
                return Denied(f"{what}: {host} refused it", hint=self.account.hint)
            case keystone.BadRequest():
                return Denied(
                    f"{what}: {host} does not understand it",
                    hint=f"{self.account.hint}  {url_hint}",
                )
            case keystone.NotFound():
                said = f"{what}: {host} does not know this kind of login"
                return ConfigError(said, hint=url_hint)
            case keystone.EndpointNotFound():
                return ConfigError(
                    f"{what}: {host} lists no object storage for this account",
                    hint=f"Check {v}TENANTID or {v}TENANTNAME.",
                )
            case keystone.SSLError():
                return StoreError(f"{what}: TLS with {host} failed", hint=_TLS_HINT)
            case keystone.ConnectionError():
                return no_answer(f"{what} at {host}", e, _NET_HINT)
            case keystone.HttpError() if e.http_status in (408, 429) or (
                e.http_status >= 500
            ):
                headers = getattr(e.response, "headers", None)
                known = _BY_STATUS.get(e.http_status)
                return refused(
                    f"{what} at {host}", e.http_status, known, headers=headers
                )
        return StoreError(f"{what} at {host}: {type(e).__name__}", hint=url_hint)
