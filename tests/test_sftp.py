"""What is special about SFTP: host keys, logins, full disks, lost connections."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from asyncssh import SFTPClient, SFTPOpUnsupported

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import variables
from tests.crash.test_disk_full import tiny_disk
from tests.store_servers import Ssh
from tests.stores import assert_a_backup_comes_back, put, read
from tiered import backends
from tiered.backends.sftp import access, sftp_store
from tiered.backends.sftp.store import SftpStore
from tiered.errors import (
    ConfigError,
    Denied,
    Full,
    MissingDependency,
    NotFound,
    SourceError,
    StoreError,
    StoreMissing,
    Unavailable,
)
from tiered.names import RESERVED_END
from tiered.store import Entry, PutMode
from tiered.testing.sources import BytesSource, TornSource
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(9_000_000))


@contextmanager
def opened(
    server: Ssh, folder: str, *, login: str = "", timeout_s: float = 30.0
) -> Iterator[SftpStore]:
    """A store below the home folder, unless `folder` begins with a slash."""
    url = parse_url(f"sftp://{login or server.user}@127.0.0.1:{server.port}/{folder}")
    env = variables("FTP_", PASSWORD=server.password or None)
    store = sftp_store(url, env, timeout_s=timeout_s, ssh_options=server.options)
    with closing(store):
        yield store


# ---- logins --------------------------------------------------------------------


def test_a_folder_is_below_the_home_or_absolute(sshd: Ssh) -> None:
    folder = sshd.new_folder()
    with (
        opened(sshd, folder) as relative,
        opened(sshd, f"/{sshd.data}/{folder}") as two,
    ):
        put(relative, "a/b")
        assert two.list() == relative.list() == (Entry("a/b", 1),)
    with opened(sshd, "") as home:
        assert Entry(f"{folder}/a/b", 1) in home.list(folder)


def test_a_password_logs_in(rclone_sftp: Ssh) -> None:
    with opened(rclone_sftp, "") as store:
        put(store, "by-password", b"said")
        assert read(store, "by-password") == b"said"


def test_a_password_in_the_url_counts_more(rclone_sftp: Ssh) -> None:
    server = replace(rclone_sftp, password="not this one")
    with opened(server, "", login="user:se%20cret") as store:
        store.list()


def test_a_wrong_password_is_denied_and_not_shown(rclone_sftp: Ssh) -> None:
    server = replace(rclone_sftp, password="wr0ng")
    with opened(server, "") as store, pytest.raises(Denied) as caught:
        store.list()
    assert "FTP_PASSWORD" in caught.value.hint
    assert "wr0ng" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"
    assert "wr0ng" not in repr(caught.value.__cause__)


def test_a_key_that_is_not_accepted(sshd: Ssh, rclone_sftp: Ssh) -> None:
    server = replace(sshd, identity=rclone_sftp.identity)
    with opened(server, "") as store, pytest.raises(Denied, match="refuses the login"):
        store.list()


@pytest.mark.parametrize("known", ["", "another server"])
def test_a_server_whose_key_is_not_known(
    known: str, sshd: Ssh, rclone_sftp: Ssh, tmp_path: Path
) -> None:
    hosts = tmp_path / "known_hosts"
    hosts.write_text("")
    if known:
        key = rclone_sftp.known_hosts.read_text().split(" ", 1)[1]
        hosts.write_text(f"[127.0.0.1]:{sshd.port} {key}")
    with (
        opened(replace(sshd, known_hosts=hosts), "") as store,
        pytest.raises(StoreError, match="key of the server is not the one") as caught,
    ):
        store.list()
    assert type(caught.value) is StoreError
    assert "log in once by `ssh`" in caught.value.hint


@pytest.mark.parametrize("content", [None, "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"])
def test_a_key_that_cannot_be_read(
    content: str | None, sshd: Ssh, tmp_path: Path
) -> None:
    if content:
        (tmp_path / "key").write_text(content)
    server = replace(sshd, identity=tmp_path / "key")
    with opened(server, "") as store, pytest.raises(ConfigError, match="private key"):
        store.list()


def test_a_key_with_a_passphrase_belongs_into_an_agent(
    sshd: Ssh, tmp_path: Path
) -> None:
    key = asyncssh.read_private_key(sshd.identity)
    key.write_private_key(tmp_path / "key", "pkcs8-pem", passphrase="hush")
    server = replace(sshd, identity=tmp_path / "key")
    with opened(server, "") as store, pytest.raises(ConfigError) as caught:
        store.list()
    assert "ssh-agent" in caught.value.hint


def test_known_hosts_that_cannot_be_read(sshd: Ssh, tmp_path: Path) -> None:
    server = replace(sshd, known_hosts=tmp_path / "none")
    with opened(server, "") as store, pytest.raises(ConfigError, match="known_hosts"):
        store.list()


def test_an_unreachable_server(
    sshd: Ssh, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(sshd.port)
    proxy.faults = Faults(refuse=True)
    server, told = replace(sshd, port=proxy.port), "sftp://127"
    with opened(server, "") as store, pytest.raises(Unavailable, match=told) as caught:
        store.list()
    assert "host, port and network" in caught.value.hint


def test_a_host_that_does_not_exist(sshd: Ssh) -> None:
    url = parse_url("sftp://nobody@host.invalid/folder")
    store = sftp_store(url, {}, timeout_s=5.0, ssh_options=sshd.options)
    with closing(store), pytest.raises(Unavailable, match=r"host\.invalid"):
        store.list()


def test_nothing_is_asked_before_the_first_call(
    sshd: Ssh, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(sshd.port)
    with opened(replace(sshd, port=proxy.port), ""):
        pass
    assert proxy.seen == 0


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends.sftp, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match="asyncssh") as caught:
        sftp_store(parse_url("scp://host/folder"), {}, timeout_s=1.0)
    assert "tiered[sftp]" in caught.value.hint


# ---- connections that fail -------------------------------------------------------


def test_a_lost_connection_is_an_error_and_then_made_again(
    sshd: Ssh, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(sshd.port), sshd.new_folder()
    with opened(replace(sshd, port=proxy.port), folder) as store:
        put(store, "big", DATA)
        with store.get("big") as stream:
            stream.read(1000)
            proxy.faults = Faults()  # drops what is open
            with pytest.raises(Unavailable):
                stream.read()
        assert read(store, "big") == DATA
        proxy.faults = Faults(cut_up_after_bytes=200_000, first_connections=1)
        with pytest.raises(Unavailable):
            put(store, "other", DATA)
        assert store.list() == (Entry("big", len(DATA)),)


def test_a_silent_server_is_given_up(
    sshd: Ssh, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(sshd.port), sshd.new_folder()
    (sshd.data / folder / "big").write_bytes(DATA)
    proxy.faults = Faults(stall_after_bytes=100_000, first_connections=1)
    with opened(replace(sshd, port=proxy.port), folder, timeout_s=1.0) as store:
        with pytest.raises(Unavailable, match="no answer in time"):
            read(store, "big")
        assert read(store, "big") == DATA


def test_a_server_that_dies_in_an_upload_is_not_asked_again(
    sshd: Ssh, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(sshd.port), sshd.new_folder()
    with opened(replace(sshd, port=proxy.port), folder) as store:
        proxy.faults = Faults(cut_up_after_bytes=200_000)
        with pytest.raises(Unavailable):
            put(store, "a", DATA)
        assert proxy.seen == 1


# ---- uploads ---------------------------------------------------------------------


def files_in(server: Ssh, folder: str) -> list[str]:
    place = server.data / folder
    found = (p.relative_to(place) for p in place.rglob("*") if p.is_file())
    return sorted(map(str, found))


def test_a_failed_upload_leaves_no_part_file(sshd: Ssh) -> None:
    folder = sshd.new_folder()
    with opened(sshd, folder) as store:
        with pytest.raises(SourceError):
            store.put("a/b", TornSource(DATA), PutMode.CREATE)
        assert files_in(sshd, folder) == []


def test_part_files_of_others_are_not_listed(sshd: Ssh) -> None:
    folder = sshd.new_folder()
    (sshd.data / folder / f".0123{RESERVED_END}").write_bytes(b"x")
    with opened(sshd, folder) as store:
        assert store.list() == ()


def test_replacing_where_the_server_cannot_rename_over_a_file(
    sshd: Ssh, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsupported(*_: object) -> None:
        raise SFTPOpUnsupported("not here")

    monkeypatch.setattr(SFTPClient, "posix_rename", unsupported)
    folder = sshd.new_folder()
    with opened(sshd, folder) as store:
        for data in (b"new", b"newer"):
            store.put("a", BytesSource(data), PutMode.REPLACE)
            assert read(store, "a") == data
    assert files_in(sshd, folder) == ["a"]


def test_a_full_disk(sshd: Ssh) -> None:
    folder = sshd.data / sshd.new_folder()
    with tiny_disk(folder, 4 << 20):
        shutil.chown(folder, sshd.data.owner())
        with opened(sshd, f"/{folder}") as store:
            with pytest.raises(Full, match="no space"):
                put(store, "big", DATA)
            assert store.list() == ()
            put(store, "small")


def test_a_folder_that_may_not_be_written(sshd: Ssh) -> None:
    folder = sshd.data / sshd.new_folder()
    folder.chmod(0o555)
    told = "permission denied"
    with opened(sshd, f"/{folder}") as store, pytest.raises(Denied, match=told):
        put(store, "a")


def test_the_root_is_not_made_with_its_parents(sshd: Ssh) -> None:
    with opened(sshd, f"{sshd.new_folder(exists=False)}/below") as store:
        assert store.extras.create
        with pytest.raises(StoreMissing, match="cannot create"):
            store.extras.create.create()


# ---- listings and reads ------------------------------------------------------------


def test_links_to_files_count_and_links_to_folders_do_not(sshd: Ssh) -> None:
    folder = sshd.new_folder()
    place = sshd.data / folder
    (place / "file").write_bytes(b"abc")
    (place / "link").symlink_to("file")
    (place / "loop").symlink_to(".")
    os.mkfifo(place / "pipe")
    with opened(sshd, folder) as store:
        assert store.list() == (Entry("file", 3), Entry("link", 3))


def test_a_folder_is_no_object(sshd: Ssh) -> None:
    with opened(sshd, sshd.new_folder()) as store:
        put(store, "a/b")
        for call in (store.get, store.stat):
            with pytest.raises(NotFound):
                call("a")


def test_a_file_that_shrinks_is_not_taken_for_whole(sshd: Ssh) -> None:
    folder = sshd.new_folder()
    with opened(sshd, folder) as store:
        put(store, "a", DATA)
        with store.get("a") as stream:
            os.truncate(sshd.data / folder / "a", 6_000_000)
            with pytest.raises(Unavailable, match="early"):
                stream.read()


# ---- URLs and options --------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("sftp://h", "."),
        ("sftp://h/", "."),
        ("sftp://h//", "/"),
        ("sftp://h/a/b/", "a/b"),
        ("sftp://h//a/b", "/a/b"),
        ("sftp://h/a%20b", "a b"),
    ],
)
def test_where_a_url_leads(url: str, folder: str) -> None:
    assert access.folder_of(parse_url(url)) == folder


def test_ssh_options() -> None:
    text = "-oIdentityFile=/k -o 'UserKnownHostsFile=/a b' -i /l"
    found = access.read_access(parse_url("sftp://u@h:7/"), {}, text)
    assert found.identities == ("/k", "/l")
    assert found.known_hosts == ("/a b",)
    assert (found.user, found.host, found.port, found.agent) == ("u", "h", 7, None)


@pytest.mark.parametrize(
    "options", ["-oStrictHostKeyChecking=no", "-v", "-oIdentityFile", "-o", "'"]
)
def test_ssh_options_that_are_refused(options: str) -> None:
    with pytest.raises(ConfigError, match="ssh option"):
        access.read_access(parse_url("sftp://h/"), {}, options)


@pytest.mark.parametrize("url", ["sftp:///folder", "sftp://h/f?a=b"])
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        access.read_access(parse_url(url), {}, "")


@pytest.mark.parametrize("scheme", ["sftp", "paramiko+scp"])
def test_a_backup_comes_back(scheme: str, sshd: Ssh, tmp_path: Path) -> None:
    url = f"{scheme}://{sshd.user}@127.0.0.1:{sshd.port}/{sshd.new_folder()}"
    assert_a_backup_comes_back(url, tmp_path, DATA, f"--ssh-options={sshd.options}")
