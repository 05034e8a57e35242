"""Backblaze B2, by its own protocol.

`b2_store` makes a store out of a URL and an application key.  The SDK comes with the
extra `tiered[b2]` and is looked for when a store is made, not before.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tiered.backends.b2.access import read_access
from tiered.errors import MissingDependency
from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.backends.b2.store import B2Store

SINGLE_BYTES = 512 << 20
"""Up to here an object is sent in one piece, and has a checksum of its own."""


def b2_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    hide: bool = False,
    page_rows: int = 1000,
    single_bytes: int = SINGLE_BYTES,
) -> "B2Store":
    """`b2://[key_id[:key]@]bucket[/prefix]`; no I/O.

    Args:
        env: Name -> value; see docs/backends/b2.md.
        timeout_s: For connecting, and for each silence of the server.
        hide: Keep the versions of what is deleted or replaced; it is hidden.
        page_rows: Of a listing; more than 1000 are counted as several requests.
        single_bytes: Larger objects are sent in parts; 5 GB at most.

    Raises:
        ConfigError: The URL or the key is wrong.
        MissingDependency: The extra is not installed.
    """
    access = read_access(url, env)
    if find_spec("b2sdk") is None:
        raise MissingDependency(
            "b2:// needs the library b2sdk", hint="Run pip install 'tiered[b2]'."
        )
    from tiered.backends.b2.bucket import Bucket
    from tiered.backends.b2.store import B2Settings, B2Store

    settings = B2Settings(
        prefix=access.prefix,
        hide=hide,
        page_rows=page_rows,
        single_bytes=single_bytes,
    )
    return B2Store(settings, Bucket(access, timeout_s, url.label), url.label)
