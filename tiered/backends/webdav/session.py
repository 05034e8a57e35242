"""Requests to one WebDAV folder: login, statuses, streams.

Facts:
  * a request with a body that cannot be repeated must not be the first one of a
    digest login, so the folder is asked for first; that also tells whether it
    is there, for some servers make missing folders with a PUT
    [nginx, create_full_put_path]
  * the threads of a requests Session share its connections; its digest login
    keeps what it needs for each thread  [requests.auth]
"""

import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from tiered.backends.webdav import failures, multistatus
from tiered.backends.webdav.access import Access
from tiered.errors import NotFound, StoreMissing

_CONNECTIONS = 32  # kept open; more threads than that open their own for a while


class Session:
    """Calls from any thread; the first one logs in.

    Args:
        authorities: File with certificates; None: the usual ones.
    """

    def __init__(
        self, access: Access, timeout_s: float, authorities: str | None, label: str
    ) -> None:
        self._access, self._timeout_s, self._label = access, timeout_s, label
        self._authorities = authorities
        self._lock = threading.Lock()
        self._session: requests.Session | None = None

    def ask(
        self,
        method: str,
        name: str,
        what: str,
        *,
        hoped: Iterable[int],
        headers: Mapping[str, str] | None = None,
        body: Any = None,  # bytes, or what has a length and can be iterated
    ) -> requests.Response:
        """The answer, its body not read yet: `close` it.

        Args:
            name: Of an object; of a folder if it ends in a slash.
            hoped: Statuses to return; every other one is raised.

        Raises:
            StoreMissing: The folder of the store is not there.
        """
        session = self._logged_in()
        return self._ask(session, method, name, what, hoped, headers, body)

    def make_root(self, what: str) -> bool:
        """Make the folder of the store; False if it was there."""
        with self._lock:
            self._drop()
            session = self._new()
        with closing(session):
            if self._choose_login(session, what, (207, 404)) == 207:
                return False  # some servers answer a second MKCOL like the first
            hoped = (201, 405)
            answer = self._ask(session, "MKCOL", "", what, hoped, None, None)
            answer.close()
        return answer.status_code == 201

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _logged_in(self) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = self._log_in()
            return self._session

    def _log_in(self) -> requests.Session:
        session = self._new()
        try:
            self._choose_login(session, f"{self._label}: cannot open it", (207,))
        except NotFound as e:
            session.close()
            raise StoreMissing(
                f"{self._label}: there is no such folder on the server",
                hint="Create it, or correct the URL.",
            ) from e
        except BaseException:
            session.close()
            raise
        return session

    def _choose_login(
        self, session: requests.Session, what: str, hoped: tuple[int, ...]
    ) -> int:
        """Basic first, as it is one request; digest if the server wants that.

        Returns:
            The status, one of `hoped`.
        """
        if not self._access.user:
            return self._look(session, what, hoped).status_code
        answer = self._look(session, what, (*hoped, 401))
        if answer.status_code != 401:
            return answer.status_code
        if "digest" not in answer.headers.get("WWW-Authenticate", "").lower():
            raise failures.of_answer(answer, what)
        session.auth = self._digest()
        return self._look(session, what, hoped).status_code

    def _look(
        self, session: requests.Session, what: str, hoped: Iterable[int]
    ) -> requests.Response:
        headers, body = {"Depth": "0"}, multistatus.ASKED
        answer = self._ask(session, "PROPFIND", "", what, hoped, headers, body)
        with failures.as_ours(what):
            answer.content  # noqa: B018 - reads it, so that the connection is free
        return answer

    def _new(self) -> requests.Session:
        session = requests.Session()
        session.mount("http", HTTPAdapter(pool_maxsize=_CONNECTIONS))
        session.mount("https", HTTPAdapter(pool_maxsize=_CONNECTIONS))
        session.headers["Accept-Encoding"] = "identity"  # objects are sent as they are
        session.auth = self._basic()
        return session

    def _basic(self) -> AuthBase | None:
        user, password = self._access.user, self._access.password
        if user is None:
            return None
        secret = password.reveal() if password else ""
        return HTTPBasicAuth(user.encode(), secret.encode())  # str would be Latin-1

    def _digest(self) -> AuthBase:
        user, password = self._access.user, self._access.password
        return HTTPDigestAuth(user or "", password.reveal() if password else "")

    def _ask(
        self,
        session: requests.Session,
        method: str,
        name: str,
        what: str,
        hoped: Iterable[int],
        headers: Mapping[str, str] | None,
        body: Any,
    ) -> requests.Response:
        with failures.as_ours(what):
            answer = session.request(
                method,
                self._access.url_of(name),
                headers=dict(headers or {}),
                data=body,
                timeout=self._timeout_s,
                verify=self._authorities or None,  # of the session, variables win
                stream=True,
                allow_redirects=False,
            )
        if answer.status_code in hoped:
            return answer
        with answer:
            raise failures.of_answer(answer, what)

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None
