"""One SSH connection per store, opened when it is first needed, and again when it
was lost.

asyncssh is asynchronous, the store contract is not: the connection lives in a
thread of its own with an event loop, and callers wait for what they asked of it.

Facts:
  * one SFTP channel carries many requests at once, which the server answers in
    any order; asyncssh keeps up to 128 of each transfer on their way
  * asyncssh reads ~/.ssh/config, ~/.ssh/known_hosts and the usual keys itself;
    without known_hosts no server is accepted  [asyncssh.connect]
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import asyncssh
from asyncssh import SFTPClient

from tiered.backends.sftp.access import Access
from tiered.errors import ConfigError

T = TypeVar("T")
Operation = Callable[[SFTPClient], Awaitable[T]]


class Session:
    """Calls from any thread to one SFTP server."""

    def __init__(self, access: Access, timeout_s: float) -> None:
        self._access, self.timeout_s = access, timeout_s
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connecting: asyncio.Lock | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: SFTPClient | None = None

    def call(self, operation: Operation[T]) -> T:
        """What the server answers.

        Raises:
            TimeoutError: It was silent for too long.
            OSError, asyncssh.Error: It could not be reached, or refused.
            ConfigError: A key or known_hosts file cannot be used.
        """
        return self.wait(self.begin(operation))

    def begin(self, operation: Operation[T]) -> "Future[T]":
        """The same, not waited for."""
        return asyncio.run_coroutine_threadsafe(self._run(operation), self._running())

    def begin_on(self, operation: Callable[[], Awaitable[T]]) -> "Future[T]":
        """As `begin`, for an open file: it is not worth a new connection."""
        return asyncio.run_coroutine_threadsafe(_run_on(operation), self._running())

    def call_on(self, operation: Callable[[], Awaitable[T]]) -> T:
        """As `call`, for an open file."""
        return self.wait(self.begin_on(operation))

    @property
    def is_connected(self) -> bool:
        """As far as is known here."""
        connection = self._connection
        return connection is not None and not connection.is_closed()

    def wait(self, future: "Future[T]") -> T:
        """The result of a call that was begun; a late one is given up."""
        try:
            return future.result(self.timeout_s)
        except TimeoutError:
            self.drop()
            raise
        finally:
            future.cancel()

    def call_long(self, operation: Operation[T]) -> T:
        """As `call`, for what watches its own time and raises TimeoutError."""
        try:
            return self.begin(operation).result()
        except TimeoutError:
            self.drop()
            raise

    def drop(self) -> None:
        """The next call connects anew: this connection does not answer."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._abort)

    def close(self) -> None:
        with self._starting:
            if self._loop is None or self._thread is None:
                return
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        with suppress(TimeoutError):
            ending = asyncio.run_coroutine_threadsafe(self._end(), loop)
            ending.result(self.timeout_s)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_exception_handler(_ignore)
                self._connecting = asyncio.Lock()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="sftp", daemon=True
                )
                self._thread.start()
            return self._loop

    async def _run(self, operation: Operation[T]) -> T:
        return await operation(await self._connected())

    async def _connected(self) -> SFTPClient:
        assert self._connecting is not None
        async with self._connecting:
            lost = self._connection is None or self._connection.is_closed()
            if self._client is None or lost:
                self._abort()
                self._connection = await self._connect()
                self._client = await self._connection.start_sftp_client(
                    path_errors="surrogateescape"
                )
            return self._client

    async def _connect(self) -> asyncssh.SSHClientConnection:
        a = self._access
        more: dict[str, Any] = {}  # what is not said, asyncssh looks up itself
        if a.port is not None:
            more["port"] = a.port
        if a.user is not None:
            more["username"] = a.user
        if a.identities:
            more["client_keys"] = [_key(file) for file in a.identities]
        if a.known_hosts:
            more["known_hosts"] = _known_hosts(a.known_hosts)
        return await asyncssh.connect(
            a.host,
            password=a.password.reveal() if a.password else None,
            agent_path=a.agent,
            connect_timeout=self.timeout_s,
            login_timeout=self.timeout_s,
            **more,
        )

    def _abort(self) -> None:
        if self._connection is not None:
            self._connection.abort()
        self._connection = self._client = None

    async def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
            await self._connection.wait_closed()
        self._connection = self._client = None


async def _run_on(operation: Callable[[], Awaitable[T]]) -> T:
    return await operation()


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Requests of a transfer that was given up may fail later, with nobody waiting;
    asyncio would write a traceback for each of them.
    """


def _key(file: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.read_private_key(file)
    except (OSError, ValueError) as e:
        raise ConfigError(
            f"the private key {file!r} cannot be used",
            hint="Check the path.  A key with a passphrase belongs into ssh-agent.",
        ) from e


def _known_hosts(files: tuple[str, ...]) -> asyncssh.SSHKnownHosts:
    try:
        return asyncssh.read_known_hosts(list(files))
    except (OSError, ValueError) as e:
        raise ConfigError(
            f"the known_hosts file cannot be read: {', '.join(files)}",
            hint="Check -oUserKnownHostsFile.",
        ) from e
