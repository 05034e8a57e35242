"""Folders that the program rsync reaches: modules of its daemon, and SSH servers.

Not `tiered.rsync`, which is the algorithm alone.  `rsync_store` makes a store out
of a URL and variables.
"""

from collections.abc import Mapping
from pathlib import Path

from tiered.backends.rsync_program.access import read_access
from tiered.backends.rsync_program.program import Program
from tiered.backends.rsync_program.store import RsyncStore
from tiered.secret import Secret
from tiered.url import StoreUrl


def rsync_store(
    url: StoreUrl,
    env: Mapping[str, Secret],
    *,
    timeout_s: float,
    scratch: Path,
    ssh_options: str = "",
) -> RsyncStore:
    """`rsync://[user@]host::module/folder` or `rsync://[user@]host/folder`; no I/O.

    Args:
        env: Name -> value: BACKEND_PASSWORD, FTP_PASSWORD, RSYNC_PASSWORD for a
            daemon; PATH, HOME and SSH_AUTH_SOCK for the programs.
        timeout_s: For connecting, and for each silence of the server.
        scratch: Where files lie that are sent or were received.
        ssh_options: "-oName=value …" and "-i FILE", for ssh.

    Raises:
        ConfigError: The URL or an option is wrong.
        MissingDependency: There is no rsync, or no ssh where it is needed.
    """
    access = read_access(url, env, ssh_options)
    program = Program(access, env, timeout_s, url.label)
    return RsyncStore(access, program, scratch, url.label)
