"""Which bucket a B2 store uses, and who asks: URL and variables in, values out.
Pure: it never looks at the process environment.

URLs, as duplicity has them (backends/b2backend.py); both halves of the login may stand
in variables instead:

    b2://[key_id[:application_key]@]bucket[/prefix]

See docs/backends/b2.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tiered.errors import ConfigError
from tiered.secret import Secret, text_of
from tiered.url import PASSWORDS, StoreUrl, prefix_of

KEY_IDS = ("B2_APPLICATION_KEY_ID", "B2_ACCOUNT_ID")
"""Of Backblaze's tools; then the name that is usual elsewhere."""
KEYS = ("B2_APPLICATION_KEY", "B2_ACCOUNT_KEY", *PASSWORDS)
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
    if not url.parts or url.query or url.port:
        raise ConfigError(
            f"{url.label}: a B2 URL is a bucket and perhaps a prefix",
            hint="Write b2://bucket or b2://key_id@bucket/prefix.",
        )
    key_id = url.user or text_of(env, *KEY_IDS)
    key = url.password_or(env, KEYS)
    if not key_id or not key:
        missing = KEYS[0] if key_id else KEY_IDS[0]
        raise ConfigError(f"{missing} is not set", hint=_KEY_HINT)
    return Access(
        bucket=url.parts[0],
        prefix=prefix_of(url.parts[1:]),
        key_id=key_id,
        key=key,
        realm=text_of(env, REALM) or "production",
    )
