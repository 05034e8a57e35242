"""A session of Backblaze's SDK that repeats nothing, and waits no longer than asked.

One repeat is left: where a token has ended (they live for a day), the SDK logs in
again and asks once more.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from b2sdk.v3 import (
    B2Http,
    B2HttpApiConfig,
    B2Session,
    HttpCallback,
    InMemoryAccountInfo,
    exception,
)
from requests.adapters import HTTPAdapter

_CONNECTIONS = 32  # kept open; more threads than that open their own for a while


class Refused(exception.B2HttpCallbackPostRequestException):  # type: ignore[misc] # b2sdk ships no types
    """The server answered 400 with a code that the SDK does not know."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code


class Refusals(HttpCallback):  # type: ignore[misc] # b2sdk ships no types
    """Looks at answers before the SDK does, which warns of codes that are new to it,
    and repeats what the server wrote.
    """

    KNOWN = frozenset(
        (
            *("already_hidden", "auth_token_limit", "bad_bucket_id", "bad_json"),
            *("bad_request", "duplicate_bucket_name", "file_not_present"),
            *("missing_part", "no_such_file", "part_sha1_mismatch"),
        )
    )

    def post_request(
        self, method: str, url: str, headers: Any, response: requests.Response
    ) -> None:
        if response.status_code != requests.codes.bad_request:
            return
        try:
            code = str(response.json()["code"])
        except (ValueError, KeyError, TypeError):
            code = "an unknown error"
        if code not in self.KNOWN:
            raise Refused(code)


class Once(B2Http):  # type: ignore[misc] # b2sdk ships no types
    """Each request is tried once: `tiered.wrap.retry` repeats."""

    def __init__(self, timeout_s: float, config: B2HttpApiConfig) -> None:
        super().__init__(config)
        self.CONNECTION_TIMEOUT = self._timeout_s = timeout_s
        self.add_callback(Refusals())

    def request(
        self,
        method: Any,  # as the SDK calls it; nothing is done with these here
        url: str,
        headers: dict[str, str],
        data: Any = None,
        try_count: int = 1,
        params: dict[str, str] | None = None,
        *,
        stream: bool = False,
        _timeout: int | None = None,
    ) -> requests.Response:
        answer: requests.Response = super().request(
            method,
            url,
            headers,
            data,
            1,
            params,
            stream=stream,
            _timeout=self._timeout_s,
        )
        return answer


class Session(B2Session):  # type: ignore[misc] # b2sdk ships no types
    """A session of its own: nothing of it is kept on disk.

    Args:
        logged_in: Called after each login: addresses of uploads that were given
            before are worthless.
    """

    def __init__(self, timeout_s: float, logged_in: Callable[[], None]) -> None:
        self.B2HTTP_CLASS = partial(Once, timeout_s)
        self._logged_in = logged_in
        config = B2HttpApiConfig(
            http_session_factory=_connections,
            # it compares clocks, which no request needs, and sets the locale to do so
            install_clock_skew_hook=False,
            decode_content=True,  # else it would put an adapter of its own in place
        )
        super().__init__(InMemoryAccountInfo(), api_config=config)

    def authorize_account(self, *args: Any, **named: Any) -> None:
        super().authorize_account(*args, **named)
        self._logged_in()


def _connections() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    return session
