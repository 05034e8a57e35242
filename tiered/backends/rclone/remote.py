"""Questions to rclone, and what it answers [rclone.org/rc].

Each has a connection of its own, which costs nothing on this machine.
"""

import http.client
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

import msgspec

from tiered.backends.rclone.access import Access
from tiered.backends.rclone.daemon import Daemon
from tiered.backends.rclone.failures import as_ours, failure

T = TypeVar("T")
Params = Mapping[str, object]
_LONG_CHARS = 8
"""Shorter names and paths may be a part of what rclone says."""


class Nothing(msgspec.Struct):
    """An answer that says nothing."""


class Row(msgspec.Struct):
    """One object or folder."""

    Path: str
    Size: int
    IsDir: bool


class Listing(msgspec.Struct):
    """Of `operations/list`."""

    list: list[Row]


class Found(msgspec.Struct):
    """Of `operations/stat`."""

    item: Row | None


class Stats(msgspec.Struct):
    """Of `core/stats`."""

    transfers: int


class Features(msgspec.Struct):
    """What a kind of remote is like."""

    BucketBased: bool


class FsInfo(msgspec.Struct):
    """Of `operations/fsinfo`."""

    Features: Features


class _Error(msgspec.Struct):
    """Of whatever fails."""

    error: str = ""


class Remote:
    """One path of a remote, asked through an rclone of our own."""

    def __init__(self, access: Access, daemon: Daemon, label: str) -> None:
        self.access, self._daemon, self.label = access, daemon, label

    def ask(
        self, command: str, params: Params, answer: type[T], what: str, name: str = ""
    ) -> T:
        """Run one command; from any thread.

        Args:
            what: What is done to which object, for errors.
            name: Of that object.

        Raises:
            StoreError: It failed.
        """
        body = msgspec.json.encode({"fs": self.access.root, **params})
        request = _Request("POST", f"/{command}", body)
        with closing(_Connection(self._daemon)) as connection:
            found = self._begin(connection, request, what, name)
            with as_ours(what):
                return msgspec.json.decode(found.read(), type=answer)

    def read(self, name: str, span: str, what: str) -> http.client.HTTPResponse:
        """The bytes of an object, on their way; closing it closes the connection.

        Args:
            span: "bytes=FIRST-LAST", or nothing for all.
        """
        path = quote(f"/[{self.access.root}]/{name}")
        headers = {"Connection": "close"} | ({"Range": span} if span else {})
        connection = _Connection(self._daemon)
        try:
            return self._begin(
                connection, _Request("GET", path, None, headers), what, name
            )
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._daemon.stop()

    def _begin(
        self, connection: "_Connection", request: "_Request", what: str, name: str
    ) -> http.client.HTTPResponse:
        with as_ours(what):
            connection.request(
                request.method, request.path, request.body, dict(request.headers)
            )
            found = connection.getresponse()
            if found.status < 400:
                return found
            said = msgspec.json.decode(found.read() or b"{}", type=_Error).error
        for place in (name, self.access.root, self.access.root.partition(":")[2]):
            said = said.replace(place, "") if len(place) >= _LONG_CHARS else said
        raise failure(found.status, said, self.access.masked(said), what)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"Content-Type": "application/json"}
    )


class _Connection(http.client.HTTPConnection):
    """To a daemon."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__("localhost")
        self._daemon = daemon

    def connect(self) -> None:
        self.sock = self._daemon.connect()
