"""Folders on WebDAV servers: Nextcloud, NAS boxes, Apache, nginx, …

`webdav_store` makes a store out of a URL and variables.  requests comes with the
extra `tiered[webdav]` and is looked for when a store is made, not before.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tiered.backends.webdav.access import read_access
from tiered.errors import MissingDependency
from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.backends.webdav.store import WebdavStore


def webdav_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    authorities: str | None = None,
) -> "WebdavStore":
    """`webdav[s]://[user[:password]@]host[:port]/folder`; no I/O.

    Args:
        env: Name -> value: BACKEND_PASSWORD, FTP_PASSWORD.
        timeout_s: For connecting, and for each silence of the server.
        authorities: File with the certificates to trust; None: the usual ones.

    Raises:
        ConfigError: The URL is wrong.
        MissingDependency: The extra is not installed.
    """
    access = read_access(url, env)
    if find_spec("requests") is None:
        raise MissingDependency(
            f"{url.scheme}:// needs the library requests",
            hint="Run pip install 'tiered[webdav]'.",
        )
    from tiered.backends.webdav.session import Session
    from tiered.backends.webdav.store import WebdavStore

    session = Session(access, timeout_s, authorities, url.label)
    return WebdavStore(access, session, url.label)
