"""Google Cloud Storage, with its storage classes.

`gs_store` makes a store out of a URL and a service account.  The library comes with
the extra `tiered[gs]` and is looked for when a store is made, not before.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tiered.backends.gs.access import checked_class, read_key, read_place
from tiered.errors import MissingDependency
from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.backends.gs.store import GsStore

CHUNK_BYTES = 16 << 20
"""Of an upload; in memory, once for each that runs.  A multiple of 256 KiB."""


def gs_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    storage_class: Callable[[str], str | None] | str | None = None,
    page_rows: int = 1000,
    chunk_bytes: int = CHUNK_BYTES,
) -> "GsStore":
    """`gs://bucket[/prefix]`; no I/O but reading the key.

    Args:
        env: Name -> value: GOOGLE_APPLICATION_CREDENTIALS, STORAGE_EMULATOR_HOST.
        timeout_s: For connecting, and for each silence of the server.
        storage_class: STANDARD, NEARLINE, COLDLINE or ARCHIVE for all objects, or
            what to give an object of that name; None: what the bucket does.
        page_rows: Of a listing; 1000 at most.
        chunk_bytes: Of an upload above 8 MB.

    Raises:
        ConfigError: The URL, the key or the storage class is wrong.
        MissingDependency: The extra is not installed.
    """
    place, key = read_place(url, env), read_key(env)
    fixed = checked_class(storage_class) if isinstance(storage_class, str) else None
    if not _is_installed():
        raise MissingDependency(
            "gs:// needs the library google-cloud-storage",
            hint="Run pip install 'tiered[gs]'.",
        )
    from tiered.backends.gs.session import open_client
    from tiered.backends.gs.store import GsSettings, GsStore

    settings = GsSettings(
        bucket=place.bucket,
        prefix=place.prefix,
        storage_class=storage_class if callable(storage_class) else _always(fixed),
        page_rows=page_rows,
        chunk_bytes=chunk_bytes,
        timeout_s=timeout_s,
    )
    return GsStore(settings, *open_client(key, place.endpoint), url.label)


def _is_installed() -> bool:
    try:
        return find_spec("google.cloud.storage") is not None
    except ModuleNotFoundError:  # no google, or no google.cloud
        return False


def _always(storage_class: str | None) -> Callable[[str], str | None]:
    return lambda _name: storage_class
