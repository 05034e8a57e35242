"""One container of Swift: typed calls, a wrong or missing container told apart.

Facts this module stands on:
  * 404 on an object means that the object or its container is missing; only a
    HEAD of the container tells which
  * listings come in pages, sorted by UTF-8 bytes; a page may be shorter than
    asked for, so only an empty one is the last  [Swift API reference]
  * the storage policy of a container is set when it is made and never changed;
    asking for another one answers 409, for an unknown one 400
    [Swift docs, Storage Policies]
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from swiftclient import client as swift

from tiered.backends.swift.body import Sending
from tiered.backends.swift.connection import SwiftConnection, Wire
from tiered.download import Receiving
from tiered.errors import NotFound, StoreError, StoreMissing, Unavailable, WrongPolicy
from tiered.store import Source

T = TypeVar("T")
Headers = Mapping[str, str]
"""Names in lower case."""
Row = Mapping[str, Any]  # an object of a JSON listing, as swiftclient decodes it

_READ_BYTES = 1 << 16  # swiftclient streams a body only if it is given a size


@dataclass(frozen=True, slots=True, kw_only=True)
class SwiftSettings:
    """One container, or what begins with a prefix in it."""

    container: str
    prefix: str = ""
    """Put before every name; empty, or it ends in a slash."""
    policy: str | None = None
    """The storage policy that the container must have; None accepts each."""
    page_rows: int = 10_000


@dataclass(frozen=True, slots=True)
class Upload:
    """What came of one upload."""

    sent_md5: str
    etag: str
    """As the server says; "" if it does not."""
    status: int


class Container:
    """The objects of one container whose names begin with one prefix.

    Names are given and returned without that prefix.

    Args:
        connection: The account.
        settings: Which container, and what it must be like.
        label: Of the store, for errors.
    """

    def __init__(
        self, connection: SwiftConnection, settings: SwiftSettings, label: str
    ) -> None:
        self._connection, self._settings, self._label = connection, settings, label
        self._policy_seen = settings.policy is None
        self._lock = threading.Lock()

    def rows(self, prefix: str, query: str = "") -> Iterator[tuple[str, Row]]:
        """Name and row of every object whose name begins with `prefix`."""
        own, marker = self._settings.prefix, ""
        while page := self._page(own + prefix, marker, query):
            last = str(page[-1]["name"])
            if last.encode() <= marker.encode():
                raise Unavailable(f"{self._label}: the listing repeats {last!r}")
            for row in page:
                if name := row["name"].removeprefix(own):
                    yield name, row
            marker = last

    def head(self, name: str) -> Headers:
        return self._call(
            "stat", name, partial(self._on_object, swift.head_object, name)
        )

    def delete(self, name: str) -> None:
        self._call("delete", name, partial(self._on_object, swift.delete_object, name))

    def put(self, name: str, source: Source, headers: Mapping[str, str]) -> Upload:
        """One upload of the whole source."""

        def upload(wire: Wire) -> Upload:
            answer: dict[str, Any] = {}
            with closing(source.open()) as stream:
                sending = Sending(stream, source.size, f"{self._label}: {name!r}")
                etag = self._on_object(
                    swift.put_object,
                    name,
                    wire,
                    contents=sending if source.size else sending.read(1),
                    content_length=source.size,
                    etag=source.md5,
                    headers=dict(headers),
                    response_dict=answer,
                )
            return Upload(sending.md5, etag, answer["status"])

        return self._call("put", name, upload)

    def get(self, name: str, headers: Mapping[str, str]) -> tuple[Headers, Receiving]:
        """The headers of the answer and its open body."""
        self._check_policy()
        what = f"{self._label}: {name!r}"
        run = partial(
            self._on_object,
            swift.get_object,
            name,
            resp_chunk_size=_READ_BYTES,
            headers=dict(headers),
        )
        try:
            (found, body), done = self._connection.open(name, run)
        except NotFound:
            self._head()
            raise
        size = found.get("content-length", "")
        guard = partial(self._connection.reading, name)
        receiving = Receiving(body, int(size or 0), guard, what, done)
        if not size.isdecimal():
            receiving.close()
            raise StoreError(f"{what}: the server does not say how long it is")
        return found, receiving

    def create(self) -> bool:
        """Make it, with the policy; False if it was there."""
        answer: dict[str, Any] = {}
        policy = self._settings.policy

        def make(wire: Wire) -> None:
            headers = {"X-Storage-Policy": policy} if policy else None
            self._on_container(
                swift.put_container, wire, headers=headers, response_dict=answer
            )

        try:
            self._connection.run("create", "", make)
        except StoreError as e:
            if policy is None or e.facts.get("status") not in (400, 409):
                raise
            raise self._wrong_policy("the server refused to make it so") from e
        return bool(answer["status"] == 201)

    def _page(self, prefix: str, marker: str, query: str) -> list[Row]:
        def page(wire: Wire) -> list[Row]:
            _, rows = self._on_container(
                swift.get_container,
                wire,
                marker=marker,
                limit=self._settings.page_rows,
                prefix=prefix,
                query_string=query or None,
            )
            return list(rows)

        try:
            return self._call("list", prefix, page)
        except ValueError as e:  # JSON that does not parse
            raise Unavailable(f"{self._label}: the listing cannot be read") from e

    def _call(self, verb: str, name: str, call: Callable[[Wire], T]) -> T:
        self._check_policy()
        try:
            return self._connection.run(verb, name, call)
        except NotFound:
            self._head()
            raise

    def _check_policy(self) -> None:
        """Before the first call: a container of another policy is never used."""
        with self._lock:
            if self._policy_seen:
                return
            found = self._head().get("x-storage-policy")
            if found != self._settings.policy:
                raise self._wrong_policy(f"it has {found!r}")
            self._policy_seen = True

    def _head(self) -> Headers:
        try:
            head: Headers = self._connection.run(
                "open", "", partial(self._on_container, swift.head_container)
            )
        except NotFound as e:
            raise StoreMissing(
                f"{self._label}: there is no container {self._settings.container!r}",
                hint="Create it, or correct the URL or the region.",
            ) from e
        return head

    def _wrong_policy(self, why: str) -> WrongPolicy:
        s = self._settings
        return WrongPolicy(
            f"{self._label}: container {s.container!r} must have storage policy "
            f"{s.policy!r}, and {why}",
            hint="A container keeps the policy it was made with. Use another one, "
            f"made with the header `X-Storage-Policy: {s.policy}` in a region that "
            "offers it; tiered makes such a one if there is none of that name.",
        )

    # swiftclient has no types, so what its functions return is Any

    def _on_object(self, call: Any, name: str, wire: Wire, **more: Any) -> Any:
        s = self._settings
        key = s.container, s.prefix + name
        return call(wire.url, wire.token, *key, http_conn=wire.pair, **more)

    def _on_container(self, call: Any, wire: Wire, **more: Any) -> Any:
        container = self._settings.container
        return call(wire.url, wire.token, container, http_conn=wire.pair, **more)
