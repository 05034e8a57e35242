"""Folders on SSH servers, by SFTP.

`sftp_store` makes a store out of a URL and variables.  asyncssh comes with the
extra `tiered[sftp]` and is looked for when a store is made, not before.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tiered.backends.sftp.access import folder_of, read_access
from tiered.errors import MissingDependency
from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.backends.sftp.store import SftpStore


def sftp_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    ssh_options: str = "",
) -> "SftpStore":
    """`sftp://[user[:password]@]host[:port]/[/]folder`; no I/O.

    Args:
        env: Name -> value: BACKEND_PASSWORD, FTP_PASSWORD, SSH_AUTH_SOCK.
        timeout_s: For connecting, and for each silence of the server.
        ssh_options: "-oIdentityFile=FILE" and "-oUserKnownHostsFile=FILE".

    Raises:
        ConfigError: The URL or an option is wrong.
        MissingDependency: The extra is not installed.
    """
    access = read_access(url, env, ssh_options)
    if find_spec("asyncssh") is None:
        raise MissingDependency(
            f"{url.scheme}:// needs the library asyncssh",
            hint="Run pip install 'tiered[sftp]'.",
        )
    from tiered.backends.sftp.session import Session
    from tiered.backends.sftp.store import SftpSettings, SftpStore

    settings = SftpSettings(root=folder_of(url))
    return SftpStore(settings, Session(access, timeout_s), url.label)
