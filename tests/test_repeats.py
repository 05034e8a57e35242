"""Stores that ask for a pause, and lines that break: repeated, on real servers.

Between client and server stands a relay that refuses requests as rate limiters
do, or a proxy that breaks connections.  Waiting takes no time.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from contrib.servers.relay import Answer, Request, ask, serving
from tests.accounts import keystone, s3_keys, variables
from tests.servers import Glacier, OpenStack
from tests.store_servers import Azure, Folder, Ssh
from tests.unit.broken import POLICY
from tiered.backends.azure import azure_store
from tiered.backends.s3 import s3_store
from tiered.backends.sftp import sftp_store
from tiered.backends.swift import pca_store, swift_store
from tiered.backends.webdav import webdav_store
from tiered.errors import Frozen, RateLimited
from tiered.store import PutMode, Store, Warmth
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource
from tiered.url import parse_url
from tiered.wrap.retry import Retrying

DATA = bytes(i % 251 for i in range(3_000_000))
HALF_AN_HOUR_S = 1800.0
SECONDS = [("Retry-After", "7")]
DATE = [
    ("Date", "Sat, 21 Nov 2026 20:00:00 GMT"),
    ("Retry-After", "Sat, 21 Nov 2026 20:00:07 GMT"),
]

Open = Callable[[int], Store]
"""Of a port, where the server, or what stands before it, is."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server, and how to open an empty store there."""

    port: int
    open: Open
    refusal: Answer = field(default_factory=lambda: Answer(429))
    """What its rate limiter says."""


def slow_down(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>hush</Message></Error>".encode()


def swift(request: pytest.FixtureRequest) -> Site:
    server: OpenStack = request.getfixturevalue("openstack")
    container = server.make_container()

    def opened(port: int) -> Store:
        env = keystone(server, "SWIFT_", REGIONNAME=server.region_at(port))
        return swift_store(parse_url(f"swift://{container}"), env, timeout_s=30.0)

    return Site(port=server.swift_port, open=opened, refusal=Answer(498))


def pca(request: pytest.FixtureRequest) -> Site:
    server: OpenStack = request.getfixturevalue("openstack")
    container = server.make_container("PCA")

    def opened(port: int) -> Store:
        env = keystone(server, "PCA_", REGIONNAME=server.region_at(port))
        return pca_store(parse_url(f"pca://{container}"), env, timeout_s=30.0)

    return Site(port=server.swift_port, open=opened)


def s3(request: pytest.FixtureRequest) -> Site:
    server: Glacier = request.getfixturevalue("glacier")
    bucket = server.make_bucket()

    def opened(port: int) -> Store:
        return s3_store(
            parse_url(f"s3:///{bucket}"),
            s3_keys(server.access, server.secret),
            timeout_s=30.0,
            endpoint=f"http://127.0.0.1:{port}",
        )

    refusal = Answer(503, body=slow_down("SlowDown"))
    return Site(port=server.port, open=opened, refusal=refusal)


def webdav(request: pytest.FixtureRequest) -> Site:
    server: Folder = request.getfixturevalue("rclone_webdav")
    folder = server.new_folder(exists=False)

    def opened(port: int) -> Store:
        url = parse_url(f"webdav://{server.user}@127.0.0.1:{port}/{folder}")
        return webdav_store(
            url, variables("FTP_", PASSWORD=server.password), timeout_s=30.0
        )

    with closing(opened(server.port)) as store:
        assert store.extras.create
        store.extras.create.create()

    return Site(port=server.port, open=opened)


def azure(request: pytest.FixtureRequest) -> Site:
    server: Azure = request.getfixturevalue("azure")
    url = parse_url(f"azure://test-{uuid.uuid4().hex[:12]}")

    def opened(port: int) -> Store:
        text = replace(server, port=port).connection_string
        return azure_store(
            url, variables("AZURE_", CONNECTION_STRING=text), timeout_s=30.0
        )

    with closing(opened(server.port)) as store:
        assert store.extras.create
        store.extras.create.create()
    busy = Answer(503, [("x-ms-error-code", "ServerBusy")], slow_down("ServerBusy"))
    return Site(port=server.port, open=opened, refusal=busy)


def sftp(request: pytest.FixtureRequest) -> Site:
    server: Ssh = request.getfixturevalue("sshd")
    tmp_path: Path = request.getfixturevalue("tmp_path")
    folder = server.data / server.new_folder()

    def opened(port: int) -> Store:
        url = parse_url(f"sftp://{server.user}@127.0.0.1:{port}/{folder}")
        known = server.known_hosts.read_text().replace(f":{server.port} ", f":{port} ")
        (hosts := tmp_path / "known_hosts").write_text(known)
        options = replace(server, known_hosts=hosts).options
        return sftp_store(url, {}, timeout_s=30.0, ssh_options=options)

    return Site(port=server.port, open=opened)


OVER_HTTP = (swift, pca, s3, webdav, azure)
over_http = pytest.mark.parametrize("at", OVER_HTTP, ids=lambda f: f.__name__)


class Limiter:
    """Refuses as many requests as it is told, and lets the others through."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.refusals: list[Answer] = []
        self.only = ""
        """A method, if only that is refused."""

    def __call__(self, request: Request) -> Answer:
        if self.refusals and self.only in ("", request.method):
            return self.refusals.pop()
        return ask(self._port, request)


@contextmanager
def limited(site: Site) -> Iterator[tuple[Store, Limiter]]:
    """Logged in, so that what is refused is what the test asks."""
    limiter = Limiter(site.port)
    with serving(limiter) as port, closing(site.open(port)) as store:
        assert store.list() == ()
        yield store, limiter


def patient(store: Store, clock: JumpingClock) -> Retrying:
    return Retrying(store, POLICY, clock, Random(7))


@over_http
@pytest.mark.parametrize("after", [SECONDS, DATE], ids=["seconds", "date"])
def test_a_rate_limit_is_waited_for(
    at: Callable[[pytest.FixtureRequest], Site],
    after: list[tuple[str, str]],
    request: pytest.FixtureRequest,
) -> None:
    site, clock = at(request), JumpingClock()
    refusal = replace(site.refusal, headers=[*site.refusal.headers, *after])
    with limited(site) as (store, limiter):
        repeated = patient(store, clock)
        calls: list[Callable[[], object]] = [
            lambda: repeated.put("o", BytesSource(DATA), PutMode.CREATE),
            repeated.list,
            lambda: repeated.extras.stat and repeated.extras.stat.stat("o"),
            lambda: repeated.delete("o"),
        ]
        for call in calls:
            clock.slept_s.clear()
            limiter.refusals = [refusal, refusal]
            call()
            assert clock.slept_s == [7.0, 7.0], call
        assert store.list() == ()


@over_http
def test_a_rate_limit_that_does_not_end(
    at: Callable[[pytest.FixtureRequest], Site], request: pytest.FixtureRequest
) -> None:
    site, clock = at(request), JumpingClock()
    with limited(site) as (store, limiter):
        limiter.refusals = [site.refusal] * 9
        with pytest.raises(RateLimited) as caught:
            patient(store, clock).list()
        assert len(limiter.refusals) == 9 - POLICY.attempts
        assert "gave up after 4 attempts" in caught.value.__notes__[0]
        assert "--limit-requests" in caught.value.hint
        assert "hush" not in f"{caught.value}{caught.value.facts}"
        long = replace(site.refusal, headers=[*site.refusal.headers, *SECONDS])
        long = replace(long, headers=[*long.headers[:-1], ("Retry-After", "3600")])
        limiter.refusals, clock.slept_s = [long, long], []
        with pytest.raises(RateLimited) as caught:
            patient(store, clock).list()
        assert clock.slept_s == []
        assert caught.value.wait_s == 3600.0
        assert "asks to be left alone for 1h" in caught.value.__notes__[0]


def test_what_is_sealed_is_not_asked_for_again(
    request: pytest.FixtureRequest, openstack: OpenStack
) -> None:
    """PCA answers 429 for both; the relay refuses only the GET of the object."""
    clock = JumpingClock()
    with limited(pca(request)) as (store, limiter):
        repeated = patient(store, clock)
        repeated.put("o", BytesSource(DATA), PutMode.CREATE)
        thaw = repeated.extras.thaw
        assert thaw
        with pytest.raises(Frozen):
            repeated.get("o")
        assert thaw.frost(["o"])["o"].warmth is Warmth.COLD
        limiter.only, limiter.refusals = "GET", []
        thaw.thaw(["o"])
        with pytest.raises(Frozen):
            repeated.get("o")
        assert clock.slept_s == []
        openstack.move_clock(thaw.frost(["o"])["o"].wait_s or HALF_AN_HOUR_S)
        limiter.refusals = [Answer(429, SECONDS), Answer(429, SECONDS)]
        with repeated.get("o") as stream:
            assert stream.read() == DATA
        assert clock.slept_s == [7.0, 7.0]


class MendingClock(JumpingClock):
    """While somebody waits, the line is mended."""

    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__()
        self._proxy = proxy

    def sleep_s(self, seconds: float) -> None:
        super().sleep_s(seconds)
        self._proxy.faults = Faults()


@pytest.mark.parametrize(
    "at", [swift, s3, webdav, azure, sftp], ids=lambda f: f.__name__
)
def test_a_broken_line_is_tried_again(
    at: Callable[[pytest.FixtureRequest], Site],
    request: pytest.FixtureRequest,
    fault_proxy: Callable[[int], FaultProxy],
) -> None:
    site = at(request)
    proxy = fault_proxy(site.port)
    clock = MendingClock(proxy)
    with closing(site.open(proxy.port)) as store:
        repeated = patient(store, clock)
        proxy.faults = Faults(refuse=True)
        assert repeated.list() == ()
        assert len(clock.slept_s) == 1
        proxy.faults = Faults(cut_up_after_bytes=1_000_000)
        repeated.put("o", BytesSource(DATA), PutMode.CREATE)
        assert len(clock.slept_s) == 2
        proxy.faults = Faults(cut_after_bytes=1_000_000)
        with repeated.get("o") as stream:
            assert stream.read() == DATA
        assert len(clock.slept_s) == 3
        assert [(e.name, e.size) for e in store.list()] == [("o", len(DATA))]
