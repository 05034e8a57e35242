"""Azure Blob Storage, with the tier Archive.

`azure_store` makes a store out of a URL and a connection string.  The SDK comes with
the extra `tiered[azure]` and is looked for when a store is made, not before.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tiered.backends.azure.access import ARCHIVE, checked_tier, read_place
from tiered.errors import ConfigError, MissingDependency
from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.backends.azure.store import AzureStore


def azure_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    tier: Callable[[str], str | None] | str | None = None,
    page_rows: int = 5000,
) -> "AzureStore":
    """`azure://container[/prefix]`; no I/O.

    Args:
        env: Name -> value: AZURE_CONNECTION_STRING.
        timeout_s: For connecting, and for each silence of the server.
        tier: Hot, Cool, Cold or Archive for all objects, or what to give an object
            of that name; None: what the account does.  With a function, some
            objects are taken to be cold.
        page_rows: Of a listing; 5000 at most.

    Raises:
        ConfigError: The URL, the connection string or the tier is wrong.
        MissingDependency: The extra is not installed.
    """
    place = read_place(url, env)
    if not callable(tier):
        tier = tier and checked_tier(tier)
    if find_spec("azure") is None or find_spec("azure.storage.blob") is None:
        raise MissingDependency(
            "azure:// needs the library azure-storage-blob",
            hint="Run pip install 'tiered[azure]'.",
        )
    from azure.storage.blob import ContainerClient

    from tiered.backends.azure.store import BLOCK_BYTES, AzureSettings, AzureStore

    try:
        container = ContainerClient.from_connection_string(
            place.connection.reveal(),
            place.container,
            retry_total=0,  # tiered.wrap.retry repeats
            connection_timeout=timeout_s,
            read_timeout=timeout_s,
            max_single_put_size=BLOCK_BYTES,
            max_block_size=BLOCK_BYTES,
            max_single_get_size=BLOCK_BYTES,
            max_chunk_get_size=BLOCK_BYTES,
        )
    except ValueError as e:  # its text may repeat the key
        raise ConfigError(
            "AZURE_CONNECTION_STRING, or the name of the container, cannot be read",
            hint="Copy the connection string from the access keys of the account.",
        ) from e
    settings = AzureSettings(
        prefix=place.prefix,
        tier=tier if callable(tier) else _always(tier),
        can_be_cold=callable(tier) or tier == ARCHIVE,
        page_rows=page_rows,
    )
    return AzureStore(settings, container, url.label)


def _always(tier: str | None) -> Callable[[str], str | None]:
    return lambda _name: tier
