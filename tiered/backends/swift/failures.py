"""The one place where errors of swiftclient, keystoneauth1 and requests
become ours (rule R5).

Facts:
  * 412 answers `If-None-Match: *`; 413 is a quota or an object beyond the
    limit; 422 means that the bytes do not match the ETag that was sent; 498
    and 429 are rate limits; 507 is a full disk  [Swift API reference]
  * a PCA object that is not readable answers 429 as well  [docs.ovh.com,
    pca_unlock]; `pca.py` tells the two apart
  * requests' errors are OSErrors; while a body is read, urllib3's own come

No message holds a URL, a token or a header that was sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
from tiered.retry_after import RATE_HINT, retry_after_s

_AGAIN_STATUSES = (408, 409, 422, 499)
_RATE_STATUSES = (429, 498)
_TLS_HINT = "Check the clock, the certificate of the server and the CA bundle."
_NET_HINT = "Check the network, the name of the server and proxies."


@dataclass(frozen=True, slots=True)
class Failures:
    """Translates what goes wrong in calls of one store."""

    label: str
    account: Account

    @contextmanager
    def as_ours(self, verb: str, name: str = "") -> Iterator[None]:
        """Run the body; foreign errors leave it as a TieredError."""
        what = f"{self.label}: cannot {verb}" + (f" {name!r}" if name else "")
        try:
            yield
        except ClientException as e:
            raise self._of_answer(e, what, verb) from e
        except keystone.ClientException as e:
            raise self._of_login(e) from e
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as e:
            raise StoreError(f"{what}: TLS failed", hint=_TLS_HINT) from e
        except (urllib3.exceptions.HTTPError, OSError) as e:
            kind = type(e).__name__
            raise Unavailable(f"{what}: no answer ({kind})", hint=_NET_HINT) from e

    def _of_answer(self, e: ClientException, what: str, verb: str) -> StoreError:
        """Of an answer of Swift that is not 2xx."""
        status = e.http_status or 0
        if not status:  # swiftclient's own complaint, for instance a bad URL
            return StoreError(f"{what}: {e.msg}")
        kind, hint = self._kind(status, verb)
        wait_s = retry_after_s(e.http_response_headers)
        said = f"{what}: the server answered {status} {e.http_reason}".rstrip()
        return kind(said, hint=hint, wait_s=wait_s, status=status, verb=verb)

    def _kind(self, status: int, verb: str) -> tuple[type[StoreError], str]:
        match status:
            case 401:
                return Denied, self.account.hint
            case 403:
                return Denied, "This user may not do that here: check its roles."
            case 404:
                return NotFound, ""
            case 412 if verb == "put":
                return AlreadyExists, ""
            case 413 | 507:
                return Full, "Raise the quota, or move the archive."
            case _ if status in _RATE_STATUSES:
                return RateLimited, RATE_HINT
            case _ if status in _AGAIN_STATUSES or status >= 500:
                return Unavailable, ""
        return StoreError, ""

    def _of_login(self, e: keystone.ClientException) -> TieredError:
        """Of the login, before Swift was asked anything."""
        host, what = self.account.host, f"{self.label}: cannot log in"
        match e:
            case keystone.Unauthorized() | keystone.Forbidden():
                return Denied(f"{what}: {host} refused it", hint=self.account.hint)
            case keystone.NotFound() | keystone.BadRequest():
                v = self.account.variables
                return ConfigError(
                    f"{what}: {host} does not know this kind of login",
                    hint=f"Check {v}AUTHURL and {v}AUTHVERSION (usually 3).",
                )
            case keystone.EndpointNotFound():
                v = self.account.variables
                return ConfigError(
                    f"{what}: {host} lists no object storage for this account",
                    hint=f"Check {v}TENANTID or {v}TENANTNAME.",
                )
            case keystone.SSLError():
                return StoreError(f"{what}: TLS with {host} failed", hint=_TLS_HINT)
            case keystone.ConnectionError():
                kind = type(e).__name__
                said = f"{what}: no answer from {host} ({kind})"
                return Unavailable(said, hint=_NET_HINT)
            case keystone.HttpError() if e.http_status in (408, 429) or (
                e.http_status >= 500
            ):
                said = f"{what}: {host} answered {e.http_status}"
                headers = getattr(e.response, "headers", None)
                kind_of = RateLimited if e.http_status == 429 else Unavailable
                return kind_of(said, wait_s=retry_after_s(headers))
        return StoreError(f"{what} at {host}: {type(e).__name__}")
