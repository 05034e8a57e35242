"""What is special about rsync: statuses that mean many things, deletes by name,
part files that are its own, passwords that nobody may see.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import variables
from tests.crash.test_disk_full import tiny_disk
from tests.store_servers import Folder, Ssh
from tiered.backends.rsync_program import access, rsync_store
from tiered.backends.rsync_program.failures import fail
from tiered.backends.rsync_program.listing import entries
from tiered.backends.rsync_program.store import RsyncStore
from tiered.cli.main import main
from tiered.errors import (
    AlreadyExists,
    ConfigError,
    Denied,
    Full,
    MissingDependency,
    NotFound,
    StoreError,
    StoreMissing,
    Unavailable,
)
from tiered.secret import Secret
from tiered.store import Entry, PutMode
from tiered.testing.sources import BytesSource
from tiered.url import parse_url

DATA = bytes(i % 251 for i in range(3_000_000))
PATH = {"PATH": Secret(os.environ["PATH"])}


@contextmanager
def opened(
    server: Folder,
    place: str,
    scratch: Path,
    *,
    port: int | None = None,
    timeout_s: float = 30.0,
    password: str | None = None,
) -> Iterator[RsyncStore]:
    """A store at `place`: behind the port, so `::module/folder` or `/folder`."""
    at = f"{server.user}@127.0.0.1:{port or server.port}"
    password = server.password if password is None else password
    env = PATH | variables("RSYNC_", PASSWORD=password or None)
    options = server.options if isinstance(server, Ssh) else ""
    store = rsync_store(
        parse_url(f"rsync://{at}{place}"),
        env,
        timeout_s=timeout_s,
        scratch=scratch,
        ssh_options=options,
    )
    with closing(store):
        yield store


def put(store: RsyncStore, name: str, data: bytes = b"x") -> None:
    store.put(name, BytesSource(data), PutMode.CREATE)


def read(store: RsyncStore, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()


def files_in(folder: Path) -> set[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*") if not p.is_dir())
    return set(map(str, found))


# ---- logins --------------------------------------------------------------------


def test_a_folder_is_below_the_home_or_absolute(
    sshd_with_shell: Ssh, tmp_path: Path
) -> None:
    server = sshd_with_shell
    folder = f"{server.new_folder()}/with a blank, $HOME and 'quotes'"
    (server.data / folder).mkdir()
    shutil.chown(server.data / folder, server.data.owner())
    with (
        opened(server, f"/{folder}", tmp_path) as relative,
        opened(server, f"/{server.data}/{folder}", tmp_path) as absolute,
    ):
        put(relative, "a/b")
        assert absolute.list() == relative.list() == (Entry("a/b", 1),)


@pytest.mark.parametrize("password", ["wr0ng", ""])
def test_a_wrong_password_is_denied_and_nobody_is_asked(
    password: str, rsyncd: Folder, tmp_path: Path
) -> None:
    with (
        opened(rsyncd, "::login", tmp_path, password=password) as store,
        pytest.raises(Denied, match="refuses the login") as caught,
    ):
        store.list()
    assert "RSYNC_PASSWORD" in caught.value.hint
    assert "wr0ng" not in f"{caught.value}{caught.value.hint}{caught.value.facts}"


def test_a_password_in_the_url_counts_more(rsyncd: Folder, tmp_path: Path) -> None:
    at, folder = f"user:se%20cret@127.0.0.1:{rsyncd.port}", rsyncd.new_folder()
    url = f"rsync://{at}::login/{folder}"
    env = PATH | variables("RSYNC_", PASSWORD="not this one")
    store = rsync_store(parse_url(url), env, timeout_s=9.0, scratch=tmp_path)
    store.list()


def test_no_command_line_shows_the_password(
    rsyncd: Folder, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(rsyncd.port)
    proxy.faults = Faults(rate_bytes_per_s=3_000_000)
    place = f"::login/{rsyncd.new_folder()}"
    with opened(rsyncd, place, tmp_path, port=proxy.port) as store:
        uploading = threading.Thread(target=put, args=(store, "a", DATA))
        uploading.start()
        lines = set[str]()
        while uploading.is_alive():
            lines |= command_lines()
        uploading.join()
    ours = {line for line in lines if "--files-from" in line}
    assert ours
    assert not any(rsyncd.password in line for line in ours)


def command_lines() -> set[str]:
    found = set[str]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


def test_a_key_that_is_not_accepted(
    sshd_with_shell: Ssh, rclone_sftp: Ssh, tmp_path: Path
) -> None:
    options = f"-oIdentityFile={rclone_sftp.identity} -oIdentitiesOnly=yes"
    options += f" -oUserKnownHostsFile={sshd_with_shell.known_hosts}"
    with pytest.raises(Denied, match="refuses the login"):
        by_ssh(sshd_with_shell, options, tmp_path).list()


def test_a_server_whose_key_is_not_known(sshd_with_shell: Ssh, tmp_path: Path) -> None:
    options = f"-i {sshd_with_shell.identity} -oUserKnownHostsFile=/dev/null"
    options += " -o GlobalKnownHostsFile=/dev/null -oStrictHostKeyChecking=yes"
    with pytest.raises(StoreError, match="key of the server is not the one") as caught:
        by_ssh(sshd_with_shell, options, tmp_path).list()
    assert type(caught.value) is StoreError


def by_ssh(server: Ssh, options: str, scratch: Path) -> RsyncStore:
    url = parse_url(f"rsync://{server.user}@127.0.0.1:{server.port}/")
    return rsync_store(url, PATH, timeout_s=9.0, scratch=scratch, ssh_options=options)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    env, url = {"PATH": Secret(str(tmp_path))}, parse_url("rsync://h/f")
    with pytest.raises(MissingDependency, match="the program rsync"):
        rsync_store(url, env, timeout_s=1.0, scratch=tmp_path)
    rsync = shutil.which("rsync")
    assert rsync
    (tmp_path / "rsync").symlink_to(rsync)
    with pytest.raises(MissingDependency, match="the program ssh"):
        rsync_store(url, env, timeout_s=1.0, scratch=tmp_path)


# ---- what is not there ------------------------------------------------------------


@pytest.mark.parametrize("place", ["::nothing", "::unmounted", "::unmounted/folder"])
def test_a_missing_module_is_no_empty_one(
    place: str, rsyncd: Folder, tmp_path: Path
) -> None:
    with opened(rsyncd, place, tmp_path) as store:
        for call in (
            store.list,
            lambda: read(store, "a"),
            lambda: put(store, "a"),
            lambda: store.delete("a"),
            store.create,
        ):
            with pytest.raises(StoreMissing):
                call()


@pytest.mark.parametrize("kind", ["rsyncd", "sshd_with_shell"])
def test_the_folder_is_not_made_with_its_parents_or_by_a_put(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server: Folder = request.getfixturevalue(kind)
    folder = server.new_folder()
    module = "::open" if kind == "rsyncd" else ""
    with opened(server, f"{module}/{folder}", tmp_path) as store:
        put(store, "a")
        shutil.rmtree(server.data / folder)  # as a disk that is unmounted
        for name in ("b", "b/c"):
            with pytest.raises(StoreMissing):
                put(store, name)
        assert not (server.data / folder).exists()
    with (
        opened(server, f"{module}/{folder}/below", tmp_path) as store,
        pytest.raises(StoreMissing, match="cannot create"),
    ):
        store.create()
    assert not (server.data / folder).exists()


def test_an_unreachable_server(
    rsyncd: Folder, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(rsyncd.port)
    proxy.faults = Faults(refuse=True)
    with opened(rsyncd, "::open", tmp_path, port=proxy.port) as store:
        assert proxy.seen == 0
        with pytest.raises(Unavailable):
            store.list()
    for url in ("rsync://127.0.0.1:1::open", "rsync://host.invalid/folder"):
        store = rsync_store(parse_url(url), PATH, timeout_s=9.0, scratch=tmp_path)
        with pytest.raises(Unavailable, match="no connection"):
            store.list()


def test_a_silent_server_is_given_up(
    rsyncd: Folder, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(rsyncd.port)
    proxy.faults = Faults(stall_after_bytes=500)
    place = f"::open/{rsyncd.new_folder()}"
    with opened(rsyncd, place, tmp_path) as store:
        put(store, "a", DATA)
    with (
        opened(rsyncd, place, tmp_path, port=proxy.port, timeout_s=1.0) as store,
        pytest.raises(Unavailable, match="no answer in time"),
    ):
        read(store, "a")


@pytest.mark.parametrize("kind", ["rsyncd", "sshd_with_shell"])
def test_a_broken_transfer_leaves_nothing(
    kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    fault_proxy: Callable[[int], FaultProxy],
) -> None:
    server: Folder = request.getfixturevalue(kind)
    proxy, folder = fault_proxy(server.port), server.new_folder()
    place = f"::open/{folder}" if kind == "rsyncd" else f"/{folder}"
    with opened(server, place, tmp_path, port=proxy.port) as store:
        put(store, "old", DATA)
        proxy.faults = Faults(cut_up_after_bytes=900_000)
        with pytest.raises(Unavailable):
            put(store, "new", DATA)
        with pytest.raises(Unavailable):
            store.put("old", BytesSource(DATA[::-1]), PutMode.REPLACE)
        proxy.faults = Faults(cut_after_bytes=900_000)
        with pytest.raises(Unavailable):
            store.get("old")
        proxy.faults = Faults()
        assert store.list() == (Entry("old", len(DATA)),)
        assert read(store, "old") == DATA
    assert list(tmp_path.iterdir()) == []


# ---- uploads ---------------------------------------------------------------------


def test_an_upload_in_progress_has_another_name(
    rsyncd: Folder, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(rsyncd.port), rsyncd.new_folder()
    proxy.faults = Faults(rate_bytes_per_s=3_000_000)
    seen = set[str]()
    with opened(rsyncd, f"::open/{folder}", tmp_path, port=proxy.port) as store:
        uploading = threading.Thread(target=put, args=(store, "d/a", DATA))
        uploading.start()
        while uploading.is_alive():
            seen |= files_in(rsyncd.data / folder)
        uploading.join()
        assert read(store, "d/a") == DATA
    part = next(name for name in seen if name != "d/a")
    (rsyncd.data / folder / part).write_bytes(b"left behind")
    with opened(rsyncd, f"::open/{folder}", tmp_path) as store:
        assert store.list() == (Entry("d/a", len(DATA)),)
        with pytest.raises(StoreError, match="unfinished uploads"):
            put(store, part)


def test_new_objects_get_the_mode_of_new_files(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.new_folder()
    with opened(rsyncd, f"::open/{folder}", tmp_path) as store:
        put(store, "a")
    assert (rsyncd.data / folder / "a").stat().st_mode & 0o777 == 0o644


def test_a_server_without_fsync(rsyncd: Folder, tmp_path: Path) -> None:
    with opened(rsyncd, f"::before-fsync/{rsyncd.new_folder()}", tmp_path) as store:
        put(store, "a", DATA)
        put(store, "b", DATA)
        with pytest.raises(AlreadyExists):
            put(store, "a")
        assert read(store, "a") == DATA


def test_a_full_disk(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    with tiny_disk(folder, 1 << 20):
        shutil.chown(folder, rsyncd.data.owner())
        with opened(rsyncd, f"::open/{folder.name}", tmp_path) as store:
            with pytest.raises(Full, match="no space"):
                put(store, "big", DATA)
            assert store.list() == ()
            put(store, "small")


def test_what_a_module_does_not_allow(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.new_folder()
    with opened(rsyncd, f"::open/{folder}", tmp_path) as store:
        put(store, "a")
    with opened(rsyncd, f"::read-only/{folder}", tmp_path) as store:
        with pytest.raises(Denied, match="does not allow"):
            put(store, "b")
        assert read(store, "a") == b"x"
    with opened(rsyncd, f"::no-delete/{folder}", tmp_path) as store:
        with pytest.raises(Denied, match="refuses an option"):
            store.delete("a")
        assert store.stat("a") == Entry("a", 1)


# ---- names -------------------------------------------------------------------------

NAMES = {
    *("a", "b", "ab", "*", "?", "a?", "[ab]", "a*", "\\a", "a\\*", "**", "-a", "+ a"),
    *("#a", ";a", " a", "a ", "d/a", "d/b", "d/*", "d/e/a", ".a", "d/.a", "~", "$a"),
    *("!", "a b", "a'b", 'a"b', "e/a", "[", "- *", "***/a", "\\#101", "ü"),
}


def test_a_delete_removes_that_object_and_nothing_else(
    rsyncd: Folder, tmp_path: Path
) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    left = set(NAMES)
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, rsyncd.data.owner())
    with opened(rsyncd, f"::open/{folder.name}", tmp_path) as store:
        assert {entry.name for entry in store.list()} == left
        for name in ("d", "d/e", "nothing", "d/nothing", "n/m/nothing", "a/b", "?b"):
            with pytest.raises(NotFound):
                store.delete(name)
            assert files_in(folder) == left
        for name in sorted(NAMES):
            store.delete(name)
            left.remove(name)
            assert files_in(folder) == left


def test_each_name_is_read_as_it_is(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    names = ("*", "[ab]", "d/*", "a?", " a", "#a", "**", "a ", "[", "~")
    for name in (*names, "a", "d/a"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    with opened(rsyncd, f"::chrooted/{folder.name}", tmp_path) as store:
        for name in names:
            assert read(store, name) == name.encode()
            assert store.stat(name).size == len(name)
        with pytest.raises(StoreError, match="cannot read it again"):
            put(store, "a\\*")


@pytest.mark.parametrize("module", ["::open", "::chrooted", ""])
def test_an_object_in_a_missing_folder_is_not_found(
    module: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind = "rsyncd" if module else "sshd_with_shell"
    server: Folder = request.getfixturevalue(kind)
    with opened(server, f"{module}/{server.new_folder()}", tmp_path) as store:
        for call in (store.get, store.stat, store.delete):
            with pytest.raises(NotFound):
                call("n/m/nothing")


def test_a_folder_is_no_object_and_none_is_lost_to_the_other(
    rsyncd: Folder, tmp_path: Path
) -> None:
    with opened(rsyncd, f"::open/{rsyncd.new_folder()}", tmp_path) as store:
        put(store, "a/b", b"below")
        put(store, "c", b"file")
        for call in (store.get, store.stat, store.delete):
            with pytest.raises(NotFound):
                call("a")
        for mode in PutMode:
            with pytest.raises(StoreError):
                store.put("a", BytesSource(b"x"), mode)
            for name in ("c/d", "c/d/e"):
                with pytest.raises(StoreError):
                    store.put(name, BytesSource(b"x"), mode)
        assert (read(store, "a/b"), read(store, "c")) == (b"below", b"file")


def test_links_and_pipes_are_no_objects(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    (folder / "file").write_bytes(b"abc")
    (folder / "link").symlink_to("file")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "pipe")
    with opened(rsyncd, f"::open/{folder.name}", tmp_path) as store:
        assert store.list() == (Entry("file", 3),)
        with pytest.raises(NotFound):
            store.get("link")


def test_a_folder_that_may_not_be_read_is_no_empty_one(
    rsyncd: Folder, tmp_path: Path
) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    (folder / "a").write_bytes(b"x")
    (folder / "closed").mkdir(mode=0o700)
    with (
        opened(rsyncd, f"::open/{folder.name}", tmp_path) as store,
        pytest.raises(Denied, match="permission denied"),
    ):
        store.list()


# ---- what rsync prints -------------------------------------------------------------


def test_a_line_that_is_none_of_a_listing_is_an_error() -> None:
    good = "-rw-r--r--       1,006 2026/11/21 21:20:42  n\\#303\\#274 "
    assert list(entries([good], "it")) == [Entry(" nü ", 1006)]
    with pytest.raises(StoreError, match="no line of a listing"):
        list(entries([good, "Welcome!"], "it"))


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (12, "bash: line 1: rsync: command not found\n", StoreError),
        (12, "rsync: connection unexpectedly closed (0 bytes received)\n", Unavailable),
        (2, "protocol version mismatch -- is your shell clean?\n", StoreError),
        (5, "@ERROR: max connections (4) reached -- try again later\n", Unavailable),
        (5, "@ERROR: access denied to m from UNKNOWN (::1)\n", Denied),
        (11, 'rsync: mkdir "a/." failed: Disk quota exceeded (122)\n', Full),
        (23, 'rsync: x "/a" failed: Read-only file system (30)\n', Denied),
        (23, 'rsync: [sender] x "No space left on device (28)" odd\n', StoreError),
        (255, "ssh: connect to host h port 22: No route to host\n", Unavailable),
        (99, "", StoreError),
    ],
)
def test_what_a_failure_means(status: int, said: str, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError) as caught:
        fail(status, said, "it", "name")
    assert type(caught.value) is kind


# ---- URLs and options --------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "place", "base"),
    [
        ("rsync://u@h", "u@h:.", ("u@h:.", "")),
        ("rsync://h/a/b/", "h:a/b", ("h:a/b", "")),
        ("rsync://h//a//b", "h:/a/b", ("h:/a/b", "")),
        ("rsync://h//", "h:/", ("h:/", "")),
        ("rsync://u@h:9::m", "u@h::m", ("u@h::m", "")),
        ("rsync://h::/m/a/b", "h::m/a/b", ("h::m", "a/b/")),
    ],
)
def test_where_a_url_leads(url: str, place: str, base: tuple[str, str]) -> None:
    found = access.read_access(parse_url(url), {}, "")
    assert (found.place, found.base) == (place, base)


@pytest.mark.parametrize(
    "url",
    [
        *("rsync:///folder", "rsync://-oProxyCommand=x/f", "rsync://-l@h/f"),
        *(
            "rsync://h::",
            "rsync://h::/",
            "rsync://h/f?a=b",
            "rsync://h/a*",
            "rsync://h/%5B",
        ),
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        access.read_access(parse_url(url), {}, "")


@pytest.mark.parametrize("options", ["-v", "host", "-o", "-i", "'", "--rsync-path=x"])
def test_ssh_options_that_are_refused(options: str) -> None:
    with pytest.raises(ConfigError, match="ssh option"):
        access.read_access(parse_url("rsync://h/"), {}, options)


@pytest.mark.parametrize("kind", ["rsyncd", "sshd_with_shell"])
def test_a_backup_comes_back(
    kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: Folder = request.getfixturevalue(kind)
    monkeypatch.setenv("RSYNC_PASSWORD", server.password)
    at = f"{server.user}@127.0.0.1:{server.port}"
    folder = server.new_folder()
    url = f"rsync://{at}{'::login' if kind == 'rsyncd' else ''}/{folder}"
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "file").write_bytes(DATA)
    more = [f"--archive-dir={tmp_path / 'cache'}", "--no-encryption", "-v0"]
    if isinstance(server, Ssh):
        more.append(f"--ssh-options={server.options}")
    assert main(["full", str(source), url, *more]) == 0
    assert main(["restore", url, str(target), *more]) == 0
    assert (target / "file").read_bytes() == DATA
