"""Bytes to and from the server: one connection each, taken for as long as it lasts."""

import ftplib
import ssl
from collections.abc import Iterable
from contextlib import suppress

from tiered.backends.ftp.connection import Connections
from tiered.backends.ftp.failures import reply_of
from tiered.errors import Unavailable

_BUFFER_BYTES = 1 << 18


def send(
    connection: ftplib.FTP, name: str, data: Iterable[bytes], size: int, what: str
) -> None:
    """Store `data` under `name`, over what is there.

    A data connection that breaks looks like the end of the file to the server, so
    it is asked for the size at last.

    Args:
        what: Names the object in errors.

    Raises:
        Unavailable: It has less, or ended the transfer.
    """
    transfer = connection.transfercmd(f"STOR {name}")
    with transfer:
        for chunk in data:
            try:
                transfer.sendall(chunk)
            except TimeoutError:
                raise
            except OSError as e:
                with suppress(OSError, EOFError):
                    connection.voidresp()  # raises what the server says, if it does
                raise Unavailable(
                    f"{what}: the server ended the transfer",
                    hint="Is there space left on the server?",
                    reply=None,
                ) from e
        if isinstance(transfer, ssl.SSLSocket):
            transfer.unwrap()
    connection.voidresp()
    if (stored := connection.size(name)) != size:
        raise Unavailable(
            f"{what}: the server has {stored} of {size} bytes", stored_bytes=stored
        )


class Receiving:
    """What is left of an object; `tiered.download.Receiving` counts it.

    Its connection goes back when all was read, and also when the server agrees that
    the rest is not wanted.
    """

    def __init__(self, connections: Connections, name: str, start: int = 0) -> None:
        self._connections = connections
        self._connection = connections.take()
        try:
            self.size = self._size(name) - start
            rest = start or None
            self._transfer = self._connection.transfercmd(f"RETR {name}", rest)
        except ftplib.error_perm:
            connections.give(self._connection)
            raise
        except BaseException:
            connections.drop(self._connection)
            raise

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end, or if the line broke."""
        return self._transfer.recv(min(size, _BUFFER_BYTES))

    def close(self) -> None:
        """Safe to call twice."""
        if self._transfer.fileno() < 0:
            return
        self._transfer.close()
        try:
            self._connection.voidresp()
        except (ftplib.error_temp, ftplib.error_perm) as e:  # it was cut short
            usable = reply_of(e) in (425, 426, 450, 451, 551)
        except (ftplib.Error, EOFError, OSError):
            usable = False
        else:
            usable = True
        (self._connections.give if usable else self._connections.drop)(self._connection)

    def _size(self, name: str) -> int:
        found = self._connection.size(name)
        if found is None:
            raise ftplib.error_reply("SIZE")
        return found
