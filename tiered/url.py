"""The URL of a store, as duplicity writes them.

    scheme://[user[:password]@]host[:port]/[/]path[?query]

User, password, host and path are percent-decoded.  `file:///abs`, `swift://`,
`pca://`, `s3://` and `multi://` are read by the same rule; a scheme decides for
itself what host and path mean.  Two have no such host and path:

    rclone://remote:path                  all of it is the path
    rsync://host[:port]::module[/path]    the path begins with "::"
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from tiered.errors import ConfigError
from tiered.secret import Secret, first_set

PASSWORDS = ("BACKEND_PASSWORD", "FTP_PASSWORD")
"""Variables that duplicity reads for every store with a password, in this order."""

_IS_URL = re.compile(r"^[\w+]+://")
_REMOTE = re.compile(r":?[\w .+@-]+:[^\0]*")
"""What rclone calls a remote, without settings: they may be secret."""
_MODULE = re.compile(r"(rsync://(?:[^/]*@)?+(?:\[[^]/]*\]|[^:/@[]*)(?::\d+)?)::(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUrl:
    """The parts of one URL."""

    scheme: str
    user: str | None = None
    password: Secret | None = None
    host: str = ""
    port: int | None = None
    path: str = ""
    """With its leading slash, if it is not one of the two of another kind."""
    query: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """The URL without user, password and query: safe to show, stable."""
        at = f"{self.host}:{self.port}" if self.port else self.host
        return f"{self.scheme}://{at}{self.path}"

    @property
    def parts(self) -> tuple[str, ...]:
        """Host and folders; empty ones are dropped, as duplicity does."""
        return tuple(part for part in (self.host, *self.path.split("/")) if part)

    def password_or(
        self, env: Mapping[str, Secret], names: tuple[str, ...] = PASSWORDS
    ) -> Secret | None:
        """The password; without one, that of the first of these variables."""
        return self.password or first_set(env, names)

    def require_host(self) -> None:
        """Raises: ConfigError: There is none."""
        if not self.host:
            raise ConfigError(
                f"{self.scheme}:// names no host",
                hint=f"Write {self.scheme}://user@host/folder.",
            )

    def refuse_query(self, hint: str) -> None:
        """Raises: ConfigError: There is one; `hint` says that this kind has none."""
        if self.query:
            raise ConfigError(
                f"{self.label}: unknown query parameter {self.query[0][0]!r}", hint=hint
            )


def prefix_of(folders: Sequence[str]) -> str:
    """What names in a bucket begin with: empty, or it ends in a slash."""
    return "".join(f"{folder}/" for folder in folders)


def looks_like_url(text: str) -> bool:
    """Is this a URL rather than a path on the command line?"""
    return bool(_IS_URL.match(text))


def parse_url(text: str) -> StoreUrl:
    """Take a URL apart.

    Raises:
        ConfigError: It is not a URL.  The message does not repeat the text, as
            it may hold a password.
    """
    hint = "Write it as scheme://host/path, for instance file:///srv/backup."
    if not looks_like_url(text):
        raise ConfigError("a store URL has no scheme", hint=hint)
    regular, start = _regular(text)
    try:
        parts = urlsplit(regular)
        port = parts.port
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:  # its text may repeat a part of the password
        raise ConfigError(
            "a store URL cannot be read",
            hint=f"{hint} In a password, a / is written %2F.",
        ) from None
    password = parts.password
    path = unquote(parts.path)
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{port}")
    return StoreUrl(
        scheme=parts.scheme,
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(password)) if password is not None else None,
        host=unquote(host),
        port=port,
        path=path if start == "/" else start + path.removeprefix("/"),
        query=query,
    )


def _regular(text: str) -> tuple[str, str]:
    """A URL with host and path that says the same, and what the path begins with.

    Raises:
        ConfigError: It should name a remote of rclone, and does not.
    """
    if found := _MODULE.fullmatch(text):
        return f"{found[1]}/{found[2]}", "::"
    if not text.startswith("rclone://"):
        return text, "/"
    if not _REMOTE.fullmatch(unquote(text.removeprefix("rclone://"))):
        raise ConfigError(
            "a URL of rclone names no remote",
            hint="Write rclone://remote:path.  Settings of a remote belong into the "
            "config of rclone, or into variables.",
        )
    return text.replace("//", "///", 1), ""
