"""What is special about Google Cloud Storage: logins, chunks, classes, broken lines."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest
import requests

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import gs_variables, variables
from tests.cloud_servers import Gs
from tests.stores import put, read
from tiered.backends import gs as gs_module
from tiered.backends.gs import gs_store
from tiered.backends.gs.access import read_key, read_place
from tiered.backends.gs.store import GsStore
from tiered.cli.main import main
from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    MissingDependency,
    NotFound,
    StoreError,
    TieredError,
    Unavailable,
)
from tiered.store import PutMode
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource
from tiered.url import parse_url
from tiered.wrap.patience import RetryPolicy
from tiered.wrap.retry import Retrying

DATA = bytes(i % 251 for i in range(20_000_000))
CHUNK_BYTES = 4 << 20
"""Of which DATA is some."""


@contextmanager
def opened(
    server: Gs,
    bucket: str = "",
    *,
    storage_class: str | None = None,
    **changed: str,
) -> Iterator[GsStore]:
    """A new bucket, unless one is named."""
    store = gs_store(
        parse_url(f"gs://{bucket or server.new_bucket()}"),
        gs_variables(server, **changed),
        timeout_s=10.0,
        storage_class=storage_class,
        chunk_bytes=CHUNK_BYTES,
    )
    with closing(store):
        yield store


def classes(server: Gs, bucket: str) -> dict[str, str]:
    at = f"http://127.0.0.1:{server.inner_port}/storage/v1/b/{bucket}/o"
    found = requests.get(at, timeout=30).json()["items"]
    return {item["name"]: item["storageClass"] for item in found}


# ---- logins ------------------------------------------------------------------------


def other_key(server: Gs, tmp_path: Path, **changed: str) -> str:
    """The path of a key file that differs from the one of the server."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(json.loads(server.key_file.read_text()) | changed))
    return str(file)


def test_a_key_that_is_not_known_is_denied_and_not_shown(
    gs: Gs, tmp_path: Path
) -> None:
    key = other_key(gs, tmp_path, client_email="somebody@tiered.example")
    with (
        opened(gs, "bucket", GOOGLE_APPLICATION_CREDENTIALS=key) as store,
        pytest.raises(Denied, match="login was refused") as caught,
    ):
        store.list()
    assert "GOOGLE_APPLICATION_CREDENTIALS" in caught.value.hint
    assert "signature" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


def test_a_token_that_ended_is_renewed(gs: Gs) -> None:
    with opened(gs) as store:
        put(store, "a", DATA)
        gs.expire_tokens()
        assert read(store, "a") == DATA
        gs.expire_tokens()
        put(store, "b", DATA)
        assert [entry.name for entry in store.list()] == ["a", "b"]


def test_nobody_is_asked_behind_our_back(
    gs: Gs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a library asks in a thread of its own, nobody sees fail."""
    begun: list[str] = []

    def start(thread: threading.Thread) -> None:
        begun.append(repr(thread))

    monkeypatch.setattr(threading.Thread, "start", start)
    with opened(gs) as store:
        store.put("a", BytesSource(b"abc"), PutMode.CREATE)
        with store.get("a") as stream:
            assert stream.read() == b"abc"
        assert store.list()
        store.delete("a")
        with pytest.raises(NotFound):
            store.get("a")
    assert begun == []


def test_the_key_may_be_the_value_itself(gs: Gs) -> None:
    text = gs.key_file.read_text()
    with opened(gs, GOOGLE_APPLICATION_CREDENTIALS=text) as store:
        assert store.list() == ()


def test_the_environment_of_the_process_does_not_matter(
    gs: Gs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another")
    monkeypatch.setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "another.example")
    with opened(gs) as store:
        put(store, "a")
        assert store.stat("a").size == 1


def test_an_unreachable_server(
    gs: Gs, fault_proxy: Callable[[int], FaultProxy], tmp_path: Path
) -> None:
    proxy = fault_proxy(gs.port)
    at = f"http://127.0.0.1:{proxy.port}"
    with opened(gs, STORAGE_EMULATOR_HOST=at) as store:
        store.list()  # logged in by now
        proxy.faults = Faults(refuse=True)
        with pytest.raises(Unavailable, match="gs://test-"):
            store.list()
        assert proxy.seen == 1
    key = other_key(gs, tmp_path, token_uri=f"{at}/token")
    with (
        opened(gs, "box", GOOGLE_APPLICATION_CREDENTIALS=key) as store,
        pytest.raises(Unavailable, match="login"),
    ):
        store.list()


@pytest.mark.parametrize(
    "text",
    ["{}", "hush", '{"type": "service_account", "private_key": "hush"}', "{hush"],
)
def test_a_key_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    for value in (str(file), text):
        env = variables("GOOGLE_APPLICATION_", CREDENTIALS=value)
        with pytest.raises(ConfigError) as caught:
            gs_store(parse_url("gs://box"), env, timeout_s=1.0)
        shown = f"{caught.value}{caught.value.hint}"
        assert value == "hush" or "hush" not in shown  # that would be its path


@pytest.mark.parametrize(
    "url", ["gs://", "gs:///", "gs://b?a=b", "gs://u@b", "gs://b:1"]
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        read_place(parse_url(url), {})


def test_what_is_needed_is_named(gs: Gs, monkeypatch: pytest.MonkeyPatch) -> None:
    url = parse_url("gs:///box/a/b")
    with pytest.raises(ConfigError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        gs_store(url, {}, timeout_s=1.0)
    env = variables("STORAGE_EMULATOR_", HOST="localhost:1")
    place = read_place(url, env)
    assert (place.bucket, place.prefix) == ("box", "a/b/")
    assert place.endpoint == "http://localhost:1"
    env = gs_variables(gs)
    assert read_key(env)["project_id"] == "tiered"
    with pytest.raises(ConfigError, match="no storage class"):
        gs_store(url, env, timeout_s=1.0, storage_class="Lukewarm")
    monkeypatch.setattr(gs_module, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match="google-cloud-storage") as caught:
        gs_store(url, env, timeout_s=1.0)
    assert "tiered[gs]" in caught.value.hint


# ---- chunks and lines --------------------------------------------------------------


def test_a_large_object_in_chunks(gs: Gs) -> None:
    with opened(gs) as store:
        put(store, "big", DATA)
        assert read(store, "big") == DATA
        assert store.stat("big").md5 == BytesSource(DATA).md5
        with pytest.raises(AlreadyExists):
            put(store, "big", DATA)
        assert store.get_range("big", 19_000_000, 1_000_000) == DATA[19_000_000:]
        with pytest.raises(StoreError, match="ends before"):
            store.get_range("big", 20_000_000, 1)


@pytest.mark.parametrize("size", [1000, len(DATA)])
def test_damaged_bytes_are_refused(gs: Gs, size: int) -> None:
    with opened(gs) as store:
        source = BytesSource(DATA[:size])
        source.md5 = "9dd4e461268c8034f5c8564e155c67a6"
        with pytest.raises(TieredError):
            store.put("a", source, PutMode.CREATE)
        assert store.list() == ()


def test_a_cut_line_is_no_end(gs: Gs, fault_proxy: Callable[[int], FaultProxy]) -> None:
    proxy = fault_proxy(gs.port)
    with opened(gs, STORAGE_EMULATOR_HOST=f"http://127.0.0.1:{proxy.port}") as store:
        put(store, "a", DATA)
        proxy.faults = Faults(cut_after_bytes=5_000_000)
        with pytest.raises(Unavailable):
            read(store, "a")
        proxy.faults = Faults(cut_after_bytes=5_000_000, first_connections=1)
        again = Retrying(store, RetryPolicy(), JumpingClock(), Random(1))
        with again.get("a") as stream:
            assert stream.read() == DATA
        proxy.faults = Faults()
        assert [entry.name for entry in store.list()] == ["a"]


def test_a_cut_upload_leaves_nothing(
    gs: Gs, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(gs.port)
    # chunks of an upload go to the address that the server told, past the proxy
    with opened(gs, STORAGE_EMULATOR_HOST=f"http://127.0.0.1:{proxy.port}") as store:
        proxy.faults = Faults(cut_up_after_bytes=3_000_000)
        with pytest.raises(Unavailable):
            put(store, "b", DATA[:6_000_000])
        proxy.faults = Faults()
        assert store.list() == ()


# ---- classes -----------------------------------------------------------------------


def test_objects_of_every_class_are_read_at_once(gs: Gs) -> None:
    bucket = gs.new_bucket()
    for storage_class in ("nearline", "COLDLINE", "archive"):
        with opened(gs, bucket, storage_class=storage_class) as store:
            put(store, storage_class.lower())
            assert read(store, storage_class.lower()) == b"x"
            assert store.extras.thaw is None
    assert classes(gs, bucket) == {
        "archive": "ARCHIVE",
        "coldline": "COLDLINE",
        "nearline": "NEARLINE",
    }


def test_only_volumes_are_archived(
    gs: Gs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in gs_variables(gs).items():
        monkeypatch.setenv(name, value.reveal())
    bucket, source = gs.new_bucket(), tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(DATA)
    url, cache = f"gs://{bucket}/set", f"--archive-dir={tmp_path / 'cache'}"
    words = ["full", str(source), url, "--gs-storage-class", "archive", cache]
    assert main([*words, "--no-encryption", "-v0"]) == 0
    found = classes(gs, bucket)
    assert {c for n, c in found.items() if "difftar" in n} == {"ARCHIVE"}
    assert {c for n, c in found.items() if "difftar" not in n} == {"STANDARD"}
    words = ["restore", url, str(tmp_path / "target"), cache, "-v0"]
    assert main([*words, "--no-encryption"]) == 0
    assert (tmp_path / "target" / "file").read_bytes() == DATA


def test_a_bucket_that_is_not_there_is_no_missing_object(gs: Gs) -> None:
    with opened(gs, f"test-{uuid.uuid4().hex}") as store:
        with pytest.raises(StoreError, match="no such bucket") as caught:
            store.stat("a")
        assert not isinstance(caught.value, NotFound)
