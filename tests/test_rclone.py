"""What is special about rclone: a process of our own, remotes that others set up,
and errors that are words.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import program_variables, variables
from tests.crash.test_disk_full import tiny_disk
from tests.store_servers import Folder, Ssh, rclone
from tiered.backends.rclone import access, rclone_store
from tiered.backends.rclone.failures import failure
from tiered.backends.rclone.store import RcloneStore
from tiered.cli.main import main
from tiered.errors import (
    ConfigError,
    Denied,
    Frozen,
    Full,
    MissingDependency,
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

DATA = bytes(i % 251 for i in range(3_000_000))
ENV = program_variables("")


@contextmanager
def opened(
    path: str, settings: Mapping[str, str], scratch: Path, timeout_s: float = 30.0
) -> Iterator[RcloneStore]:
    """A store at a path of a remote with these settings."""
    env = ENV | variables("RCLONE_CONFIG_THERE_", **settings)
    url = parse_url(f"rclone://there:{path}")
    store = rclone_store(url, env, timeout_s=timeout_s, scratch=scratch)
    with closing(store):
        yield store


def local(path: Path, scratch: Path) -> "closing[RcloneStore]":
    env = ENV | variables("RCLONE_CONFIG_THERE_", TYPE="local")
    url = parse_url(f"rclone://there:/{path}")
    return closing(rclone_store(url, env, timeout_s=30.0, scratch=scratch))


def sftp(server: Ssh, *, port: int | None = None) -> dict[str, str]:
    return {
        "TYPE": "sftp",
        "HOST": "127.0.0.1",
        "PORT": str(port or server.port),
        "USER": server.user,
        "KEY_FILE": str(server.identity),
        "DISABLE_HASHCHECK": "true",
    }


def webdav(server: Folder, *, password: str | None = None) -> dict[str, str]:
    hidden = rclone("obscure", password or server.password)
    done = subprocess.run(hidden, capture_output=True, text=True, check=True)
    return {
        "TYPE": "webdav",
        "URL": f"http://127.0.0.1:{server.port}",
        "USER": server.user,
        "PASS": done.stdout.strip(),
    }


def put(store: RcloneStore, name: str, data: bytes = b"x") -> None:
    store.put(name, BytesSource(data), PutMode.CREATE)


def read(store: RcloneStore, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()


def children() -> set[int]:
    """Every rclone that we have started and not ended."""
    pids = set[int]()
    for task in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            pids |= {int(pid) for pid in task.read_text().split()}
    return {pid for pid in pids if "rcd" in words_of(pid)}


def words_of(pid: int) -> list[str]:
    """Of its command line; none if it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def await_end(process: int) -> bool:
    """Has it ended, or does it within half a minute?"""
    handle = os.pidfd_open(process)
    try:
        return bool(select.select([handle], [], [], 30)[0])
    finally:
        os.close(handle)


# ---- the process ---------------------------------------------------------------


def test_one_process_is_started_when_it_is_needed_and_ended(tmp_path: Path) -> None:
    before = children()
    with local(tmp_path, tmp_path) as store:
        assert not children() - before
        store.list()
        first = children() - before
        store.list()
        assert children() - before == first
        assert len(first) == 1
    assert not children() - before


def test_a_lost_process_is_started_again(tmp_path: Path) -> None:
    before = children()
    (tmp_path / "data").mkdir()
    with local(tmp_path / "data", tmp_path) as store:
        put(store, "a", DATA)
        with store.get("a") as stream:
            stream.read(1000)
            (lost,) = children() - before
            os.kill(lost, signal.SIGKILL)
            assert await_end(lost)
            with pytest.raises(Unavailable):
                stream.read()
        assert read(store, "a") == DATA


_STARTER = """
import os, sys, pathlib
from tests.test_rclone import children, local
store = local(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1])).__enter__()
store.list()
(pid,) = children()
print(pid, flush=True)
sys.stdin.read()
"""


def test_it_does_not_outlive_us(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _STARTER, str(tmp_path)]
    pipe, env = subprocess.PIPE, {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=env) as starter:
        assert starter.stdout
        child = int(starter.stdout.readline())
        starter.kill()
        assert await_end(child)


def test_nothing_secret_on_its_command_line_and_nothing_of_others_in_its_variables(
    rclone_webdav: Folder, tmp_path: Path
) -> None:
    settings = webdav(rclone_webdav)
    others = variables("", PASSPHRASE="hush", SWIFT_PASSWORD="hush")
    env = ENV | others | variables("RCLONE_CONFIG_THERE_", **settings)
    env |= variables("RCLONE_", DRY_RUN="true", EXCLUDE="*", LOG_FILE="/nowhere/x")
    before = children()
    url = parse_url("rclone://there:")
    store = rclone_store(url, env, timeout_s=30.0, scratch=tmp_path)
    with closing(store):
        put(store, "by-rclone")
        assert Entry("by-rclone", 1) in store.list()
        store.delete("by-rclone")
        (pid,) = children() - before
        given = Path(f"/proc/{pid}/environ").read_text()
        assert not any(settings["PASS"] in word for word in words_of(pid))
    assert settings["PASS"] in given
    assert not any(name in given for name in ("hush", "DRY_RUN", "EXCLUDE", "LOG_FILE"))


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    env = {"PATH": Secret(str(tmp_path))}
    with pytest.raises(MissingDependency, match="rclone"):
        rclone_store(parse_url("rclone://a:b"), env, timeout_s=1.0, scratch=tmp_path)


def test_a_program_that_is_too_old(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="too old"):
        said_by("Error: unknown flag: --partial-suffix", tmp_path).list()


def test_a_program_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not start: Failed: it is broken"):
        said_by("Failed: it is broken", tmp_path).list()


def said_by(text: str, folder: Path) -> RcloneStore:
    """A store on a program that says this and ends."""
    program = folder / "rclone"
    program.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 1\n")
    program.chmod(0o755)
    env = {"PATH": Secret(str(folder))}
    url = parse_url("rclone://a:b")
    return rclone_store(url, env, timeout_s=1.0, scratch=folder)


def test_a_config_that_cannot_be_read(tmp_path: Path) -> None:
    text = "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA\n"
    (tmp_path / "config").write_text(text)
    env = ENV | {"RCLONE_CONFIG": Secret(str(tmp_path / "config"))}
    url = parse_url("rclone://a:b")
    store = rclone_store(url, env, timeout_s=1.0, scratch=tmp_path)
    with closing(store), pytest.raises(ConfigError, match="config") as caught:
        store.list()
    assert "RCLONE_CONFIG_PASS" in caught.value.hint


# ---- remotes -------------------------------------------------------------------


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


# ---- words, URLs ---------------------------------------------------------------


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
    assert type(failure(500, said, said, "it")) is kind


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
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "file").write_bytes(DATA)
    more = [f"--archive-dir={tmp_path / 'cache'}", "--no-encryption", "-v0"]
    assert main(["full", str(source), url, *more]) == 0
    assert main(["restore", url, str(target), *more]) == 0
    assert (target / "file").read_bytes() == DATA
