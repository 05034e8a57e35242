"""Which account and container an Azure store uses: URL and variables in, values out.
Pure: it never looks at the process environment.

URLs, as duplicity has them (backends/azurebackend.py), plus a prefix:

    azure://container[/prefix]

See docs/backends/azure.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tiered.errors import ConfigError
from tiered.secret import Secret
from tiered.url import StoreUrl

CONNECTION_STRINGS = ("AZURE_CONNECTION_STRING", "AZURE_STORAGE_CONNECTION_STRING")
"""The variable of duplicity, then that of Microsoft's tools."""
TIERS = ("Hot", "Cool", "Cold", "Archive")
ARCHIVE = "Archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the objects are, and who asks."""

    container: str
    prefix: str
    """Empty, or it ends in a slash."""
    connection: Secret
    """The connection string: account, key and endpoints."""


def read_place(url: StoreUrl, env: Mapping[str, Secret]) -> Place:
    """Where, and with what.

    Raises:
        ConfigError: There is no container, or no connection string.
    """
    parts = [part for part in (url.host, *url.path.split("/")) if part]
    if not parts or url.query:
        raise ConfigError(
            f"{url.label}: an Azure URL is a container and perhaps a prefix",
            hint="Write azure://container or azure://container/prefix.",
        )
    found = (env.get(name) for name in CONNECTION_STRINGS)
    connection = next((secret for secret in found if secret and secret.reveal()), None)
    if connection is None:
        raise ConfigError(
            "AZURE_CONNECTION_STRING is not set",
            hint="Copy it from the access keys of the storage account.",
        )
    return Place(
        container=parts[0],
        prefix="".join(part + "/" for part in parts[1:]),
        connection=connection,
    )


def checked_tier(tier: str) -> str:
    """An access tier as Azure spells it.

    Raises:
        ConfigError: There is no such tier.
    """
    for known in TIERS:
        if tier.lower() == known.lower():
            return known
    raise ConfigError(
        f"Azure has no access tier {tier!r}", hint=f"It has {', '.join(TIERS)}."
    )


def account_of(env: Mapping[str, Secret]) -> str:
    """What tells two accounts apart, without the key; empty if it is not said."""
    found = (env.get(name) for name in CONNECTION_STRINGS)
    text = next((secret.reveal() for secret in found if secret), "")
    parts = (part.partition("=") for part in text.split(";"))
    told = {name.strip().lower(): value for name, _, value in parts}
    return told.get("accountname") or told.get("blobendpoint", "")
