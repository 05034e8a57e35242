"""What is special about Backblaze B2: keys, versions, parts, addresses of uploads."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from b2sdk.v3 import B2Api, InMemoryAccountInfo
from b2sdk.v3.exception import UnknownError

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import b2_variables, variables
from tests.cloud_servers import B2
from tests.stores import assert_a_backup_comes_back, read
from tiered.backends import b2 as b2_module
from tiered.backends.b2 import b2_store, failures
from tiered.backends.b2.access import read_access
from tiered.backends.b2.store import B2Store
from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    MissingDependency,
    NotFound,
    SourceError,
    StoreError,
    Unavailable,
)
from tiered.store import PutMode
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource, TornSource
from tiered.url import parse_url
from tiered.wrap.patience import RetryPolicy
from tiered.wrap.retry import Retrying

DATA = bytes(i % 251 for i in range(12_000_000))
"""Three parts, the last one smaller."""
SINGLE_BYTES = 8_000_000


@contextmanager
def opened(
    server: B2,
    bucket: str = "",
    *,
    hide: bool = False,
    prefix: str = "",
    changed: Mapping[str, str] | None = None,
) -> Iterator[B2Store]:
    """A new bucket, unless one is named."""
    store = b2_store(
        parse_url(f"b2://{bucket or server.new_name()}{prefix}"),
        b2_variables(server, **(changed or {})),
        timeout_s=10.0,
        hide=hide,
        single_bytes=SINGLE_BYTES,
    )
    with closing(store):
        if not bucket:
            store.create()
        yield store


def put(store: B2Store, name: str, data: bytes = b"x", *, again: bool = False) -> None:
    mode = PutMode.REPLACE if again else PutMode.CREATE
    store.put(name, BytesSource(data), mode)


def api(server: B2) -> Any:  # the SDK ships no types
    """The account, as Backblaze's own tools see it."""
    found = B2Api(InMemoryAccountInfo())
    found.authorize_account(server.key_id, server.key, realm=server.url)
    return found


def versions(server: B2, bucket: str) -> list[tuple[str, str]]:
    """Name and action of each, the newest of a name first."""
    found = api(server).get_bucket_by_name(bucket)
    listed = found.ls(latest_only=False, recursive=True)
    return [(version.file_name, version.action) for version, _ in listed]


def new_key(
    server: B2, bucket: str, prefix: str | None = None, may: str = ""
) -> dict[str, str]:
    """A key for that bucket alone, as the settings of a store."""
    account = api(server)
    allowed = may.split() or ["listFiles", "readFiles", "writeFiles", "deleteFiles"]
    ids = [account.get_bucket_by_name(bucket).id_]
    key = account.create_key(allowed, "key", None, ids, prefix)
    return {"APPLICATION_KEY_ID": key.id_, "APPLICATION_KEY": key.application_key}


# ---- keys --------------------------------------------------------------------------


def test_a_wrong_key_is_denied_and_not_shown(b2: B2) -> None:
    with (
        opened(b2, "box", changed={"APPLICATION_KEY": "hush"}) as store,
        pytest.raises(Denied, match="login was refused") as caught,
    ):
        store.list()
    assert "B2_APPLICATION_KEY" in caught.value.hint
    assert "hush" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


def test_a_key_for_one_bucket_and_one_prefix(b2: B2) -> None:
    bucket = b2.new_name()
    with opened(b2, bucket) as store:
        store.create()
        put(store, "other/secret")
    key = new_key(b2, bucket, "mine/")
    with opened(b2, bucket, prefix="/mine", changed=key) as store:
        for data in (b"small", DATA):
            put(store, "a", data, again=True)
            assert read(store, "a") == data
        assert [entry.name for entry in store.list()] == ["a"]
        store.delete("a")
        assert store.list() == ()
        assert not store.create()
    with (
        opened(b2, bucket, prefix="/other", changed=key) as store,
        pytest.raises(Denied, match="for other names") as caught,
    ):
        store.list()
    assert "mine/" in caught.value.hint
    with (
        opened(b2, "test-another", prefix="/mine", changed=key) as store,
        pytest.raises(Denied, match="for other buckets"),
    ):
        store.list()


def test_a_key_that_may_not_do_that(b2: B2) -> None:
    bucket = b2.new_name()
    with opened(b2, bucket) as store:
        store.create()
        put(store, "a")
    key = new_key(b2, bucket, may="listFiles readFiles")
    with opened(b2, bucket, changed=key) as store:
        assert read(store, "a") == b"x"
        calls: tuple[Callable[[], None], ...] = (
            lambda: put(store, "b"),
            lambda: put(store, "b", DATA),
            lambda: store.delete("a"),
        )
        for call in calls:
            with pytest.raises(Denied):
                call()


def test_a_token_that_ended_is_renewed(b2: B2) -> None:
    with opened(b2) as store:
        put(store, "a")
        b2.expire_tokens()
        put(store, "b")  # the address of the upload has ended, too
        b2.expire_tokens()
        put(store, "big", DATA)
        b2.expire_tokens()
        assert read(store, "big") == DATA
        b2.expire_tokens()
        assert [entry.name for entry in store.list()] == ["a", "b", "big"]


def test_an_unreachable_server(
    b2: B2, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(b2.port)
    proxy.faults = Faults(refuse=True)
    at = f"http://127.0.0.1:{proxy.port}"
    with (
        opened(b2, "box", changed={"ENVIRONMENT": at}) as store,
        pytest.raises(Unavailable, match="b2://box"),
    ):
        store.list()
    assert proxy.seen == 1


@pytest.mark.parametrize("url", ["b2://", "b2:///", "b2://box?a=b", "b2://box:1"])
def test_urls_that_are_refused(url: str) -> None:
    env = variables("B2_", APPLICATION_KEY_ID="a", APPLICATION_KEY="b")
    with pytest.raises(ConfigError):
        read_access(parse_url(url), env)


@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("b2://id:ke%2Fy@box/a/b/", {}),
        ("b2://id@box/a/b", {"BACKEND_PASSWORD": "ke/y", "FTP_PASSWORD": "no"}),
        ("b2://id@box/a/b", {"FTP_PASSWORD": "ke/y"}),
        ("b2://box/a/b", {"B2_ACCOUNT_ID": "id", "B2_ACCOUNT_KEY": "ke/y"}),
        (
            "b2:///box/a/b",
            {"B2_APPLICATION_KEY_ID": "id", "B2_APPLICATION_KEY": "ke/y"},
        ),
    ],
)
def test_logins_as_duplicity_and_others_have_them(
    url: str, env: Mapping[str, str]
) -> None:
    access = read_access(parse_url(url), variables("", **env))
    assert (access.bucket, access.prefix) == ("box", "a/b/")
    assert (access.key_id, access.key.reveal()) == ("id", "ke/y")
    assert access.realm == "production"


def test_a_key_that_is_not_quoted_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        parse_url("b2://id:hush/key@box/a")
    assert "hush" not in f"{caught.value}{caught.value.hint}"
    assert "%2F" in caught.value.hint


def test_what_is_needed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="B2_APPLICATION_KEY_ID is not set"):
        b2_store(parse_url("b2://box"), {}, timeout_s=1.0)
    with pytest.raises(ConfigError, match="B2_APPLICATION_KEY is not set"):
        b2_store(parse_url("b2://id@box"), {}, timeout_s=1.0)
    monkeypatch.setattr(b2_module, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match="b2sdk") as caught:
        b2_store(parse_url("b2://id:key@box"), {}, timeout_s=1.0)
    assert "tiered[b2]" in caught.value.hint


# ---- versions ----------------------------------------------------------------------


def test_what_is_replaced_leaves_no_version(b2: B2) -> None:
    bucket = b2.new_name()
    with opened(b2, bucket) as store:
        store.create()
        for data in (b"1", DATA, b"3"):
            put(store, "a", data, again=True)
        put(store, "ab")
        assert versions(b2, bucket) == [("a", "upload"), ("ab", "upload")]
        assert read(store, "a") == b"3"


def test_what_is_deleted_uncovers_nothing(b2: B2) -> None:
    bucket = b2.new_name()
    with opened(b2, bucket) as store:
        store.create()
        theirs = api(b2).get_bucket_by_name(bucket)
        for data in (b"1", b"2"):  # by a program that leaves versions
            theirs.upload_bytes(data, "a")
        theirs.hide_file("a")
        theirs.upload_bytes(b"3", "a")
        theirs.upload_bytes(b"4", "ab")
        store.delete("a")
        assert versions(b2, bucket) == [("ab", "upload")]
        with pytest.raises(NotFound):
            store.delete("a")


def test_what_is_hidden_can_be_found_again(b2: B2) -> None:
    bucket = b2.new_name()
    with opened(b2, bucket, hide=True) as store:
        store.create()
        put(store, "a", b"1")
        put(store, "a", b"2", again=True)
        store.delete("a")
        for missing in (store.delete, store.get, store.stat):
            with pytest.raises(NotFound):
                missing("a")
        assert store.list() == ()
        assert versions(b2, bucket) == [("a", "hide"), ("a", "upload"), ("a", "upload")]
        put(store, "a", b"3")  # a hidden name is free
        assert read(store, "a") == b"3"


# ---- uploads and lines -------------------------------------------------------------


def test_a_large_object_in_parts(b2: B2) -> None:
    bucket = b2.new_name()
    with opened(b2, bucket) as store:
        store.create()
        put(store, "big", DATA)
        put(store, "small", b"x")
        entries = {entry.name: entry for entry in store.list()}
        assert entries["big"].md5 is None
        assert entries["small"].md5 == "9dd4e461268c8034f5c8564e155c67a6"
        assert entries["big"].size == len(DATA)
        assert read(store, "big") == DATA
        assert store.get_range("big", 11_999_000, 1000) == DATA[11_999_000:]
        with pytest.raises(StoreError, match="ends before"):
            store.get_range("big", 12_000_000, 1)
        with pytest.raises(AlreadyExists):
            put(store, "big", DATA)
        with pytest.raises(SourceError):
            store.put("torn", TornSource(DATA), PutMode.CREATE)
        assert versions(b2, bucket) == [("big", "upload"), ("small", "upload")]


@pytest.mark.parametrize("size", [1000, len(DATA)])
def test_an_address_that_fails_is_given_up(b2: B2, size: int) -> None:
    data = DATA[:size]
    with opened(b2) as store:
        put(store, "first", data)
        b2.break_uploads(2)
        with pytest.raises(Unavailable, match="ServiceError"):
            put(store, "a", data)
        again = Retrying(store, RetryPolicy(), JumpingClock(), Random(1))
        again.put("a", BytesSource(data), PutMode.CREATE)
        assert read(store, "a") == data


def test_a_cut_line_is_no_end(b2: B2, fault_proxy: Callable[[int], FaultProxy]) -> None:
    proxy = fault_proxy(b2.port)
    with opened(b2) as store:
        put(store, "a", DATA)
        bucket = store.label.removeprefix("b2://")
        # the server tells its own address at the login: only that passes the proxy
        moved = store._bucket.session.account_info
        moved._download_url = f"http://127.0.0.1:{proxy.port}"
        proxy.faults = Faults(cut_after_bytes=5_000_000)
        with pytest.raises(Unavailable):
            read(store, "a")
        proxy.faults = Faults(cut_after_bytes=5_000_000, first_connections=1)
        again = Retrying(store, RetryPolicy(), JumpingClock(), Random(1))
        with again.get("a") as stream:
            assert stream.read() == DATA
        assert versions(b2, bucket) == [("a", "upload")]


def test_what_the_sdk_does_not_know_tells_what_to_do() -> None:
    with pytest.raises(StoreError) as caught, failures.as_ours("it"):
        raise UnknownError("hush")
    assert type(caught.value) is StoreError
    assert caught.value.hint
    assert "hush" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


# ---- the program -------------------------------------------------------------------


def test_a_backup_by_the_url_of_duplicity(
    b2: B2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("B2_ENVIRONMENT", b2.url)
    url = f"b2://{b2.key_id}:{b2.key}@{b2.new_name()}/folder/"
    assert_a_backup_comes_back(url, tmp_path, DATA)
