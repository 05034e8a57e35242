"""What is special about Azure: tiers, blocks, connection strings, broken lines."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import variables
from tests.store_servers import Azure
from tests.stores import put, read
from tiered.backends import azure as azure_module
from tiered.backends.azure import azure_store
from tiered.backends.azure.access import account_of, read_place
from tiered.backends.azure.store import AzureStore
from tiered.cli.main import main
from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    Frozen,
    MissingDependency,
    TieredError,
    Unavailable,
)
from tiered.store import Warmth
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(20_000_000))
"""More than two blocks."""


def new_container() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@contextmanager
def opened(
    server: Azure, container: str = "", tier: str | None = None
) -> Iterator[AzureStore]:
    """A new container, unless one is named."""
    store = azure_store(
        parse_url(f"azure://{container or new_container()}"),
        variables("AZURE_", CONNECTION_STRING=server.connection_string),
        timeout_s=10.0,
        tier=tier,
    )
    with closing(store):
        if not container:
            store.create()
        yield store


# ---- accounts --------------------------------------------------------------------


def test_a_wrong_key_is_denied_and_not_shown(azure: Azure) -> None:
    server = replace(azure, key="d3Jvbmc=")
    with opened(server, "container") as store, pytest.raises(Denied) as caught:
        store.list()
    assert "AZURE_CONNECTION_STRING" in caught.value.hint
    assert "d3Jvbmc=" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


def test_an_unreachable_endpoint(
    azure: Azure, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(azure.port)
    proxy.faults = Faults(refuse=True)
    server = replace(azure, port=proxy.port)
    with opened(server, "box") as store, pytest.raises(Unavailable, match="azure://b"):
        store.list()
    assert proxy.seen == 1


def test_a_container_that_cannot_be_named_so(azure: Azure) -> None:
    with opened(azure, "No") as store, pytest.raises(TieredError):
        store.create()


@pytest.mark.parametrize("text", ["hush", "AccountKey=hush", "AccountName=a;hush"])
def test_a_connection_string_that_cannot_be_read(text: str) -> None:
    env = variables("AZURE_", CONNECTION_STRING=text)
    with pytest.raises(ConfigError) as caught:
        azure_store(parse_url("azure://box"), env, timeout_s=1.0)
    assert "hush" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("url", ["azure://", "azure:///", "azure://box?a=b"])
def test_urls_that_are_refused(url: str) -> None:
    env = variables("AZURE_", CONNECTION_STRING="x")
    with pytest.raises(ConfigError):
        read_place(parse_url(url), env)


def test_what_is_needed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    url = parse_url("azure:///box/a/b")
    with pytest.raises(ConfigError, match="AZURE_CONNECTION_STRING"):
        azure_store(url, {}, timeout_s=1.0)
    env = variables("AZURE_STORAGE_", CONNECTION_STRING="x")
    assert read_place(url, env).prefix == "a/b/"
    with pytest.raises(ConfigError, match="no access tier"):
        azure_store(url, env, timeout_s=1.0, tier="Lukewarm")
    monkeypatch.setattr(azure_module, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match="azure-storage-blob") as caught:
        azure_store(url, env, timeout_s=1.0)
    assert "tiered[azure]" in caught.value.hint


def test_accounts_are_told_apart_without_their_keys(azure: Azure) -> None:
    one = variables("AZURE_", CONNECTION_STRING=azure.connection_string)
    other_key = replace(azure, key="bmV3").connection_string
    assert account_of(one) == account_of(
        variables("AZURE_", CONNECTION_STRING=other_key)
    )
    assert account_of(one) == azure.account
    assert account_of({}) == ""


# ---- blocks and lines --------------------------------------------------------------


def test_a_large_object_in_blocks(azure: Azure) -> None:
    with opened(azure) as store:
        put(store, "big", DATA)
        put(store, "small", b"x")
        entries = {entry.name: entry for entry in store.list()}
        assert entries["big"].md5 is None
        assert entries["small"].md5 == "9dd4e461268c8034f5c8564e155c67a6"
        assert read(store, "big") == DATA
        with pytest.raises(AlreadyExists):
            put(store, "big", DATA)


def test_a_cut_line_is_no_end(
    azure: Azure, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(azure.port)
    with opened(replace(azure, port=proxy.port)) as store:
        put(store, "a", DATA)
        proxy.faults = Faults(cut_after_bytes=12_000_000)  # in the second block
        assert read(store, "a") == DATA  # the SDK asks for that once more
        proxy.faults = Faults(cut_after_bytes=5_000_000)
        with pytest.raises(Unavailable):
            read(store, "a")
        proxy.faults = Faults(cut_up_after_bytes=12_000_000)
        with pytest.raises(Unavailable):
            put(store, "b", DATA)
        proxy.faults = Faults()
        assert [entry.name for entry in store.list()] == ["a"]


# ---- tiers -------------------------------------------------------------------------


def test_a_thaw_takes_its_time_and_is_asked_for_once(azure: Azure) -> None:
    with opened(azure, tier="archive") as store:
        put(store, "a", b"cold")
        thaw = store.extras.thaw
        assert thaw
        thaw.thaw(["a"])
        thaw.thaw(["a"])
        azure.move_clock(14 * 3600)
        assert thaw.frost(["a"])["a"].warmth is Warmth.THAWING
        with pytest.raises(Frozen):
            read(store, "a")
        azure.move_clock(2 * 3600)
        assert thaw.frost(["a"])["a"].warmth is Warmth.WARM
        assert read(store, "a") == b"cold"


def test_only_volumes_are_archived(
    azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CONNECTION_STRING", azure.connection_string)
    container, source = new_container(), tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(DATA)
    with opened(azure, container) as store:
        store.create()
    words = ["full", str(source), f"azure://{container}/set"]
    words += ["--azure-blob-tier", "archive", f"--archive-dir={tmp_path / 'cache'}"]
    assert main([*words, "--no-encryption", "-v0"]) == 0
    string = azure.connection_string
    with ContainerClient.from_connection_string(string, container) as client:
        tiers = {blob.name: blob.blob_tier for blob in client.list_blobs()}
    assert {t == "Archive" for n, t in tiers.items() if "difftar" in n} == {True}
    assert {t == "Archive" for n, t in tiers.items() if "difftar" not in n} == {False}
