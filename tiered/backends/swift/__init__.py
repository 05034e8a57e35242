"""OpenStack Swift, and OVHcloud's cold kind of it (PCA).

`swift_store` and `pca_store` make stores out of a URL and duplicity's
variables.  Their libraries come with the extra `tiered[swift]` and are
looked for when a store is made, not before.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tiered.backends.swift.auth import read_account
from tiered.errors import ConfigError, MissingDependency
from tiered.secret import Secret
from tiered.url import StoreUrl, prefix_of

if TYPE_CHECKING:
    from tiered.backends.swift.pca import PcaStore
    from tiered.backends.swift.store import SwiftStore

PCA_POLICY = "PCA"


def swift_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    policy: str | None = None,
    page_rows: int = 10_000,
) -> "SwiftStore":
    """`swift://container[/prefix]`, with the account in `SWIFT_…`.

    Args:
        url: A user, password, port or query in it is not used.
        env: Name -> value; names that do not begin with `SWIFT_` are ignored.
        timeout_s: For connecting, and for each silence of the server.
        policy: The storage policy that the container must have, and that
            `create` gives it; None accepts each.
        page_rows: Of a listing; the server must allow it (10 000 at most).

    Raises:
        ConfigError: The URL or a variable is wrong.
        MissingDependency: The extra is not installed.
    """
    account = read_account("SWIFT_", env, default_version=1)
    container, prefix = _place(url)
    _require_libraries()
    from tiered.backends.swift.connection import SwiftConnection
    from tiered.backends.swift.container import SwiftSettings
    from tiered.backends.swift.store import SwiftStore

    settings = SwiftSettings(
        container=container, prefix=prefix, policy=policy, page_rows=page_rows
    )
    connection = SwiftConnection(account, url.label, timeout_s)
    return SwiftStore(settings, connection, url.label)


def pca_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    page_rows: int = 10_000,
) -> "PcaStore":
    """`pca://container[/prefix]`, with the account in `PCA_…`; else as above."""
    account = read_account("PCA_", env, default_version=2)
    container, prefix = _place(url)
    _require_libraries()
    from tiered.backends.swift.connection import SwiftConnection
    from tiered.backends.swift.container import SwiftSettings
    from tiered.backends.swift.pca import PcaStore

    settings = SwiftSettings(
        container=container, prefix=prefix, policy=PCA_POLICY, page_rows=page_rows
    )
    connection = SwiftConnection(account, url.label, timeout_s)
    return PcaStore(settings, connection, url.label)


def _place(url: StoreUrl) -> tuple[str, str]:
    """Container and prefix."""
    if not url.parts:
        raise ConfigError(
            f"{url.scheme}:// names no container",
            hint=f"Write {url.scheme}://container or {url.scheme}://container/prefix.",
        )
    return url.parts[0], prefix_of(url.parts[1:])


def _require_libraries() -> None:
    for library in ("swiftclient", "keystoneauth1"):
        if find_spec(library) is None:
            raise MissingDependency(
                f"swift:// and pca:// need the library {library}",
                hint="Run pip install 'tiered[swift]'.",
            )
