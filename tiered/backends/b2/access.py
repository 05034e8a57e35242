"""Which bucket a B2 store uses, and who asks: URL and variables in, values out.
Pure: it never looks at the process environment.

URLs, as duplicity has them (backends/b2backend.py); both halves of the login may stand
in variables instead:

    b2://[key_id[:application_key]@]bucket[/prefix]

See docs/backends/b2.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tiered.errors import ConfigError
from tiered.secret import Secret
from tiered.url import StoreUrl

KEY_IDS = ("B2_APPLICATION_KEY_ID", "B2_ACCOUNT_ID")
"""Of Backblaze's tools; then the name that is usual elsewhere."""
KEYS = ("B2_APPLICATION_KEY", "B2_ACCOUNT_KEY", "BACKEND_PASSWORD", "FTP_PASSWORD")
"""The same, then the variables of duplicity, in its order."""
REALM = "B2_ENVIRONMENT"
"""As Backblaze's tools have it: a name that they know, or a URL."""

_KEY_HINT = "Make an application key in the account, for this bucket."


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the objects are, and who asks."""

    bucket: str
    prefix: str
    """Empty, or it ends in a slash."""
    key_id: str
    key: Secret
    realm: str


def read_access(url: StoreUrl, env: Mapping[str, Secret]) -> Access:
    """Where, and with what.

    Raises:
        ConfigError: There is no bucket, or half of the login is missing.
    """
    parts = [part for part in (url.host, *url.path.split("/")) if part]
    if not parts or url.query or url.port:
        raise ConfigError(
            f"{url.label}: a B2 URL is a bucket and perhaps a prefix",
            hint="Write b2://bucket or b2://key_id@bucket/prefix.",
        )
    key_id = url.user or _first(env, KEY_IDS)
    key = url.password.reveal() if url.password else _first(env, KEYS)
    for value, name in ((key_id, KEY_IDS[0]), (key, KEYS[0])):
        if not value:
            raise ConfigError(f"{name} is not set", hint=_KEY_HINT)
    return Access(
        bucket=parts[0],
        prefix="".join(part + "/" for part in parts[1:]),
        key_id=key_id,
        key=Secret(key),
        realm=_first(env, (REALM,)) or "production",
    )


def _first(env: Mapping[str, Secret], names: Iterable[str]) -> str:
    found = (env.get(name) for name in names)
    return next((secret.reveal() for secret in found if secret and secret.reveal()), "")
