"""Stores on remotes of rclone, for tests."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tests.accounts import program_variables, variables
from tests.store_servers import Folder, Ssh, rclone
from tiered.backends.rclone import rclone_store
from tiered.backends.rclone.store import RcloneStore
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(3_000_000))
ENV = program_variables("")


@contextmanager
def opened(
    path: str, settings: Mapping[str, str], scratch: Path, timeout_s: float = 30.0
) -> Iterator[RcloneStore]:
    """A store at a path of a remote with these settings."""
    env = ENV | variables("RCLONE_CONFIG_THERE_", **settings)
    url = parse_url(f"rclone://there:{path}")
    store = rclone_store(url, env, timeout_s=timeout_s, scratch=scratch)
    with closing(store):
        yield store


def local(path: Path, scratch: Path) -> "closing[RcloneStore]":
    env = ENV | variables("RCLONE_CONFIG_THERE_", TYPE="local")
    url = parse_url(f"rclone://there:/{path}")
    return closing(rclone_store(url, env, timeout_s=30.0, scratch=scratch))


def sftp(server: Ssh, *, port: int | None = None) -> dict[str, str]:
    return {
        "TYPE": "sftp",
        "HOST": "127.0.0.1",
        "PORT": str(port or server.port),
        "USER": server.user,
        "KEY_FILE": str(server.identity),
        "DISABLE_HASHCHECK": "true",
    }


def webdav(server: Folder, *, password: str | None = None) -> dict[str, str]:
    hidden = rclone("obscure", password or server.password)
    done = subprocess.run(hidden, capture_output=True, text=True, check=True)
    return {
        "TYPE": "webdav",
        "URL": f"http://127.0.0.1:{server.port}",
        "USER": server.user,
        "PASS": done.stdout.strip(),
    }
