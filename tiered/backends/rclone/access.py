"""Which remote and path an rclone store uses, and what rclone is told by variables:
URL and variables in, values out.  Pure: it never looks at the process environment.

    rclone://remote:path      as rclone writes it
    rclone://remote:/path     the same: duplicity drops that slash
    rclone://remote://path    from the root of the remote

See docs/backends/rclone.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tiered.errors import ConfigError
from tiered.secret import Secret
from tiered.url import StoreUrl

VARIABLES: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG"),
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "KRB5CCNAME", "KRB5_CONFIG"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)
FAMILIES: Final = ("RCLONE_", "AWS_", "AZURE_", "GOOGLE_", "OS_", "ST_", "OCI_")
"""What variables begin with that remotes read with `env_auth`."""

_OWN: Final = re.compile(
    r"RCLONE_(RC|LOG|VERBOSE|QUIET|SYSLOG|USE_JSON_LOG|DRY_RUN|INTERACTIVE|IMMUTABLE"
    r"|INCLUDE|EXCLUDE|FILTER|FILES_FROM|M(AX|IN)_(AGE|SIZE|DEPTH|TRANSFER|DURATION)"
    r"|HASH_FILTER|METADATA|INPLACE|IGNORE_|UPDATE|SIZE_ONLY|CHECKSUM|NO_CHECK_DEST"
    r"|NO_TRAVERSE|COMPARE_DEST|COPY_DEST|SUFFIX|BACKUP_DIR|DELETE_|PARTIAL_SUFFIX)"
)
"""What rests with us: filters would make listings partial, a dry run writes nothing."""

_MAY_BE_SECRET_CHARS: Final = 4
_SHOWN: Final = frozenset(("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One path of a remote, and who asks."""

    root: str
    """As rclone takes it."""
    parent: str | None
    """The folder above; None if there is none that could be missing."""
    env: Mapping[str, str] = field(repr=False)
    """All variables of the child."""

    def masked(self, text: str) -> str:
        """What rclone said, without the values of variables and without addresses."""
        for name, value in self.env.items():
            if len(value) >= _MAY_BE_SECRET_CHARS and name not in _SHOWN:
                text = text.replace(value, "***")
        return re.sub(r"\b\w+://\S+", "(address)", text)


def read_access(url: StoreUrl, env: Mapping[str, Secret]) -> Access:
    """Who asks where.

    Raises:
        ConfigError: The path cannot be used.
    """
    url.refuse_query("An rclone URL has none; write %3F for a question mark.")
    remote, path = _split(url.path)
    parts = [part for part in path.split("/") if part]
    if not path.isprintable() or "]" in path or ".." in parts:
        raise ConfigError(
            f"{url.label}: the path has a part that cannot be used",
            hint="Choose one without .., ] and control characters.",
        )
    begin = f"{remote}:/" if path.startswith("/") else f"{remote}:"
    has_parent = len(parts) > 1 or (path.startswith("/") and parts)
    return Access(
        root=begin + "/".join(parts),
        parent=begin + "/".join(parts[:-1]) if has_parent else None,
        env=_environment(env),
    )


def _split(path: str) -> tuple[str, str]:
    """`remote`, or `:kind`, and what is behind the colon that follows."""
    mark = ":" if path.startswith(":") else ""
    remote, _, rest = path.removeprefix(":").partition(":")
    return mark + remote, rest.removeprefix("/")


def _environment(env: Mapping[str, Secret]) -> dict[str, str]:
    found = {
        name: value.reveal()
        for name, value in env.items()
        if name in VARIABLES or name.startswith(FAMILIES)
    }
    found = {name: text for name, text in found.items() if not _OWN.match(name)}
    return {"RCLONE_DRIVE_USE_TRASH": "false", **found}
