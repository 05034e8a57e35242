"""Fixtures: the real servers that tests talk to.

Each starts when a test first asks for it, once per worker, on ports of
127.0.0.1, and ends with the session.  A server that cannot start fails the
test: a suite that skips what it cannot run proves nothing.
"""

import fcntl
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
import requests
import swiftclient
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from contrib.servers.fault_proxy import FaultProxy
from tests.server_process import (
    BUILD,
    ROOT,
    Server,
    free_port,
    interpreter,
    port_of,
    run_module,
    server,
)
from tiered.clock import RehearsalClock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OBJECTS: Final = Path("/dev/shm")
"""Has room for the user xattrs of Swift's objects; a disk may not."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One line of the request log that `contrib.pca` writes."""

    method: str
    path: str
    query: str
    status: int
    policy: str | None
    """Storage policy of the container; None for requests about containers,
    other than listings, and accounts."""
    state: str | None
    """sealed, unsealing or unsealed, before the request.  None if the object
    did not exist or its policy is not cold."""
    time_s: float

    @property
    def container(self) -> str | None:
        return self._part(3)

    @property
    def name(self) -> str | None:
        return self._part(4)

    def _part(self, index: int) -> str | None:
        parts = self.path.split("/", 4)
        return parts[index] if len(parts) > index else None


@dataclass(frozen=True, kw_only=True)
class OpenStack:
    """Keystone, and a Swift with the policies PCS (default) and PCA (cold)."""

    auth_url: str
    project_id: str
    swift_url: str
    s3_url: str
    """The S3 interface of the same Swift; signatures are verified."""
    s3_access: str
    s3_secret: str
    clock_file: Path
    request_log: Path
    connection: Any = field(repr=False)
    project_name: str = "tiered"
    user: str = "backup"
    password: str = "secret"
    domain: str = "Default"
    region: str = "GRA"

    @property
    def swift_port(self) -> int:
        return port_of(self.swift_url)

    @property
    def auth_port(self) -> int:
        return port_of(self.auth_url)

    def admin(self) -> Any:
        """A swiftclient Connection that neither retries nor waits."""
        return self.connection

    def connect(self, region: str) -> AbstractContextManager[Any]:
        """The same for another region, logged in anew."""
        return _connection(self.auth_url, region)

    def make_container(self, policy: str = "PCS") -> str:
        name = self.new_name()
        self.connection.put_container(name, headers={"X-Storage-Policy": policy})
        return name

    def new_name(self) -> str:
        """For a container or bucket; nobody else uses it."""
        return f"test-{uuid.uuid4().hex[:12]}"

    def requests(self) -> list[Request]:
        """What was asked of Swift since the last `forget`, in order."""
        lines = self.request_log.read_text().splitlines()
        return [Request(**json.loads(line)) for line in lines]

    def forget(self) -> None:
        os.truncate(self.request_log, 0)

    def move_clock(self, seconds: float) -> None:
        """Let time pass for PCA, and for every RehearsalClock on `clock_file`."""
        _move(self.clock_file, seconds)

    def s3(self) -> "S3Client":
        """The caller closes it."""
        return s3_client(self.s3_url, self.s3_access, self.s3_secret)

    def region_at(self, port: int) -> str:
        """A new region of the catalogue whose Swift answers on `port`.

        With the port of a fault proxy, a client that logs in as usual gets a
        broken Swift.
        """
        region = self.new_name()
        with _login(self.auth_url, "admin", "admin", "admin") as login:
            found = login.get(f"{self.auth_url}/services?type=object-store").json()
            endpoint = {
                "service_id": found["services"][0]["id"],
                "region_id": region,
                "interface": "public",
                "url": f"http://127.0.0.1:{port}/v1/AUTH_$(project_id)s",
            }
            login.post(f"{self.auth_url}/regions", json={"region": {"id": region}})
            login.post(f"{self.auth_url}/endpoints", json={"endpoint": endpoint})
        return region


@dataclass(frozen=True, kw_only=True)
class Glacier:
    """An S3 server whose archive classes are cold; see `contrib.servers.glacier`."""

    url: str
    access: str
    secret: str
    clock_file: Path

    @property
    def port(self) -> int:
        return port_of(self.url)

    def move_clock(self, seconds: float) -> None:
        _move(self.clock_file, seconds)

    def s3(self) -> "S3Client":
        """The caller closes it."""
        return s3_client(self.url, self.access, self.secret)

    def make_bucket(self) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        with closing(self.s3()) as s3:
            s3.create_bucket(Bucket=name)
        return name


@pytest.fixture(scope="session")
def openstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenStack]:
    python = interpreter("openstack")
    state = tmp_path_factory.mktemp("openstack")
    shutil.copytree(keystone_template(python), state / "keystone")
    ids = json.loads((state / "keystone" / "ids.json").read_text())
    auth_url = f"http://127.0.0.1:{free_port()}/v3"
    swift_url = f"http://127.0.0.1:{free_port()}"
    clock_file = state / "clock"
    with ExitStack() as stack:
        objects = stack.enter_context(objects_folder())
        keystone = stack.enter_context(
            keystone_server(python, state / "keystone", auth_url, swift_url)
        )
        clock = f"--clock-file={clock_file}"
        swift = stack.enter_context(
            swift_server(python, state / "swift", objects, auth_url, swift_url, clock)
        )
        keystone.await_answer(auth_url)
        swift.await_answer(f"{swift_url}/healthcheck")
        connection = stack.enter_context(_connection(auth_url, "GRA"))
        yield OpenStack(
            auth_url=auth_url,
            project_id=ids["project_id"],
            swift_url=swift_url,
            s3_url=swift_url,
            s3_access=ids["access"],
            s3_secret=ids["secret"],
            clock_file=clock_file,
            request_log=state / "swift" / "requests.jsonl",
            connection=connection,
        )


@pytest.fixture(scope="session")
def glacier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glacier]:
    state = tmp_path_factory.mktemp("glacier")
    port, clock_file = free_port(), state / "clock"
    options = [f"--port={port}", f"--clock-file={clock_file}"]
    url = f"http://127.0.0.1:{port}"
    with server(
        Path(sys.executable), "glacier", options, state / "glacier.log"
    ) as process:
        process.await_answer(url)
        yield Glacier(url=url, access="access", secret="secret", clock_file=clock_file)


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[int], FaultProxy]]:
    """Called with the port of a server: a proxy to it, closed after the test."""
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(FaultProxy(port))


def keystone_server(
    python: Path, state: Path, auth_url: str, swift_url: str
) -> AbstractContextManager[Server]:
    options = ["serve", str(state), f"--port={port_of(auth_url)}"]
    options.append(f"--swift-url={swift_url}")
    return server(python, "keystone_node", options, state / "stderr.log")


def swift_server(
    python: Path,
    state: Path,
    objects: Path,
    auth_url: str,
    swift_url: str,
    *more: str,
) -> AbstractContextManager[Server]:
    state.mkdir(exist_ok=True)
    options = [
        f"--state={state}",
        f"--objects={objects}",
        f"--port={port_of(swift_url)}",
        f"--keystone={auth_url}",
        *more,
    ]
    return server(python, "swift_node", options, state / "stderr.log")


@contextmanager
def objects_folder() -> Iterator[Path]:
    """A path for Swift's objects.  The server removes it; we, if it could not."""
    objects = OBJECTS / f"tiered-{uuid.uuid4().hex[:12]}"
    try:
        yield objects
    finally:
        shutil.rmtree(objects, ignore_errors=True)


def keystone_template(python: Path) -> Path:
    """A prepared Keystone to copy; made once for each version of its recipe."""
    contrib = ROOT / "contrib" / "servers"
    recipe = ("keystone_node.py", "conf/keystone.conf", "openstack.lock")
    text = b"".join((contrib / name).read_bytes() for name in recipe)
    template = BUILD / "keystone" / hashlib.sha256(text).hexdigest()[:16]
    template.parent.mkdir(exist_ok=True)
    with (template.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            _prepare(python, template)
    return template


def _prepare(python: Path, template: Path) -> None:
    part = template.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    command = [*run_module(python, "keystone_node"), "prepare", str(part)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(f"Keystone cannot be prepared:\n{done.stderr[-2000:]}", False)
    part.rename(template)


def s3_client(url: str, access: str, secret: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
    )


@contextmanager
def _login(
    auth_url: str, user: str, password: str, project: str
) -> Iterator[keystone_session.Session]:
    auth = v3.Password(
        auth_url=auth_url,
        username=user,
        password=password,
        project_name=project,
        user_domain_name="Default",
        project_domain_name="Default",
    )
    with requests.Session() as connections:
        yield keystone_session.Session(auth, session=connections)


@contextmanager
def _connection(auth_url: str, region: str) -> Iterator[Any]:
    with _login(auth_url, "backup", "secret", "tiered") as login:
        connection = swiftclient.Connection(
            session=login,
            os_options={"region_name": region},
            retries=0,
            retry_on_ratelimit=False,
        )
        with closing(connection):
            yield connection


def _move(clock_file: Path, seconds: float) -> None:
    RehearsalClock(clock_file, speed=math.inf).sleep_s(seconds)
