"""Who asks rsync, and where: logins, passwords that nobody may see, URLs, options."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.accounts import variables
from tests.rsync_stores import DATA, PATH, opened
from tests.store_servers import Folder, Ssh
from tests.stores import assert_a_backup_comes_back, put
from tiered.backends.rsync_program import access, rsync_store
from tiered.backends.rsync_program.store import RsyncStore
from tiered.errors import (
    ConfigError,
    Denied,
    MissingDependency,
    StoreError,
)
from tiered.secret import Secret
from tiered.store import Entry
from tiered.url import parse_url

# ---- logins ------------------------------------------------------------------


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


# ---- URLs and options --------------------------------------------------------


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
    more = [f"--ssh-options={server.options}"] if isinstance(server, Ssh) else []
    assert_a_backup_comes_back(url, tmp_path, DATA, *more)
