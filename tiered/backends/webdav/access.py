"""Which server, user and folder a WebDAV store uses: URL and variables in, values
out.  Pure: it never looks at the process environment.

URLs, as duplicity has them (man page, "URL FORMAT"):

    webdav://[user[:password]@]host[:port]/folder     http
    webdavs://[user[:password]@]host[:port]/folder    https

See docs/backends/webdav.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from tiered.secret import Secret
from tiered.url import StoreUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the folder is, and who asks."""

    root: str
    """URL of the folder, with a slash at its end; no user in it."""
    user: str | None
    password: Secret | None

    def url_of(self, name: str) -> str:
        """Of an object; of a folder if `name` ends in a slash, or is empty."""
        return self.root + quote(name)

    def path_of(self, name: str) -> str:
        """The path in that URL, not quoted."""
        return unquote(urlsplit(self.root).path) + name


def read_access(url: StoreUrl, env: Mapping[str, Secret]) -> Access:
    """Who asks where.

    Raises:
        ConfigError: There is no host, or a password without a user.
    """
    url.require_host()
    url.refuse_query("A WebDAV URL has none.")
    secure = url.scheme.rpartition("+")[2] in ("webdavs", "https")
    at = f"{url.host}:{url.port}" if url.port else url.host
    path = "/".join(part for part in url.path.split("/") if part)
    scheme = "https" if secure else "http"
    return Access(
        root=f"{scheme}://{at}/{quote(path)}/" if path else f"{scheme}://{at}/",
        user=url.user,
        password=url.password_or(env) if url.user else None,
    )
