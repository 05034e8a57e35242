"""What is special about rclone: remotes that others set up, errors that are words."""

import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import variables
from tests.crash.test_disk_full import tiny_disk
from tests.rclone_stores import DATA, ENV, local, opened, sftp, webdav
from tests.store_servers import Folder, Ssh
from tests.stores import assert_a_backup_comes_back, put, read
from tiered.backends.rclone import access, rclone_store
from tiered.backends.rclone.failures import failure
from tiered.errors import (
    ConfigError,
    Denied,
    Frozen,
    Full,
    NotFound,
    StoreError,
    StoreMissing,
    TieredError,
    Unavailable,
)
from tiered.names import RESERVED_END
from tiered.secret import Secret
from tiered.store import Entry, PutMode
from tiered.testing.sources import BytesSource
from tiered.url import parse_url

# ---- remotes -----------------------------------------------------------------


def test_the_users_own_config_is_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    alias = f"[mine]\ntype = alias\nremote = {tmp_path}/data\n"
    (tmp_path / "config").write_text(alias)
    env = ENV | {"RCLONE_CONFIG": Secret(str(tmp_path / "config"))}
    for name, kind in (("mine:", None), ("yours:a", ConfigError)):
        url = parse_url(f"rclone://{name}")
        store = rclone_store(url, env, timeout_s=9.0, scratch=tmp_path)
        with closing(store):
            if kind is None:
                assert store.list() == ()
            else:
                with pytest.raises(kind, match="no such remote"):
                    store.list()


def test_a_wrong_password_is_denied_and_not_shown(
    rclone_webdav: Folder, tmp_path: Path
) -> None:
    settings = webdav(rclone_webdav, password="wr0ng")
    with (
        opened("", settings, tmp_path) as store,
        pytest.raises(Denied, match="refuses it") as caught,
    ):
        store.list()
    told = f"{caught.value}{caught.value.hint}{caught.value.facts}"
    assert "wr0ng" not in told
    assert settings["PASS"] not in told


def test_an_unreachable_server(
    sshd: Ssh, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(sshd.port)
    proxy.faults = Faults(refuse=True)
    for settings in (sftp(sshd, port=proxy.port), sftp(sshd) | {"HOST": "x.invalid"}):
        with opened("", settings, tmp_path) as store, pytest.raises(Unavailable):
            store.list()


@pytest.mark.parametrize(
    ("verb", "after_bytes"), [("list", 1000), ("get", 6000), ("put", 6000)]
)
def test_a_silent_server_is_given_up(
    verb: str,
    after_bytes: int,
    sshd: Ssh,
    tmp_path: Path,
    fault_proxy: Callable[[int], FaultProxy],
) -> None:
    proxy, folder = fault_proxy(sshd.port), sshd.new_folder()
    with opened(folder, sftp(sshd, port=proxy.port), tmp_path, 1.0) as store:
        put(store, "a", DATA)
        calls: Mapping[str, Callable[[], object]] = {
            "list": store.list,
            "get": lambda: read(store, "a"),
            "put": lambda: put(store, "b", DATA),
        }
        proxy.faults = Faults(stall_after_bytes=after_bytes)
        with pytest.raises(Unavailable):
            calls[verb]()


def test_broken_transfers_are_errors(
    sshd: Ssh, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(sshd.port), sshd.new_folder()
    with opened(folder, sftp(sshd, port=proxy.port), tmp_path) as store:
        put(store, "old", DATA)
        proxy.faults = Faults(cut_up_after_bytes=900_000)
        with pytest.raises(Unavailable):
            put(store, "new", DATA)
        with pytest.raises(Unavailable):
            store.put("old", BytesSource(DATA[::-1]), PutMode.REPLACE)
        proxy.faults = Faults(cut_after_bytes=900_000)
        with pytest.raises(Unavailable):
            read(store, "old")
        proxy.faults = Faults()
        assert store.list() == (Entry("old", len(DATA)),)
        assert read(store, "old") == DATA


def test_the_root_is_not_made_with_its_parents_or_by_a_put(tmp_path: Path) -> None:
    with local(tmp_path / "none", tmp_path) as store, pytest.raises(StoreMissing):
        put(store, "a")
    below = local(tmp_path / "none/below", tmp_path)
    with below as store, pytest.raises(StoreMissing, match="above"):
        store.create()
    assert not (tmp_path / "none").exists()


def test_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    with tiny_disk(folder, 1 << 20), local(folder, tmp_path) as store:
        with pytest.raises(Full, match="no space"):
            put(store, "big", DATA)
        assert store.list() == ()
        put(store, "small")


def test_a_folder_that_may_not_be_read_is_no_empty_one(
    sshd: Ssh, tmp_path: Path
) -> None:
    folder = sshd.data / sshd.new_folder()
    (folder / "a").write_bytes(b"x")
    (folder / "closed").mkdir(mode=0o700)
    shutil.chown(folder / "a", sshd.data.owner())
    with opened(folder.name, sftp(sshd), tmp_path) as store, pytest.raises(Denied):
        store.list()


def test_an_upload_in_progress_has_another_name(
    sshd: Ssh, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(sshd.port), sshd.data / sshd.new_folder()
    proxy.faults = Faults(rate_bytes_per_s=3_000_000)
    seen = set[str]()
    with opened(folder.name, sftp(sshd, port=proxy.port), tmp_path) as store:
        uploading = threading.Thread(target=put, args=(store, "a", DATA))
        uploading.start()
        while uploading.is_alive():
            seen |= {path.name for path in folder.iterdir()}
        uploading.join()
        part = next(name for name in seen if name != "a")
        assert part.endswith(RESERVED_END)
        (folder / part).write_bytes(b"left behind")
        assert store.list() == (Entry("a", len(DATA)),)


def test_a_folder_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with local(tmp_path / "data", tmp_path) as store:
        put(store, "a/b")
        for call in (store.get, store.stat, store.delete):
            with pytest.raises(NotFound):
                call("a")
        for name in ("a", "a/b/c"):
            with pytest.raises(StoreError):
                put(store, name)
        assert read(store, "a/b") == b"x"


# ---- words, URLs -------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("googleapi: Error 403: storageQuotaExceeded", Full),
        ("write /x: no space left on device", Full),
        ("googleapi: got HTTP response code 429 with body: rateLimit", Unavailable),
        ("503 Service Unavailable", Unavailable),
        ("dial tcp 10.0.0.1:22: i/o timeout", Unavailable),
        ("oauth2: cannot fetch token: invalid_grant", Denied),
        ("api error AccessDenied: Access Denied", Denied),
        ("api error InvalidObjectState: storage class", Frozen),
        ("bucket not found", StoreMissing),
        ("object not found", NotFound),
        ("something new", StoreError),
    ],
)
def test_what_rclone_says(said: str, kind: type[TieredError]) -> None:
    found = failure(500, said, said, "it")
    assert type(found) is kind
    assert found.hint


def test_what_is_shown_of_it_holds_no_secret() -> None:
    env = variables("RCLONE_CONFIG_THERE_", TOKEN="t0ken")
    found = access.read_access(parse_url("rclone://there:a"), env)
    said = 'Get "https://example.org/a?sig=x": odd t0ken'
    assert found.masked(said) == 'Get "(address) odd ***'
    assert "t0ken" not in repr(found)


@pytest.mark.parametrize(
    ("url", "root", "parent"),
    [
        ("rclone://r:", "r:", None),
        ("rclone://r:a", "r:a", None),
        ("rclone://r:/a//b/", "r:a/b", "r:a"),
        ("rclone://r://a/b", "r:/a/b", "r:/a"),
        ("rclone://r://a", "r:/a", "r:/"),
        ("rclone://r://", "r:/", None),
        ("rclone://:local:/a/b", ":local:a/b", ":local:a"),
        ("rclone://my%20drive:a%3Fb", "my drive:a?b", None),
    ],
)
def test_where_a_url_leads(url: str, root: str, parent: str | None) -> None:
    found = access.read_access(parse_url(url), {})
    assert (found.root, found.parent) == (root, parent)


@pytest.mark.parametrize(
    "url", ["rclone://r:a?b=c", "rclone://r:a]", "rclone://r:a/../b", "rclone://r:%0A"]
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        access.read_access(parse_url(url), {})


def test_a_backup_comes_back(
    rclone_webdav: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", ENV["PATH"].reveal())
    monkeypatch.setenv("RCLONE_CONFIG", "")
    for name, value in webdav(rclone_webdav).items():
        monkeypatch.setenv(f"RCLONE_CONFIG_MY_DAV_{name}", value)
    folder = rclone_webdav.new_folder(exists=False)
    url = f"rclone://my_dav:{folder}"
    assert_a_backup_comes_back(url, tmp_path, DATA)
