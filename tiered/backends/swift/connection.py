"""Calls to one Swift account, from several threads, each made once.

Facts this module stands on (python-swiftclient 4.11, read 2026-11-21):
  * its low-level functions do not retry; `Connection` does by default, also on
    the 429 of a sealed object, so it is not used
  * an `HTTPConnection` remembers its last answer, and an open body reads
    through it: one connection serves one call, or one open body, at a time
  * a request that sends no user agent of its own sends swiftclient's

A token that the server refuses (401) is renewed once, and the call repeated.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import requests
from keystoneauth1.session import Session
from swiftclient import client as swift
from swiftclient.exceptions import ClientException

from tiered.backends.swift.auth import Account
from tiered.backends.swift.failures import Failures
from tiered.backends.swift.login import endpoint_of, plugin_for, token_of

T = TypeVar("T")
Http = Any  # swiftclient's HTTPConnection; that package has no types


@dataclass(frozen=True, slots=True)
class Wire:
    """What every low-level function of swiftclient begins with."""

    url: str
    token: str
    http: Http

    @property
    def pair(self) -> tuple[Any, Http]:
        """As swiftclient wants its `http_conn`."""
        return self.http.parsed_url, self.http


class SwiftConnection:
    """One account.  Connects when the first call is made."""

    def __init__(self, account: Account, label: str, timeout_s: float) -> None:
        self.failures = Failures(label, account)
        self._account, self._timeout_s = account, timeout_s
        self._web = requests.Session()
        self._plugin = plugin_for(account.login)
        self._session = Session(self._plugin, session=self._web, timeout=timeout_s)
        self._idle: list[Http] = []
        self._lock = threading.Lock()

    def run(self, verb: str, name: str, call: Callable[[Wire], T]) -> T:
        """Make one call; `call` may run twice, so it opens what it sends."""
        with self.failures.as_ours(verb, name):
            return self._renewing(partial(self._returning, call))

    def open(
        self, name: str, call: Callable[[Wire], T]
    ) -> tuple[T, Callable[[], None]]:
        """Make one call whose answer is still to be read.

        Returns:
            The answer, and what to call when it was read or is given up.
        """
        with self.failures.as_ours("get", name):
            return self._renewing(partial(self._keeping, call))

    def reading(self, name: str) -> AbstractContextManager[None]:
        """Around each read of a body that `open` gave."""
        return self.failures.as_ours("get", name)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for http in idle:
            http.close()
        self._web.close()

    def _returning(self, call: Callable[[Wire], T], url: str, token: str) -> T:
        http = self._take(url)
        try:
            return call(Wire(url, token, http))
        finally:
            self._give_back(http)

    def _keeping(
        self, call: Callable[[Wire], T], url: str, token: str
    ) -> tuple[T, Callable[[], None]]:
        http = self._take(url)
        try:
            return call(Wire(url, token, http)), partial(self._give_back, http)
        except BaseException:
            self._give_back(http)
            raise

    def _renewing(self, call: Callable[[str, str], T]) -> T:
        """`call` with URL and token; once more if the token was refused."""
        token = token_of(self._session, self._account)
        url = endpoint_of(self._session, self._plugin, self._account)
        try:
            return call(url, token)
        except ClientException as e:
            if e.http_status != 401 or not self._renew(token):
                raise
        return call(url, token_of(self._session, self._account))

    def _renew(self, refused: str) -> bool:
        """False if there is no way to a new token.

        Threads that were refused together must not throw away the token that
        the first of them fetched: OVH allows 60 a minute.
        """
        with self._lock:
            if self._session.get_token() != refused:
                return True
            return self._session.invalidate()

    def _take(self, url: str) -> Http:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return swift.HTTPConnection(url, timeout=self._timeout_s)

    def _give_back(self, http: Http) -> None:
        with self._lock:
            self._idle.append(http)
