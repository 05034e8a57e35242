"""Whatever the program rclone reaches, through remotes that its user has set up.

`rclone_store` makes a store out of a URL and variables.
"""

from collections.abc import Mapping
from pathlib import Path

from tiered.backends.rclone.access import read_access
from tiered.backends.rclone.daemon import Daemon
from tiered.backends.rclone.remote import Remote
from tiered.backends.rclone.store import RcloneStore
from tiered.secret import Secret
from tiered.url import StoreUrl


def rclone_store(
    url: StoreUrl, env: Mapping[str, Secret], *, timeout_s: float, scratch: Path
) -> RcloneStore:
    """`rclone://remote:path`; no I/O.

    Args:
        env: Name -> value: all that begin with RCLONE_, and those of
            `access.VARIABLES`, reach rclone.
        timeout_s: For connecting, and for each silence of the server.
        scratch: Where files lie that are sent.

    Raises:
        ConfigError: The path cannot be used.
        MissingDependency: There is no rclone.
    """
    access = read_access(url, env)
    daemon = Daemon(access, timeout_s, url.label)
    return RcloneStore(Remote(access, daemon, url.label), scratch)
