"""What an S3 server is asked to do to objects: classes, encryption."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.accounts import s3_keys
from tests.scripted import Answer, scripted
from tests.servers import Glacier, OpenStack
from tiered.backends.s3 import s3_store
from tiered.backends.s3.access import Place, read_access
from tiered.backends.s3.archive_class import OTHER
from tiered.backends.s3.bucket import S3Settings
from tiered.backends.s3.client import LazyClient
from tiered.backends.s3.protection import Encryption, Retention
from tiered.backends.s3.store import S3Store
from tiered.errors import Denied, StoreError
from tiered.store import PutMode
from tiered.testing.sources import BytesSource
from tiered.url import parse_url

PART_BYTES = 5 << 20
SMALL, BIG = b"small", bytes(i % 251 for i in range(PART_BYTES + 1))


@contextmanager
def opened(
    server: Glacier | OpenStack,
    bucket: str,
    encryption: Encryption | None = None,
    retention: Retention | None = None,
) -> Iterator[S3Store]:
    """A store that sends what is larger than one part in parts."""
    if isinstance(server, OpenStack):
        url, keys = server.s3_url, s3_keys(server.s3_access, server.s3_secret)
    else:
        url, keys = server.url, s3_keys(server.access, server.secret)
    settings = S3Settings(
        bucket=bucket,
        provider=OTHER,
        storage_class=lambda _: "STANDARD",
        can_be_cold=False,
        single_bytes=PART_BYTES,
        part_bytes=PART_BYTES,
        etags_are_md5=not (encryption and encryption.kms_key),
        encryption=encryption,
        retention=lambda name: retention if name != "free" else None,
    )
    place = Place(bucket=bucket, prefix="", endpoint=url, region=None)
    client = LazyClient(read_access(keys), place, 30.0)
    with closing(S3Store(settings, client, "s3:test")) as store:
        yield store


@pytest.mark.parametrize(
    ("asked", "algorithm"),
    [(Encryption(), "AES256"), (Encryption(kms_key="the-key"), "aws:kms")],
)
def test_small_and_large_objects_are_encrypted(
    glacier: Glacier, asked: Encryption, algorithm: str
) -> None:
    bucket = glacier.make_bucket()
    with opened(glacier, bucket, asked) as store, closing(glacier.s3()) as s3:
        for name, data in (("small", SMALL), ("big", BIG)):
            store.put(name, BytesSource(data), PutMode.CREATE)
            head = s3.head_object(Bucket=bucket, Key=name)
            assert head["ServerSideEncryption"] == algorithm
            assert head.get("SSEKMSKeyId") == asked.kms_key
            with store.get(name) as stream:
                assert stream.read() == data
        md5 = None if asked.kms_key else BytesSource(SMALL).md5
        assert [e.md5 for e in store.list() if e.name == "small"] == [md5]


def test_a_server_that_cannot_encrypt(openstack: OpenStack) -> None:
    bucket = openstack.make_container()
    with opened(openstack, bucket, Encryption()) as store:
        with pytest.raises(StoreError):
            store.put("o", BytesSource(SMALL), PutMode.CREATE)
        assert store.list() == ()


def test_a_lock_holds_until_its_day(glacier: Glacier) -> None:
    until = datetime(2126, 11, 21, tzinfo=UTC)
    bucket, lock = "test-locked", Retention(mode="COMPLIANCE", until=until)
    with opened(glacier, bucket, None, lock) as store, closing(glacier.s3()) as s3:
        s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        asked: list[str] = []  # moto forgets the lock of what comes in parts

        def note(request: Any, **_: Any) -> None:
            asked.append(str(request.headers["x-amz-object-lock-retain-until-date"]))

        events = store._client.get().meta.events
        events.register("before-send.s3.CreateMultipartUpload", note)
        for name, data in (("locked", SMALL), ("big", BIG), ("free", SMALL)):
            store.put(name, BytesSource(data), PutMode.CREATE)
        head = s3.head_object(Bucket=bucket, Key="locked")
        assert head["ObjectLockMode"] == "COMPLIANCE"
        assert head["ObjectLockRetainUntilDate"] == until
        assert len(asked) == 1
        assert "2126-11-21T00:00:00Z" in asked[0]
        assert "ObjectLockMode" not in s3.head_object(Bucket=bucket, Key="free")


def test_a_delete_that_a_lock_refuses_says_until_when() -> None:
    until = {"x-amz-object-lock-retain-until-date": "2126-11-21T00:00:00Z"}
    refused = b"<Error><Code>AccessDenied</Code></Error>"

    def answer(method: str, _path: str) -> Answer:
        if method == "HEAD":
            return Answer(status=200, headers={"ETag": '"e"', **until})
        return Answer(status=403, body=refused)

    with scripted(answer) as server:
        url, keys = parse_url("s3:///box"), s3_keys("access", "hush")
        store = s3_store(url, keys, timeout_s=9.0, endpoint=server.url)
        with closing(store), pytest.raises(Denied, match="locked until 2126-11-21"):
            store.delete("o")
