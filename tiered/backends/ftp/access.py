"""Which server, user and folder an FTP store uses: URL and variables in, values out.
Pure: it never looks at the process environment.

URLs, as duplicity has them (man page, "URL FORMAT"):

    ftp://[user[:password]@]host[:port]/folder     below the folder of the login
    ftp://[user[:password]@]host[:port]//folder    from the root of the server
    ftps://…, ftpes://…                            with TLS

See docs/backends/ftp.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tiered.secret import Secret
from tiered.url import StoreUrl

_PORT, _IMPLICIT_PORT = 21, 990


class Tls(Enum):
    """When the connection becomes secret."""

    NEVER = "never"
    EXPLICIT = "explicit"
    """At once after it was made, by AUTH TLS [RFC 4217]."""
    IMPLICIT = "implicit"
    """Before anything is said; on port 990 only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a login needs."""

    host: str
    port: int
    tls: Tls
    user: str | None
    """None: anonymous."""
    password: Secret | None
    folder: str
    """As the server reads it; empty: the one that a login begins in."""


def read_access(url: StoreUrl, env: Mapping[str, Secret]) -> Access:
    """Who logs in where.

    Raises:
        ConfigError: There is no host.
    """
    url.require_host()
    url.refuse_query("An FTP URL has none.")
    tls = Tls.NEVER
    if url.scheme.rpartition("+")[2] != "ftp":
        tls = Tls.IMPLICIT if url.port == _IMPLICIT_PORT else Tls.EXPLICIT
    path = url.path.removeprefix("/")
    return Access(
        host=url.host,
        port=url.port or _PORT,
        tls=tls,
        user=url.user,
        password=url.password_or(env) if url.user else None,
        folder="/" if path == "/" else path.rstrip("/"),
    )
