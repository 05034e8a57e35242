"""Connections to one FTP server: each carries one transfer at a time, so a store
keeps as many as there are threads that use it.

Facts:
  * servers end idle connections: one that is used again is asked for a sign of
    life before
  * many servers want that the TLS session of a transfer is that of the control
    connection [vsftpd.conf(5), require_ssl_reuse]; ftplib does not do that
  * a LIST of a folder that is missing is an empty one to some servers, so the
    folder is entered once and names are relative to it
"""

import ftplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tiered.backends.ftp.access import Access, Tls
from tiered.backends.ftp.failures import REFUSED, reply_of
from tiered.errors import StoreMissing


class Connections:
    """Logged in, and in the folder of the store.

    Args:
        authorities: File with certificates; None: the usual ones.
        passive: Who opens the connection of a transfer: the client, or the server.
    """

    def __init__(
        self,
        access: Access,
        timeout_s: float,
        *,
        authorities: str | None,
        passive: bool,
        label: str,
    ) -> None:
        self._access, self._timeout_s, self._label = access, timeout_s, label
        self._authorities, self._passive = authorities, passive
        self._lock = threading.Lock()
        self._idle: list[ftplib.FTP] = []
        self._closed = False

    def take(self) -> ftplib.FTP:
        """One that nobody else uses; `give` it back, or `drop` it.

        Raises:
            StoreMissing: The folder of the store is not there.
        """
        while (connection := self._pop()) is not None:
            try:
                connection.voidcmd("NOOP")
            except (ftplib.Error, EOFError, OSError):
                self.drop(connection)
            else:
                return connection
        return self.connect()

    def give(self, connection: ftplib.FTP) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        self.drop(connection)

    def drop(self, connection: ftplib.FTP) -> None:
        with suppress(OSError):
            connection.close()

    @contextmanager
    def one(self) -> Iterator[ftplib.FTP]:
        """For one call; after an error other than a clear refusal it is dropped."""
        connection = self.take()
        try:
            yield connection
        except ftplib.error_perm:
            self.give(connection)
            raise
        except BaseException:
            self.drop(connection)
            raise
        self.give(connection)

    def connect(self, *, enter: bool = True) -> ftplib.FTP:
        """A new one."""
        connection = self._new()
        try:
            self._log_in(connection)
            if enter and self._access.folder:
                self._enter(connection)
        except BaseException:
            self.drop(connection)
            raise
        return connection

    def close(self) -> None:
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for connection in idle:
            with suppress(ftplib.Error, EOFError, OSError):
                connection.quit()
            self.drop(connection)

    def _pop(self) -> ftplib.FTP | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new(self) -> ftplib.FTP:
        if self._access.tls is Tls.NEVER:
            return ftplib.FTP(timeout=self._timeout_s)
        context = ssl.create_default_context(cafile=self._authorities)
        kind = _ImplicitTls if self._access.tls is Tls.IMPLICIT else _ExplicitTls
        return kind(timeout=self._timeout_s, context=context)

    def _log_in(self, connection: ftplib.FTP) -> None:
        a = self._access
        connection.connect(a.host, a.port)
        password = a.password.reveal() if a.password else ""
        connection.login(a.user or "", password)
        if isinstance(connection, ftplib.FTP_TLS):
            connection.prot_p()
        connection.set_pasv(self._passive)
        with suppress(ftplib.error_perm):  # who does not know it speaks nothing else
            connection.sendcmd("OPTS UTF8 ON")
        connection.voidcmd("TYPE I")

    def _enter(self, connection: ftplib.FTP) -> None:
        try:
            connection.cwd(self._access.folder)
        except ftplib.error_perm as e:
            if reply_of(e) != REFUSED:
                raise
            raise StoreMissing(
                f"{self._label}: there is no such folder on the server",
                hint="Create it, or correct the URL: /folder is below the folder of "
                "the login, //folder is absolute.",
            ) from e


class _ExplicitTls(ftplib.FTP_TLS):
    """Transfers go on with the TLS session of the control connection."""

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        session = self.sock.session
        try:
            secret = self.context.wrap_socket(
                plain, server_hostname=self.host, session=session
            )
        except BaseException:
            plain.close()
            raise
        return secret, size


class _ImplicitTls(_ExplicitTls):
    """TLS from the first byte on: whatever becomes the control socket is wrapped."""

    _control: socket.socket | None = None

    @property
    def sock(self) -> socket.socket | None:
        # an attribute of ftplib.FTP: the only place that connect() goes through
        return self._control

    @sock.setter
    def sock(self, value: socket.socket | None) -> None:
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value, server_hostname=self.host)
        self._control = value
