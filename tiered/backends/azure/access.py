"""Which account and container an Azure store uses: URL and variables in, values out.
Pure: it never looks at the process environment.

URLs, as duplicity has them (backends/azurebackend.py), plus a prefix:

    azure://container[/prefix]

See docs/backends/azure.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tiered.errors import ConfigError
from tiered.secret import Secret, first_set, text_of
from tiered.url import StoreUrl, prefix_of

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
    if not url.parts or url.query:
        raise ConfigError(
            f"{url.label}: an Azure URL is a container and perhaps a prefix",
            hint="Write azure://container or azure://container/prefix.",
        )
    connection = first_set(env, CONNECTION_STRINGS)
    if connection is None:
        raise ConfigError(
            "AZURE_CONNECTION_STRING is not set",
            hint="Copy it from the access keys of the storage account.",
        )
    return Place(
        container=url.parts[0],
        prefix=prefix_of(url.parts[1:]),
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
    text = text_of(env, *CONNECTION_STRINGS) or ""
    parts = (part.partition("=") for part in text.split(";"))
    told = {name.strip().lower(): value for name, _, value in parts}
    return told.get("accountname") or told.get("blobendpoint", "")
