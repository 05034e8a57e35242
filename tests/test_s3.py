"""What is special about S3: keys, parts, broken lines."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import s3_keys
from tests.s3_stores import ANY_KEYS, on_swift, opened
from tests.scripted import Answer, scripted
from tests.servers import Glacier, OpenStack
from tests.stores import put, read
from tiered.backends.s3 import client as client_module
from tiered.backends.s3 import s3_store
from tiered.backends.s3.access import Place, read_access
from tiered.backends.s3.archive_class import OTHER
from tiered.backends.s3.bucket import S3Settings
from tiered.backends.s3.client import LazyClient
from tiered.backends.s3.store import S3Store
from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    Frozen,
    Full,
    MissingDependency,
    RateLimited,
    SourceError,
    StoreError,
    Unavailable,
)
from tiered.store import Entry, PutMode
from tiered.testing.sources import BytesSource, TornSource
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(3_000_000))
BIG = DATA * 4
"""More than one part of the smallest size that S3 takes (5 MiB)."""
PART_BYTES = 5 << 20


class NoMd5(BytesSource):
    """A source that does not know its MD5."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.md5 = None


class Odd(NoMd5):
    """A source that promises another size than it has."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size


# ---- keys and places ---------------------------------------------------------


@pytest.mark.parametrize("wrong", ["access", "secret"])
def test_wrong_keys_are_denied_and_not_shown(openstack: OpenStack, wrong: str) -> None:
    keys = {"access": openstack.s3_access, "secret": openstack.s3_secret}
    env = s3_keys(**(keys | {wrong: "not-the-right-one"}))
    bucket, url = openstack.make_container(), openstack.s3_url
    with opened(bucket, url, env) as store, pytest.raises(Denied) as caught:
        store.list()
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.hint
    assert "not-the-right-one" not in str(caught.value) + caught.value.hint


def test_an_unreachable_endpoint(
    openstack: OpenStack, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(openstack.swift_port)
    proxy.faults = Faults(refuse=True)
    url = f"http://127.0.0.1:{proxy.port}"
    with opened("bucket", url) as store, pytest.raises(Unavailable, match="s3:///b"):
        store.list()
    assert proxy.seen == 1


def test_nothing_is_asked_before_the_first_call() -> None:
    fault = Answer(status=500)
    with scripted(lambda _method, _path: fault) as server, opened("b", server.url):
        pass
    assert server.asked == []


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match="boto3") as caught:
        s3_store(parse_url("s3:///b"), ANY_KEYS, timeout_s=1.0)
    assert "tiered[s3]" in caught.value.hint


# ---- uploads -----------------------------------------------------------------


@contextmanager
def in_parts(openstack: OpenStack) -> Iterator[tuple[S3Store, str]]:
    """A store that sends what is larger than one part in parts."""
    bucket = openstack.make_container()
    settings = S3Settings(
        bucket=bucket,
        prefix="p/",
        provider=OTHER,
        storage_class=lambda _: "STANDARD",
        can_be_cold=False,
        single_bytes=PART_BYTES,
        part_bytes=PART_BYTES,
    )
    access = read_access(s3_keys(openstack.s3_access, openstack.s3_secret))
    place = Place(bucket=bucket, prefix="p/", endpoint=openstack.s3_url, region=None)
    client = LazyClient(access, place, 30.0)
    with closing(S3Store(settings, client, "s3:test")) as store:
        yield store, bucket


def uploads(openstack: OpenStack, bucket: str) -> int:
    with closing(openstack.s3()) as s3:
        return len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


def test_a_large_object_goes_in_parts(openstack: OpenStack) -> None:
    with in_parts(openstack) as (store, bucket):
        put(store, "o", BIG)
        assert read(store, "o") == BIG
        assert store.list() == (Entry("o", len(BIG)),)
        assert store.stat("o").md5 is store.list()[0].md5 is None
        with pytest.raises(AlreadyExists):
            put(store, "o", BIG)
        store.put("o", BytesSource(BIG[1:]), PutMode.REPLACE)
        assert read(store, "o") == BIG[1:]
        assert uploads(openstack, bucket) == 0


def test_a_torn_upload_leaves_no_parts(openstack: OpenStack) -> None:
    with in_parts(openstack) as (store, bucket):
        put(store, "o", b"old")
        with pytest.raises(SourceError):
            store.put("o", TornSource(BIG), PutMode.REPLACE)
        assert read(store, "o") == b"old"
        assert uploads(openstack, bucket) == 0


@pytest.mark.parametrize("size", [1000, len(BIG)])
def test_without_md5_what_is_sent_is_hashed_first(
    openstack: OpenStack, size: int
) -> None:
    with on_swift(openstack) as store:
        source = NoMd5(BIG[:size])
        store.put("o", source, PutMode.CREATE)
        assert store.stat("o").md5 == BytesSource(BIG[:size]).md5
        assert read(store, "o") == BIG[:size]
        assert (source.opened == 1) == (size == 1000)


@pytest.mark.parametrize("size", [1000, len(BIG)])
@pytest.mark.parametrize("wrong_by", [-1, 1])
def test_a_source_of_another_size_leaves_the_old_object(
    openstack: OpenStack, size: int, wrong_by: int
) -> None:
    with on_swift(openstack) as store:
        put(store, "o", b"old")
        with pytest.raises(SourceError, match="'o'"):
            store.put("o", Odd(BIG[:size], size + wrong_by), PutMode.REPLACE)
        assert read(store, "o") == b"old"


def test_bytes_damaged_on_the_way_are_refused(openstack: OpenStack) -> None:
    with on_swift(openstack) as store:
        source = BytesSource(DATA)
        source.md5 = BytesSource(b"other").md5
        with pytest.raises(Unavailable, match="BadDigest"):
            store.put("o", source, PutMode.CREATE)
        assert store.list() == ()


def test_an_upload_that_tears_late_is_the_fault_of_the_source(
    glacier: Glacier,
) -> None:
    """The body is larger than what is held in memory, and its MD5 is known."""
    with opened(glacier.make_bucket(), glacier.url) as store:
        with pytest.raises(SourceError, match="torn"):
            store.put("o", TornSource(BIG), PutMode.CREATE)
        assert store.list() == ()


# ---- broken lines and unkind answers -----------------------------------------


def test_a_download_that_is_cut_raises(
    openstack: OpenStack, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    keys = s3_keys(openstack.s3_access, openstack.s3_secret)
    bucket, proxy = openstack.make_container(), fault_proxy(openstack.swift_port)
    with opened(bucket, f"http://127.0.0.1:{proxy.port}", keys) as store:
        put(store, "o", DATA)
        proxy.faults = Faults(cut_after_bytes=1_000_000)
        with store.get("o") as stream, pytest.raises(Unavailable, match="'o'"):
            stream.read()
        proxy.faults = Faults()
        assert read(store, "o") == DATA


def test_a_silent_server_is_given_up(
    openstack: OpenStack, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    keys = s3_keys(openstack.s3_access, openstack.s3_secret)
    bucket, proxy = openstack.make_container(), fault_proxy(openstack.swift_port)
    url = f"http://127.0.0.1:{proxy.port}"
    with opened(bucket, url, keys, timeout_s=1.0) as store:
        put(store, "o", DATA)
        proxy.faults = Faults(stall_after_bytes=1_000_000)
        with store.get("o") as stream, pytest.raises(Unavailable, match="'o'"):
            stream.read()
        proxy.faults = Faults(blackhole=True)
        with pytest.raises(Unavailable):
            store.list()


def test_a_listing_pages(openstack: OpenStack) -> None:
    with in_parts(openstack) as (store, _):
        for number in range(5):
            put(store, f"o{number}")
        settings = replace(store._bucket.settings, page_rows=2)
        store._bucket.settings = settings
        assert [e.name for e in store.list()] == [f"o{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("status", "code", "error", "wait_s"),
    [
        (403, "AccessDenied", Denied, None),
        (403, "RequestTimeTooSkewed", Denied, None),
        (400, "ExpiredToken", Denied, None),
        (400, "AuthorizationHeaderMalformed", ConfigError, None),
        (403, "InvalidObjectState", Frozen, None),
        (409, "OperationAborted", Unavailable, None),
        (403, "QuotaExceeded", Full, None),
        (503, "SlowDown", RateLimited, 7.0),
        (500, "InternalError", Unavailable, None),
        (429, "TooManyRequests", RateLimited, 7.0),
        (503, "ServiceUnavailable", Unavailable, 7.0),
        (418, "Teapot", StoreError, None),
    ],
)
def test_each_call_is_made_once_and_its_error_translated(
    status: int, code: str, error: type[StoreError], wait_s: float | None
) -> None:
    body = f"<Error><Code>{code}</Code><Message>hush</Message></Error>".encode()
    headers = {"Retry-After": "7"} if wait_s else {}
    answer = Answer(status=status, headers=headers, body=body)
    with (
        scripted(lambda _method, _path: answer) as server,
        opened("bucket", server.url) as store,
        pytest.raises(error) as caught,
    ):
        store.get("o")
    assert type(caught.value) is error
    assert caught.value.wait_s == wait_s
    assert caught.value.hint
    assert "hush" not in str(caught.value) + caught.value.hint
    assert server.asked == ["GET /bucket/o"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}"])
def test_a_listing_that_cannot_be_read_is_not_empty(body: bytes) -> None:
    with (
        scripted(lambda _method, _path: Answer(status=200, body=body)) as server,
        opened("bucket", server.url) as store,
        pytest.raises(StoreError),
    ):
        store.list()


def test_a_server_that_only_redirects() -> None:
    """For instance from http to https."""
    elsewhere = Answer(status=301, headers={"Location": "https://elsewhere.example/"})
    with (
        scripted(lambda _method, _path: elsewhere) as server,
        opened("bucket", server.url) as store,
        pytest.raises(ConfigError) as caught,
    ):
        store.get("o")
    assert "endpoint" in caught.value.hint
