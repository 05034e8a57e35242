"""Stores that the program rsync reaches, for tests."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.accounts import variables
from tests.store_servers import Folder, Ssh
from tiered.backends.rsync_program import rsync_store
from tiered.backends.rsync_program.store import RsyncStore
from tiered.secret import Secret
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(3_000_000))
PATH = {"PATH": Secret(os.environ["PATH"])}


@contextmanager
def opened(
    server: Folder,
    place: str,
    scratch: Path,
    *,
    port: int | None = None,
    timeout_s: float = 30.0,
    password: str | None = None,
) -> Iterator[RsyncStore]:
    """A store at `place`: behind the port, so `::module/folder` or `/folder`."""
    at = f"{server.user}@127.0.0.1:{port or server.port}"
    password = server.password if password is None else password
    env = PATH | variables("RSYNC_", PASSWORD=password or None)
    options = server.options if isinstance(server, Ssh) else ""
    store = rsync_store(
        parse_url(f"rsync://{at}{place}"),
        env,
        timeout_s=timeout_s,
        scratch=scratch,
        ssh_options=options,
    )
    with closing(store):
        yield store


def files_in(folder: Path) -> set[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*") if not p.is_dir())
    return set(map(str, found))
