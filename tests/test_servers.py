"""The servers that other tests rely on do what those tests assume."""

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import requests
from botocore.exceptions import ClientError
from keystoneauth1 import session as keystone_session
from keystoneauth1.exceptions import Unauthorized
from keystoneauth1.identity import v3

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.conftest import fail_skipped
from tests.server_process import free_port
from tests.servers import Glacier, OpenStack, s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import StorageClassType, TierType

ProxyFactory = Callable[[int], FaultProxy]
HOUR_S = 3600
BODY = bytes(range(256)) * 400


def log_in(openstack: OpenStack, password: str) -> str:
    auth = v3.Password(
        auth_url=openstack.auth_url,
        username=openstack.user,
        password=password,
        project_id=openstack.project_id,
        user_domain_name=openstack.domain,
    )
    session = keystone_session.Session(auth)
    endpoint = session.get_endpoint(
        service_type="object-store", region_name=openstack.region
    )
    session.session.close()
    return str(endpoint)


def test_keystone_tells_where_swift_is(openstack: OpenStack) -> None:
    url = log_in(openstack, openstack.password)
    assert url == f"{openstack.swift_url}/v1/AUTH_{openstack.project_id}"


def test_keystone_refuses_a_wrong_password(openstack: OpenStack) -> None:
    with pytest.raises(Unauthorized):
        log_in(openstack, "wrong")


def test_swift_s3_interface_stores_and_lists(openstack: OpenStack) -> None:
    with closing(openstack.s3()) as s3:
        bucket = openstack.new_name()
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="a b/é", Body=BODY)
        assert s3.get_object(Bucket=bucket, Key="a b/é")["Body"].read() == BODY
        assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [
            "a b/é"
        ]
    assert openstack.admin().head_object(bucket, "a b/é")["content-length"] == str(
        len(BODY)
    )


def test_swift_s3_interface_verifies_signatures(openstack: OpenStack) -> None:
    wrong = s3_client(openstack.s3_url, openstack.s3_access, "wrong")
    with closing(wrong), pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.list_buckets()


@pytest.fixture
def s3(glacier: Glacier) -> "Iterator[S3Client]":
    with closing(glacier.s3()) as client:
        yield client


def restore(
    s3: "S3Client", bucket: str, days: int = 1, tier: "TierType" = "Standard"
) -> int:
    """The HTTP status."""
    answer = s3.restore_object(
        Bucket=bucket,
        Key="o",
        RestoreRequest={"Days": days, "GlacierJobParameters": {"Tier": tier}},
    )
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def frozen(
    s3: "S3Client", glacier: Glacier, storage_class: "StorageClassType" = "GLACIER"
) -> str:
    """A bucket with one archived object `o`."""
    bucket = glacier.make_bucket()
    s3.put_object(Bucket=bucket, Key="o", Body=BODY, StorageClass=storage_class)
    return bucket


def test_glacier_restores_and_forgets_again(glacier: Glacier, s3: "S3Client") -> None:
    bucket = frozen(s3, glacier)
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="o")
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="o")
    assert restore(s3, bucket) == 202
    ongoing = s3.head_object(Bucket=bucket, Key="o")["Restore"]
    assert ongoing == 'ongoing-request="true"'
    with pytest.raises(ClientError, match="RestoreAlreadyInProgress"):
        restore(s3, bucket)
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="o")
    glacier.move_clock(5 * HOUR_S + 1)
    assert s3.get_object(Bucket=bucket, Key="o")["Body"].read() == BODY
    done = s3.head_object(Bucket=bucket, Key="o")["Restore"]
    assert done.startswith('ongoing-request="false", expiry-date="')
    glacier.move_clock(24 * HOUR_S)
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="o")
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="o")


def test_glacier_extends_a_restored_copy(glacier: Glacier, s3: "S3Client") -> None:
    bucket = frozen(s3, glacier)
    restore(s3, bucket)
    glacier.move_clock(5 * HOUR_S + 1)
    assert restore(s3, bucket, days=3) == 200
    glacier.move_clock(60 * HOUR_S)
    assert s3.get_object(Bucket=bucket, Key="o")["Body"].read() == BODY


@pytest.mark.parametrize(
    ("storage_class", "tier", "hours"),
    [("GLACIER", "Bulk", 12), ("DEEP_ARCHIVE", "Standard", 12)],
)
def test_glacier_takes_as_long_as_its_tier(
    glacier: Glacier,
    s3: "S3Client",
    storage_class: "StorageClassType",
    tier: "TierType",
    hours: int,
) -> None:
    bucket = frozen(s3, glacier, storage_class)
    restore(s3, bucket, tier=tier)
    glacier.move_clock(hours * HOUR_S - 60)
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="o")
    glacier.move_clock(61)
    assert s3.get_object(Bucket=bucket, Key="o")["Body"].read() == BODY


def test_deep_archive_has_no_expedited_tier(glacier: Glacier, s3: "S3Client") -> None:
    bucket = frozen(s3, glacier, "DEEP_ARCHIVE")
    with pytest.raises(ClientError, match="InvalidArgument"):
        restore(s3, bucket, tier="Expedited")


def test_glacier_refuses_a_wrong_checksum(glacier: Glacier, s3: "S3Client") -> None:
    bucket = glacier.make_bucket()
    wrong = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=bucket, Key="o", Body=BODY, ContentMD5=wrong)
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=bucket, Key="o", Body=BODY, ChecksumCRC32="AAAAAA==")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.fixture
def web() -> Iterator[int]:
    """Port of a server that answers every request with BODY."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the proxy breaks connections on purpose
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def fetch(port: int, method: str = "GET", body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
    with closing(connection):
        connection.request(method, "/", body)
        return connection.getresponse().read()


@pytest.fixture
def proxy(web: int, fault_proxy: ProxyFactory) -> FaultProxy:
    return fault_proxy(web)


def test_proxy_is_transparent_without_faults(proxy: FaultProxy) -> None:
    assert fetch(proxy.port) == BODY
    assert fetch(proxy.port, "PUT", BODY * 20) == BODY
    assert proxy.seen == 2


def test_proxy_cuts_an_answer_after_so_many_bytes(proxy: FaultProxy) -> None:
    proxy.faults = Faults(cut_after_bytes=50_000)
    got = bytearray()
    with closing(socket.create_connection(("127.0.0.1", proxy.port))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):  # noqa: PT012 - reads until then
            while data := client.recv(4096):
                got += data
    assert len(got) == 50_000


def test_proxy_cuts_a_request(proxy: FaultProxy) -> None:
    proxy.faults = Faults(cut_up_after_bytes=1_000_000)
    with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
        fetch(proxy.port, "PUT", BODY * 200)


def test_proxy_refuses(proxy: FaultProxy) -> None:
    proxy.faults = Faults(refuse=True)
    with pytest.raises(OSError, match=r"reset|closed|[Bb]roken pipe"):
        fetch(proxy.port)


@pytest.mark.parametrize(
    "faults", [Faults(blackhole=True), Faults(stall_after_bytes=100)]
)
def test_proxy_falls_silent(proxy: FaultProxy, faults: Faults) -> None:
    proxy.faults = faults
    with pytest.raises(TimeoutError):
        fetch(proxy.port)


def test_proxy_flips_one_bit(proxy: FaultProxy) -> None:
    proxy.faults = Faults(corrupt_at_byte=50_000)
    got = fetch(proxy.port)
    changed = [(a, b) for a, b in zip(got, BODY, strict=True) if a != b]
    assert [a ^ b for a, b in changed] == [1]


def test_proxy_spares_later_connections(proxy: FaultProxy) -> None:
    proxy.faults = Faults(refuse=True, first_connections=2)
    for _ in range(2):
        with pytest.raises(OSError, match=r"reset|closed|[Bb]roken pipe"):
            fetch(proxy.port)
    assert fetch(proxy.port) == BODY


@pytest.mark.parametrize(
    ("faults", "least_s"),
    [
        (Faults(latency_s=0.1), 0.2),
        (Faults(rate_bytes_per_s=1_000_000), 0.1),
    ],
)
def test_proxy_slows_down(proxy: FaultProxy, faults: Faults, least_s: float) -> None:
    proxy.faults = faults
    start_s = time.monotonic()
    assert fetch(proxy.port) == BODY
    assert time.monotonic() - start_s >= least_s


def test_new_faults_reach_a_connection_that_is_kept_alive(proxy: FaultProxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
    with closing(connection):
        connection.request("GET", "/")
        assert connection.getresponse().read() == BODY
        proxy.faults = Faults(refuse=True)
        with pytest.raises(OSError, match=r"reset|closed|[Bb]roken pipe"):  # noqa: PT012
            connection.request("GET", "/")
            connection.getresponse()


def test_proxy_resets_when_nobody_listens(fault_proxy: ProxyFactory) -> None:
    with pytest.raises(OSError, match=r"reset|closed|[Bb]roken pipe"):
        fetch(fault_proxy(free_port()).port)


def test_region_can_lead_through_a_proxy(
    openstack: OpenStack, fault_proxy: ProxyFactory
) -> None:
    proxy = fault_proxy(openstack.swift_port)
    container = openstack.make_container()
    region = openstack.region_at(proxy.port)
    with openstack.connect(region) as connection:
        connection.put_object(container, "o", BODY)
        proxy.faults = Faults(refuse=True)
        with pytest.raises(requests.exceptions.ConnectionError):
            connection.get_object(container, "o")


def test_a_skipped_test_fails() -> None:
    report = pytest.TestReport(
        nodeid="x",
        location=("x", 1, "x"),
        keywords={},
        outcome="skipped",
        longrepr=("x", 1, "no server"),
        when="call",
    )
    assert fail_skipped(report).outcome == "failed"
    assert "no server" in str(report.longrepr)
