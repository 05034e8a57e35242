"""Fixtures: what the program rsync talks to, as in `tests.store_servers`."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.server_process import free_port, program
from tests.store_servers import (
    LOGIN,
    Folder,
    Ssh,
    as_nobody,
    give,
    openssh,
    public_folder,
)

_RSYNCD = """
address = 127.0.0.1
port = {port}
log file = {folder}/rsyncd.log
lock file = {folder}/lock
max connections = 100
reverse lookup = no
strict modes = no
secrets file = {folder}/secrets
use chroot = no
read only = no
{identity}

[open]
path = {folder}/data
[login]
path = {folder}/data
auth users = user
[chrooted]
path = {folder}/data
use chroot = {chroot}
[read-only]
path = {folder}/data
read only = yes
[before-fsync]
path = {folder}/data
refuse options = fsync
[no-delete]
path = {folder}/data
refuse options = delete
[unmounted]
path = {folder}/nothing
"""


@pytest.fixture(scope="session")
def rsyncd() -> Iterator[Folder]:
    """rsync as a daemon; what its modules are called says what they are."""
    rsync, is_root = which("rsync"), os.geteuid() == 0
    if rsync is None:
        pytest.fail("there is no rsync: `make test` installs it", False)
    with public_folder() as folder:
        found = Folder(
            port=free_port(), data=folder / "data", user="user", password="se cret"
        )
        found.data.mkdir()
        (folder / "secrets").write_text(f"{found.user}:{found.password}\n")
        config = _RSYNCD.format(
            port=found.port,
            folder=folder,
            identity=f"uid = {LOGIN}\ngid = nogroup" if is_root else "",
            chroot="yes" if is_root else "no",
        )
        (folder / "rsyncd.conf").write_text(config)
        give(found.data)
        command = [rsync, "--daemon", "--no-detach", f"--config={folder}/rsyncd.conf"]
        with program(command, folder / "log", found.port):
            yield found


@pytest.fixture(scope="session")
def sshd_with_shell() -> Iterator[Ssh]:
    """OpenSSH, by key, for who runs programs."""
    with openssh(_as_nobody_with_shell) as found:
        yield found


def _as_nobody_with_shell(folder: Path) -> list[str]:
    """For that process alone, nobody has a shell, and a home where clients begin."""
    if os.geteuid() != 0:
        return []
    users = folder / "passwd"
    entry = rf"\g<1>{folder / 'data'}:/bin/sh"
    pattern = rf"^({LOGIN}(?::[^:\n]*){{4}}:).*"
    known = Path("/etc/passwd").read_text()
    users.write_text(re.sub(pattern, entry, known, flags=re.MULTILINE))
    bind = f'mount --bind {users} /etc/passwd && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", bind, "sh", *as_nobody(folder)]
