"""What is special about FTP: TLS, listings of old servers, lines that break."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import variables
from tests.crash.test_disk_full import tiny_disk
from tests.store_servers import Folder
from tests.stores import assert_a_backup_comes_back, put, read
from tiered.backends.ftp import failures, ftp_store
from tiered.backends.ftp.access import Tls, read_access
from tiered.backends.ftp.connection import Connections
from tiered.backends.ftp.listing import Row, of_unix
from tiered.backends.ftp.store import FtpStore
from tiered.errors import (
    ConfigError,
    Denied,
    NotFound,
    SourceError,
    StoreError,
    StoreMissing,
    Unavailable,
)
from tiered.names import RESERVED_END
from tiered.store import Entry, PutMode
from tiered.testing.sources import TornSource
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(9_000_000))


@contextmanager
def opened(
    server: Folder,
    folder: str = "",
    *,
    authorities: Path | None = None,
    scheme: str = "ftp",
    passive: bool = True,
) -> Iterator[FtpStore]:
    url = parse_url(f"{scheme}://{server.user}@127.0.0.1:{server.port}/{folder}")
    store = ftp_store(
        url,
        variables("FTP_", PASSWORD=server.password),
        timeout_s=5.0,
        authorities=str(authorities) if authorities else None,
        passive=passive,
    )
    with closing(store):
        yield store


def files_in(server: Folder, folder: str) -> list[str]:
    return sorted(file.name for file in (server.data / folder).iterdir())


# ---- logins and TLS ------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["ftps", "ftpes"])
def test_objects_come_back_by_tls(scheme: str, ftps: Folder, certificate: Path) -> None:
    folder = ftps.new_folder()
    with opened(ftps, folder, scheme=scheme, authorities=certificate) as store:
        put(store, "a/b", DATA)
        assert read(store, "a/b") == DATA
        assert store.get_range("a/b", 5_000_000, 7) == DATA[5_000_000:5_000_007]
        assert store.list() == (Entry("a/b", len(DATA)),)
        with pytest.raises(SourceError):
            store.put("torn", TornSource(DATA), PutMode.CREATE)
        store.delete("a/b")
        assert store.list() == ()


def test_port_990_is_tls_from_the_beginning(
    ftps_implicit: Folder, certificate: Path
) -> None:
    server = ftps_implicit
    url = parse_url(f"ftps://{server.user}@127.0.0.1:990/{server.new_folder()}")
    access = read_access(url, variables("FTP_", PASSWORD=server.password))
    assert access.tls is Tls.IMPLICIT
    here = replace(access, port=server.port)
    file = str(certificate)
    connections = Connections(here, 5.0, authorities=file, passive=True, label="ftps")
    with closing(FtpStore(here, connections, "ftps")) as store:
        put(store, "a", DATA)
        assert read(store, "a") == DATA


def test_a_certificate_that_is_not_known(ftps: Folder) -> None:
    with opened(ftps, scheme="ftps") as store, pytest.raises(StoreError) as caught:
        store.list()
    assert type(caught.value) is StoreError
    assert "--ssl-cacert-file" in caught.value.hint


def test_a_server_that_wants_tls(ftps: Folder) -> None:
    with opened(ftps) as store, pytest.raises(StoreError) as caught:
        store.list()
    assert caught.value.exit_status in (20, 21)


def test_a_wrong_password_is_denied_and_not_shown(ftp: Folder) -> None:
    server = replace(ftp, password="wr0ng")
    with opened(server) as store, pytest.raises(Denied) as caught:
        store.list()
    assert "FTP_PASSWORD" in caught.value.hint
    assert "wr0ng" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


def test_an_unreachable_server(
    ftp: Folder, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(ftp.port)
    proxy.faults = Faults(refuse=True)
    server = replace(ftp, port=proxy.port)
    with opened(server) as store, pytest.raises(Unavailable, match="ftp://127"):
        put(store, "a")
    assert proxy.seen == 1


def test_the_server_may_open_the_transfers(ftp: Folder) -> None:
    with opened(ftp, ftp.new_folder(), passive=False) as store:
        put(store, "a", DATA)
        assert read(store, "a") == DATA


# ---- connections ---------------------------------------------------------------


def test_a_lost_connection_is_an_error_and_then_made_again(
    ftp: Folder, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(ftp.port)
    with opened(replace(ftp, port=proxy.port), ftp.new_folder()) as store:
        put(store, "a", DATA)
        proxy.faults = Faults()  # drops what is open
        assert store.list() == (Entry("a", len(DATA)),)
        with store.get("a") as stream:
            stream.read(1000)
            proxy.faults = Faults()
            with pytest.raises(Unavailable):
                stream.read()
        assert read(store, "a") == DATA


def test_a_connection_is_used_again(
    ftp: Folder, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(ftp.port)
    with opened(replace(ftp, port=proxy.port), ftp.new_folder()) as store:
        put(store, "a", DATA)
        for _ in range(3):
            read(store, "a")
            store.get("a").close()
            store.get_range("a", 3, 4)
            with pytest.raises(NotFound):
                store.get("b")
        assert proxy.seen == 1


def test_a_failed_upload_leaves_no_part_file(ftp: Folder) -> None:
    folder = ftp.new_folder()
    (ftp.data / folder / f".01{RESERVED_END}").write_bytes(b"of another one")
    with opened(ftp, folder) as store:
        for mode in PutMode:
            with pytest.raises(SourceError):
                store.put("a", TornSource(DATA), mode)
        assert store.list() == ()
    assert files_in(ftp, folder) == [f".01{RESERVED_END}"]


def test_a_full_disk(ftp: Folder) -> None:
    folder = ftp.new_folder()
    with tiny_disk(ftp.data / folder, 4 << 20), opened(ftp, folder) as store:
        with pytest.raises(StoreError):
            put(store, "big", DATA)
        assert store.list() == ()
        put(store, "small")


def test_a_name_that_is_not_utf8() -> None:
    with pytest.raises(StoreError, match="UTF-8"), failures.as_ours("what"):
        b"\xff".decode()


def test_a_folder_is_no_object(ftp: Folder) -> None:
    with opened(ftp, ftp.new_folder()) as store:
        put(store, "a/b")
        for call in (store.get, store.stat, store.delete):
            with pytest.raises(NotFound):
                call("a")


def test_the_root_is_not_made_with_its_parents(ftp: Folder) -> None:
    below = opened(ftp, f"{ftp.new_folder(exists=False)}/below")
    with below as store, pytest.raises(StoreMissing, match="cannot create"):
        store.create()


# ---- listings without MLSD -------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (
            "-rw-r--r--   1 1000   1000       1234 Nov 21 18:03 a b",
            Row("a b", 1234),
        ),
        (
            "-rw-------   1 ftp    ftp  5368709120 Jan  1  2026 v",
            Row("v", 5 << 30),
        ),
        (
            "drwxr-xr-x   2 0      0          4096 Nov 21 18:03 dir",
            Row("dir", None),
        ),
        ("-rw-r--r--+   1 0        0               1 Nov  2 18:03  a ", Row(" a ", 1)),
        ("drwxr-xr-x    2 0        0            4096 Nov 21 18:03 ..", None),
        ("lrwxrwxrwx    1 0        0               1 Nov 21 18:03 l -> a", None),
        ("total 12", None),
    ],
)
def test_lines_of_unix_servers(line: str, row: Row | None) -> None:
    assert of_unix(line, what="") == row


@pytest.mark.parametrize("line", ["11-21-26  06:03PM    <DIR>       dir", "x", ""])
def test_lines_of_other_servers_are_an_error(line: str) -> None:
    with pytest.raises(StoreError, match="not understood"):
        of_unix(line, what="")


# ---- URLs and the command line ---------------------------------------------------


@pytest.mark.parametrize(
    ("url", "port", "tls", "folder"),
    [
        ("ftp://h", 21, Tls.NEVER, ""),
        ("ftp://h:2121/a/b/", 2121, Tls.NEVER, "a/b"),
        ("lftp+ftp://h//a", 21, Tls.NEVER, "/a"),
        ("ftps://h//", 21, Tls.EXPLICIT, "/"),
        ("lftp+ftpes://h/a", 21, Tls.EXPLICIT, "a"),
        ("ftps://h:990/a", 990, Tls.IMPLICIT, "a"),
    ],
)
def test_where_a_url_leads(url: str, port: int, tls: Tls, folder: str) -> None:
    found = read_access(parse_url(url), {})
    assert (found.port, found.tls, found.folder) == (port, tls, folder)


def test_no_password_is_sent_without_a_user() -> None:
    env = variables("FTP_", PASSWORD="hush")
    assert read_access(parse_url("ftp://h/a"), env).password is None
    assert read_access(parse_url("ftp://u@h/a"), env).password


@pytest.mark.parametrize("url", ["ftp:///folder", "ftp://h/f?a=b"])
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        read_access(parse_url(url), {})


def test_a_backup_comes_back(
    ftps: Folder, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTP_PASSWORD", ftps.password)
    url = f"ftps://{ftps.user}@127.0.0.1:{ftps.port}/{ftps.new_folder()}"
    assert_a_backup_comes_back(url, tmp_path, DATA, f"--ssl-cacert-file={certificate}")
