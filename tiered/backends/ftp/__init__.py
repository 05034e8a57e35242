"""Folders on FTP servers, with and without TLS, by the standard library."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tiered.backends.ftp.access import read_access
from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.backends.ftp.store import FtpStore


def ftp_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    authorities: str | None = None,
    passive: bool = True,
) -> "FtpStore":
    """`ftp[s]://[user[:password]@]host[:port]/[/]folder`; no I/O.

    Args:
        env: Name -> value: BACKEND_PASSWORD, FTP_PASSWORD.
        timeout_s: For connecting, and for each silence of the server.
        authorities: File with the certificates to trust; None: the usual ones.
        passive: Who opens the connection of a transfer: the client, or the server.

    Raises:
        ConfigError: The URL is wrong.
    """
    from tiered.backends.ftp.connection import Connections
    from tiered.backends.ftp.store import FtpStore

    access = read_access(url, env)
    connections = Connections(
        access,
        timeout_s,
        authorities=authorities,
        passive=passive,
        label=url.label,
    )
    return FtpStore(access, connections, url.label)
