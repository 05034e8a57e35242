"""What is special about Swift: places, refusals, broken lines."""

import hashlib
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import keystone, variables
from tests.scripted import Answer, scripted
from tests.servers import OpenStack
from tests.stores import put
from tiered.backends import swift as package
from tiered.backends.swift import swift_store
from tiered.backends.swift.store import MAX_BYTES, SwiftStore
from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    Full,
    NotFound,
    RateLimited,
    SourceError,
    StoreError,
    Unavailable,
    WrongPolicy,
)
from tiered.secret import Secret
from tiered.store import PutMode
from tiered.testing.sources import BytesSource
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(3_000_000))


@contextmanager
def opened(
    container: str, env: dict[str, Secret], timeout_s: float = 30.0
) -> Iterator[SwiftStore]:
    url = parse_url(f"swift://{container}")
    with closing(swift_store(url, env, timeout_s=timeout_s)) as store:
        yield store


# ---- places ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("swift://c", ("c", "")),
        ("swift://c/", ("c", "")),
        ("swift://c//a///b/", ("c", "a/b/")),
        ("swift:///c/a", ("c", "a/")),
    ],
)
def test_empty_parts_of_the_url_are_dropped(
    url: str, place: tuple[str, str], openstack: OpenStack
) -> None:
    assert package._place(parse_url(url)) == place


def test_a_url_without_container_is_refused() -> None:
    env = variables("SWIFT_", PREAUTHURL="http://a", PREAUTHTOKEN="t")
    with pytest.raises(ConfigError, match="no container"):
        swift_store(parse_url("swift:///"), env, timeout_s=1.0)


def test_a_prefix_hides_the_rest_of_the_container(openstack: OpenStack) -> None:
    container = openstack.make_container()
    env = keystone(openstack, "SWIFT_")
    with opened(container, env) as whole, opened(f"{container}/p", env) as part:
        put(whole, "o", b"1")
        put(part, "o", b"22")
        assert [(e.name, e.size) for e in whole.list()] == [("o", 1), ("p/o", 2)]
        assert [(e.name, e.size) for e in part.list()] == [("o", 2)]


def test_a_container_of_another_policy_is_refused(openstack: OpenStack) -> None:
    container = openstack.make_container("PCS")
    url, env = parse_url(f"swift://{container}"), keystone(openstack, "SWIFT_")
    with closing(swift_store(url, env, timeout_s=30.0, policy="PCA")) as store:
        for call in (store.list, store.create):
            with pytest.raises(WrongPolicy, match="'PCA'") as caught:
                call()
            assert "X-Storage-Policy" in caught.value.hint


def test_a_policy_that_is_not_offered(openstack: OpenStack) -> None:
    url, env = (
        parse_url(f"swift://{openstack.new_name()}"),
        keystone(openstack, "SWIFT_"),
    )
    store = swift_store(url, env, timeout_s=30.0, policy="tape")
    with closing(store), pytest.raises(WrongPolicy, match="'tape'"):
        store.create()


# ---- uploads ---------------------------------------------------------------


class Odd(BytesSource):
    """A source that promises another size, or another MD5, than it has."""

    def __init__(self, data: bytes, size: int, md5: str | None = None) -> None:
        super().__init__(data)
        self.size, self.md5 = size, md5


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
def test_a_source_of_another_size_leaves_the_old_object(
    openstack: OpenStack, size: int
) -> None:
    with opened(openstack.make_container(), keystone(openstack, "SWIFT_")) as store:
        put(store, "o", b"old")
        with pytest.raises(SourceError, match="'o'"):
            store.put("o", Odd(DATA, size), PutMode.REPLACE)
        assert store.stat("o").size == 3


def test_bytes_damaged_on_the_way_are_refused(openstack: OpenStack) -> None:
    wrong = hashlib.md5(b"other", usedforsecurity=False).hexdigest()
    with opened(openstack.make_container(), keystone(openstack, "SWIFT_")) as store:
        put(store, "o", b"old")
        with pytest.raises(Unavailable, match="422"):
            store.put("o", Odd(DATA, len(DATA), wrong), PutMode.REPLACE)
        assert store.stat("o").size == 3


def test_without_md5_the_answer_is_compared() -> None:
    """A server that keeps other bytes than it was sent."""
    created = Answer(status=201, headers={"ETag": "0" * 32})
    answers = {"PUT": created, "DELETE": Answer(status=204)}
    with scripted(lambda method, _path: answers[method]) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("c", env) as store, pytest.raises(Unavailable, match="damaged"):
            store.put("o", Odd(b"abc", 3), PutMode.REPLACE)
    assert server.asked == ["PUT /c/o", "DELETE /c/o"]


def test_too_large_an_object_is_refused_before_it_is_sent() -> None:
    with scripted(lambda _method, _path: Answer(status=500)) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("c", env) as store, pytest.raises(StoreError, match="too many"):
            store.put("o", Odd(b"", MAX_BYTES + 1), PutMode.CREATE)
    assert server.asked == []


def test_a_newer_object_wins_over_a_create() -> None:
    with scripted(lambda _method, _path: Answer(status=202)) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("c", env) as store, pytest.raises(AlreadyExists):
            put(store, "o")


def test_a_create_that_is_cut_off_tells_whether_the_name_is_taken(
    openstack: OpenStack, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(openstack.swift_port)
    region = openstack.region_at(proxy.port)
    env = keystone(openstack, "SWIFT_", REGIONNAME=region)
    with opened(openstack.make_container(), env) as store:
        put(store, "taken", b"old")
        for name, error in (("taken", AlreadyExists), ("free", Unavailable)):
            proxy.faults = Faults(cut_up_after_bytes=1_000_000, first_connections=1)
            with pytest.raises(error):
                put(store, name, DATA)
        assert [e.name for e in store.list()] == ["taken"]


# ---- broken lines and unkind answers -----------------------------------------


def test_a_download_that_is_cut_raises(
    openstack: OpenStack, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(openstack.swift_port)
    region = openstack.region_at(proxy.port)
    env = keystone(openstack, "SWIFT_", REGIONNAME=region)
    with opened(openstack.make_container(), env) as store:
        put(store, "o", DATA)
        proxy.faults = Faults(cut_after_bytes=1_000_000)
        with store.get("o") as stream, pytest.raises(Unavailable, match="'o'"):
            stream.read()
        with store.get("o") as stream, pytest.raises(Unavailable, match="'o'"):
            shutil.copyfileobj(stream, io.BytesIO(), 100_000)
        proxy.faults = Faults()
        with store.get("o") as stream:
            assert stream.read() == DATA


def test_a_silent_server_is_given_up(
    openstack: OpenStack, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(openstack.swift_port)
    region = openstack.region_at(proxy.port)
    env = keystone(openstack, "SWIFT_", REGIONNAME=region)
    with opened(openstack.make_container(), env, timeout_s=1.0) as store:
        put(store, "o", DATA)
        proxy.faults = Faults(stall_after_bytes=1_000_000)
        with store.get("o") as stream, pytest.raises(Unavailable):
            stream.read()
        proxy.faults = Faults(blackhole=True)
        with pytest.raises(Unavailable):
            store.list()


def test_a_server_that_ends_early_without_an_error() -> None:
    """The body ends where the connection is closed, in good order."""
    short = Answer(status=200, headers={"Content-Length": "10", "Connection": "close"})
    with scripted(lambda _method, _path: short) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with (
            opened("c", env) as store,
            store.get("o") as stream,
            pytest.raises(Unavailable, match="'o'"),
        ):
            stream.read()


def test_streams_do_not_disturb_other_calls(openstack: OpenStack) -> None:
    with opened(openstack.make_container(), keystone(openstack, "SWIFT_")) as store:
        put(store, "o", DATA)
        put(store, "p", b"p")
        with store.get("o") as first, store.get("o") as second:
            half = first.read(1_500_000)
            assert store.stat("p").size == 1
            assert second.read() == DATA
            assert half + first.read() == DATA
        with store.get("o") as unread:
            assert unread.read(1) == DATA[:1]
        assert [e.name for e in store.list()] == ["o", "p"]


@pytest.mark.parametrize(
    ("status", "error", "wait_s"),
    [
        (403, Denied, None),
        (408, Unavailable, None),
        (409, Unavailable, None),
        (413, Full, None),
        (429, RateLimited, 7.0),
        (498, RateLimited, 7.0),
        (500, Unavailable, None),
        (503, Unavailable, 7.0),
        (507, Full, None),
        (418, StoreError, None),
    ],
)
def test_each_call_is_made_once_and_its_status_translated(
    status: int, error: type[StoreError], wait_s: float | None
) -> None:
    headers = {"Retry-After": "7"} if wait_s else {}
    answer = Answer(status=status, headers=headers)
    with scripted(lambda _method, _path: answer) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="hush")
        with opened("c", env) as store:
            for call in (
                store.list,
                lambda: store.get("o"),
                lambda: store.stat("o"),
                lambda: store.delete("o"),
                lambda: store.put("o", BytesSource(b"x"), PutMode.REPLACE),
            ):
                with pytest.raises(error) as caught:
                    call()
                assert type(caught.value) is error
                assert caught.value.wait_s == wait_s
                assert caught.value.hint
                assert str(status) in str(caught.value)
                assert "hush" not in str(caught.value) + caught.value.hint
    assert len(server.asked) == 5


@pytest.mark.parametrize("body", [b"", b"[{", b"<html>"])
def test_a_listing_that_cannot_be_read_is_not_empty(body: bytes) -> None:
    answer = Answer(status=200, body=body)
    with scripted(lambda _method, _path: answer) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("c", env) as store, pytest.raises(StoreError):
            store.list()


def test_a_listing_that_repeats_itself_is_an_error() -> None:
    row = b'[{"name": "o", "bytes": 1, "hash": "x"}]'
    with scripted(lambda _method, _path: Answer(status=200, body=row)) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("c", env) as store, pytest.raises(Unavailable, match="repeats"):
            store.list()
    assert len(server.asked) == 2


def test_a_missing_object_is_told_from_a_missing_container() -> None:
    answers = {"GET": Answer(status=404), "HEAD": Answer(status=204)}
    with scripted(lambda method, _path: answers[method]) as server:
        env = variables("SWIFT_", PREAUTHURL=server.url, PREAUTHTOKEN="t")
        with opened("c", env) as store, pytest.raises(NotFound):
            store.get("o")
    assert server.asked == ["GET /c/o", "HEAD /c"]
