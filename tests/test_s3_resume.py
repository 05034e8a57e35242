"""Large objects on S3 go on where they were cut; requests are counted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from random import Random
from typing import Any

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import s3_keys
from tests.servers import Glacier, OpenStack
from tiered.backends.s3.access import Place, read_access
from tiered.backends.s3.archive_class import OTHER
from tiered.backends.s3.bucket import S3Settings
from tiered.backends.s3.client import LazyClient
from tiered.backends.s3.store import S3Store
from tiered.errors import SourceError, Unavailable
from tiered.secret import Secret
from tiered.store import PutMode
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource, TornSource
from tiered.wrap.patience import RetryPolicy
from tiered.wrap.retry import Retrying

PART_BYTES = 5 << 20
PARTS = 4
BIG = Random(7).randbytes(PARTS * PART_BYTES - 1)
CUT_AFTER_BYTES = PART_BYTES // 2


class Box:
    """A bucket, a line to it that can be cut, and who asked for what."""

    def __init__(
        self, env: Mapping[str, Secret], bucket: str, proxy: FaultProxy
    ) -> None:
        self.env, self.bucket, self.proxy = env, bucket, proxy
        self.sent: list[str] = []
        self._cuts = False

    @contextmanager
    def opened(self) -> Iterator[S3Store]:
        """A new process, as far as the store can tell."""
        settings = S3Settings(
            bucket=self.bucket,
            provider=OTHER,
            storage_class=lambda _: "STANDARD",
            can_be_cold=False,
            single_bytes=PART_BYTES,
            part_bytes=PART_BYTES,
        )
        endpoint = f"http://127.0.0.1:{self.proxy.port}"
        place = Place(bucket=self.bucket, prefix="", endpoint=endpoint, region=None)
        client = LazyClient(read_access(self.env), place, 30.0)
        client.get().meta.events.register("before-send.s3", self._note)
        with closing(S3Store(settings, client, "s3:test")) as store:
            yield store

    def parts(self) -> list[str]:
        """Numbers of the parts that were sent since it was last asked."""
        numbers = [q.split("partNumber=")[1][0] for q in self.sent if "partN" in q]
        self.sent.clear()
        return numbers

    def cut(self) -> None:
        """The third part is cut in its middle, once."""
        self._cuts = True

    def _note(self, request: Any, **_: Any) -> None:
        """Before a request leaves; kept-alive connections end when faults are set."""
        if request.method != "PUT":
            return
        self.sent.append(request.url)
        if self._cuts and "partNumber=3" in request.url:
            self._cuts = False
            self.proxy.faults = Faults(
                cut_up_after_bytes=CUT_AFTER_BYTES, first_connections=1
            )


@pytest.fixture(params=["moto", "swift"])
def box(
    request: pytest.FixtureRequest, fault_proxy: Callable[[int], FaultProxy]
) -> Box:
    if request.param == "moto":
        glacier: Glacier = request.getfixturevalue("glacier")
        keys = s3_keys(glacier.access, glacier.secret)
        bucket, port = glacier.make_bucket(), glacier.port
        return Box(keys, bucket, fault_proxy(port))
    openstack: OpenStack = request.getfixturevalue("openstack")
    keys = s3_keys(openstack.s3_access, openstack.s3_secret)
    bucket, port = openstack.make_container(), openstack.swift_port
    return Box(keys, bucket, fault_proxy(port))


def content(store: S3Store, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()


def left(store: S3Store) -> int:
    s3 = store._client.get()
    bucket = store._settings.bucket
    return len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


def test_a_retry_sends_the_parts_that_are_missing(box: Box) -> None:
    with box.opened() as store:
        box.cut()
        patient = Retrying(store, RetryPolicy(), JumpingClock(), Random(1))
        patient.put("o", BytesSource(BIG), PutMode.CREATE)
        assert box.parts() == ["1", "2", "3", "3", "4"]
        assert content(store, "o") == BIG
        assert left(store) == 0


def cut_off(box: Box, name: str = "o") -> None:
    """A process that ends in the middle of the third part."""
    with box.opened() as store:
        box.cut()
        with pytest.raises(Unavailable):
            store.put(name, BytesSource(BIG), PutMode.REPLACE)
        assert left(store) == 1
    assert box.parts() == ["1", "2", "3"]


def test_another_process_goes_on(box: Box) -> None:
    cut_off(box)
    with box.opened() as store:
        store.put("o", BytesSource(BIG), PutMode.REPLACE)
        assert box.parts() == ["3", "4"]
        assert content(store, "o") == BIG
        assert left(store) == 0


def test_a_part_of_other_bytes_is_sent_again(box: Box) -> None:
    cut_off(box)
    other = BIG[: PART_BYTES + 1] + b"?" + BIG[PART_BYTES + 2 :]
    with box.opened() as store:
        store.put("o", BytesSource(other), PutMode.REPLACE)
        assert box.parts() == ["2", "3", "4"]
        assert content(store, "o") == other
        assert left(store) == 0


def test_parts_that_cannot_be_of_this_object_are_ended(box: Box) -> None:
    cut_off(box)
    short = BIG[: PART_BYTES + 1]
    with box.opened() as store:
        store.put("o", BytesSource(short), PutMode.REPLACE)
        assert box.parts() == ["1", "2"]
        assert content(store, "o") == short
        assert left(store) == 0


def test_the_parts_of_another_name_stay(box: Box) -> None:
    cut_off(box, "o1")
    with box.opened() as store:
        store.put("o", BytesSource(BIG), PutMode.REPLACE)
        assert box.parts() == ["1", "2", "3", "4"]
        assert left(store) == 1


def test_what_cannot_succeed_soon_leaves_no_parts(box: Box) -> None:
    cut_off(box)
    with box.opened() as store:
        with pytest.raises(SourceError, match="torn"):
            store.put("o", TornSource(BIG), PutMode.REPLACE)
        assert left(store) == 0
