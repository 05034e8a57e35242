"""What is special about WebDAV: logins, TLS, odd servers, broken lines."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import variables
from tests.scripted import Answer, scripted
from tests.store_servers import Folder
from tests.stores import assert_a_backup_comes_back, put, read
from tiered.backends import webdav as webdav_module
from tiered.backends.webdav import webdav_store
from tiered.backends.webdav.access import read_access
from tiered.backends.webdav.store import WebdavStore
from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    Full,
    MissingDependency,
    NotFound,
    RateLimited,
    SourceError,
    StoreError,
    TieredError,
    Unavailable,
)
from tiered.names import RESERVED_END
from tiered.store import Entry, PutMode
from tiered.testing.sources import BytesSource, TornSource
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(9_000_000))


@contextmanager
def opened(
    server: Folder, folder: str = "", *, authorities: Path | None = None
) -> Iterator[WebdavStore]:
    scheme = "webdavs" if authorities else "webdav"
    url = parse_url(f"{scheme}://{server.user}@127.0.0.1:{server.port}/{folder}")
    env = variables("FTP_", PASSWORD=server.password)
    file = str(authorities) if authorities and authorities.exists() else None
    with closing(webdav_store(url, env, timeout_s=5.0, authorities=file)) as store:
        yield store


# ---- another server than that of the contract suite ------------------------------


@pytest.mark.parametrize("fixture", ["webdav", "webdav_digest"])
def test_objects_come_back(fixture: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(fixture)
    with opened(server, server.new_folder()) as store:
        put(store, "a b/c%20d/é", DATA)
        put(store, "empty", b"")
        assert store.list() == (Entry("a b/c%20d/é", len(DATA)), Entry("empty", 0))
        assert read(store, "a b/c%20d/é") == DATA
        assert store.get_range("a b/c%20d/é", 5_000_000, 7) == DATA[5_000_000:5_000_007]
        with pytest.raises(AlreadyExists):
            put(store, "empty")
        store.put("empty", BytesSource(b"full"), PutMode.REPLACE)
        assert read(store, "empty") == b"full"
        store.delete("empty")
        with pytest.raises(NotFound):
            store.stat("empty")


@pytest.mark.parametrize("fixture", ["webdav", "webdav_digest"])
def test_a_wrong_password_is_denied_and_not_shown(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    server = replace(request.getfixturevalue(fixture), password="wr0ng")
    with opened(server) as store, pytest.raises(Denied) as caught:
        store.list()
    assert "FTP_PASSWORD" in caught.value.hint
    assert "wr0ng" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


def test_a_failed_upload_leaves_no_part_file(webdav: Folder) -> None:
    folder = webdav.new_folder()
    with opened(webdav, folder) as store:
        for mode in PutMode:
            with pytest.raises(SourceError):
                store.put("a", TornSource(DATA), mode)
        (webdav.data / folder / f".01{RESERVED_END}").write_bytes(b"of another one")
        assert store.list() == ()
    left = [file.name for file in (webdav.data / folder).iterdir()]
    assert left == [f".01{RESERVED_END}"]


def test_a_folder_is_no_object_and_is_not_deleted(webdav: Folder) -> None:
    with opened(webdav, webdav.new_folder()) as store:
        put(store, "a/b")
        for call in (store.stat, store.delete):
            with pytest.raises(NotFound):
                call("a")
        assert store.list() == (Entry("a/b", 1),)


# ---- lines that break --------------------------------------------------------------


def test_tls_needs_a_certificate_that_is_known(
    webdavs: Folder, certificate: Path, tmp_path: Path
) -> None:
    with opened(webdavs, authorities=certificate) as store:
        put(store, "by-tls", DATA)
        assert read(store, "by-tls") == DATA
    none = tmp_path / "none"
    with (
        opened(webdavs, authorities=none) as store,
        pytest.raises(StoreError) as caught,
    ):
        store.list()
    assert "--ssl-cacert-file" in caught.value.hint


def test_an_unreachable_server(
    webdav: Folder, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(webdav.port)
    proxy.faults = Faults(refuse=True)
    server = replace(webdav, port=proxy.port)
    with opened(server) as store, pytest.raises(Unavailable, match="webdav://127"):
        store.list()


def test_a_cut_line_is_no_end(
    webdav: Folder, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(webdav.port), webdav.new_folder()
    with opened(replace(webdav, port=proxy.port), folder) as store:
        put(store, "a", DATA)
        proxy.faults = Faults(cut_after_bytes=500_000, first_connections=1)
        with pytest.raises(Unavailable):
            read(store, "a")
        assert read(store, "a") == DATA
        proxy.faults = Faults(cut_up_after_bytes=500_000)
        with pytest.raises(Unavailable):
            put(store, "b", DATA)
        proxy.faults = Faults()
        assert store.list() == (Entry("a", len(DATA)),)


# ---- answers that real servers rarely give -----------------------------------------

HERE = "<D:response><D:href>/f/</D:href>{}</D:response>".format(
    "<D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop>"
    "</D:propstat>"
)


def multistatus(*responses: str) -> Answer:
    inside = "".join((HERE, *responses))
    text = (
        f'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">{inside}</D:multistatus>'
    )
    return Answer(status=207, body=text.encode())


def file_row(href: str, size: str = "1", more: str = "") -> str:
    length = f"<D:getcontentlength>{size}</D:getcontentlength>"
    prop = f"<D:propstat><D:prop>{length}<D:resourcetype/></D:prop></D:propstat>"
    return f"<D:response><D:href>{href}</D:href>{more}{prop}</D:response>"


@contextmanager
def answering(answer: Callable[[str, str], Answer]) -> Iterator[WebdavStore]:
    with scripted(answer) as server:
        url = server.url.replace("http", "webdav", 1) + "/f"
        with closing(webdav_store(parse_url(url), {}, timeout_s=5.0)) as store:
            yield store


def test_hrefs_may_be_whole_urls_and_badly_quoted() -> None:
    rows = file_row("http://other.example/f/a%20b"), file_row("/f/c?d=e#f")
    with answering(lambda *_: multistatus(*rows)) as store:
        assert store.list() == (Entry("a b", 1), Entry("c?d=e#f", 1))


@pytest.mark.parametrize(
    "row",
    [
        file_row("/other/a"),
        file_row("/f/a", size=""),
        file_row("/f/a", more="<D:status>HTTP/1.1 403 Forbidden</D:status>"),
    ],
)
def test_a_listing_that_does_not_tell_all_is_an_error(row: str) -> None:
    with answering(lambda *_: multistatus(row)) as store, pytest.raises(StoreError):
        store.list()


def test_a_listing_that_ends_early_is_an_error() -> None:
    whole = multistatus(file_row("/f/a"))
    cut = replace(whole, body=whole.body[:-9])
    with answering(lambda *_: cut) as store, pytest.raises(Unavailable):
        store.list()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, StoreError),
        (301, ConfigError),
        (403, Denied),
        (405, StoreError),
        (413, StoreError),
        (423, Unavailable),
        (429, RateLimited),
        (503, Unavailable),
        (507, Full),
    ],
)
def test_statuses(status: int, kind: type[Exception]) -> None:
    def answer(method: str, _: str) -> Answer:
        if method == "PROPFIND":
            return multistatus()
        return Answer(status=status, headers={"Retry-After": "7"})

    with answering(answer) as store, pytest.raises(TieredError) as caught:
        store.put("a", BytesSource(b"x"), PutMode.REPLACE)
    assert type(caught.value) is kind
    assert caught.value.wait_s == 7.0
    assert caught.value.hint


def test_a_range_from_a_server_that_knows_none() -> None:
    def answer(method: str, _: str) -> Answer:
        whole = Answer(status=200, body=DATA)
        return whole if method == "GET" else multistatus()

    with answering(answer) as store:
        assert store.get_range("a", 600_000, 5) == DATA[600_000:600_005]
        with pytest.raises(StoreError, match="ends before"):
            store.get_range("a", len(DATA) - 2, 5)


# ---- URLs and the command line -----------------------------------------------------


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("webdav://h", "http://h/"),
        ("webdav://u@h:81//a//b%20c/", "http://h:81/a/b%20c/"),
        ("webdavs://h/a", "https://h/a/"),
        ("lftp+webdavs://h/a", "https://h/a/"),
        ("https://h/a", "https://h/a/"),
        ("http://h/a", "http://h/a/"),
    ],
)
def test_where_a_url_leads(url: str, root: str) -> None:
    assert read_access(parse_url(url), {}).root == root


def test_no_password_is_sent_without_a_user() -> None:
    env = variables("FTP_", PASSWORD="hush")
    assert read_access(parse_url("webdav://h/a"), env).password is None


@pytest.mark.parametrize("url", ["webdav:///folder", "webdav://h/f?a=b"])
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        read_access(parse_url(url), {})


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdav_module, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match="requests") as caught:
        webdav_store(parse_url("webdav://host/folder"), {}, timeout_s=1.0)
    assert "tiered[webdav]" in caught.value.hint


def test_a_backup_comes_back(
    webdavs: Folder, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_PASSWORD", webdavs.password)
    folder = webdavs.new_folder()
    url = f"webdavs://{webdavs.user}@127.0.0.1:{webdavs.port}/{folder}"
    assert_a_backup_comes_back(url, tmp_path, DATA, f"--ssl-cacert-file={certificate}")
