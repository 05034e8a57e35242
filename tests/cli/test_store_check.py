"""`tiered store check`: what it finds; it leaves nothing, and touches nothing."""

import io
import json
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.accounts import keystone
from tests.crash.machine import PROGRAM, Result
from tests.server_process import free_port
from tests.servers import OpenStack
from tests.store_servers import Azure, Ssh
from tests.unit.broken_stores import CutsShort, OnePage, Overwrites
from tiered.assemble.stores import open_backend, seals_volumes
from tiered.assemble.wanted import Wanted
from tiered.cli.main import main
from tiered.cli.parser import parse_command_line
from tiered.errors import Denied
from tiered.secret import Secret
from tiered.store import Entry, Store
from tiered.testing.contract import ALL
from tiered.testing.faulty import Faulty
from tiered.testing.trial import FOLDER
from tiered.url import parse_url
from tiered.wrap.base import Wrapped

T = TypeVar("T")
Wrap = Callable[[Callable[[Store], Store]], None]
SMALL = "--size=100K"
MINE = {"tiered-full.20261121T000000Z.manifest.json": b"mine", "tiered-check": b"too"}


class _Text(io.StringIO):
    encoding = "utf-8"


def check(*words: str) -> Result:
    out, err = _Text(), _Text()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["store", "check", *words, SMALL, "--num-retries=1"])
    return Result(status, out.getvalue(), err.getvalue())


def outcomes(result: Result) -> dict[str, str]:
    """Of the one store that was checked, in JSON."""
    (checked,) = json.loads(result.out)["checked"]
    return {rule["check"]: rule["outcome"] for rule in checked["rules"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store that somebody uses."""
    folder = tmp_path / "store"
    folder.mkdir()
    for name, data in MINE.items():
        (folder / name).write_bytes(data)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    found = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


@pytest.fixture
def wrapped(
    monkeypatch: pytest.MonkeyPatch,
) -> Wrap:
    """Called with a wrapper: every store that is opened gets it."""

    def wrap(wrapper: Callable[[Store], Store]) -> None:
        place = "tiered.assemble.each.open_backend"
        monkeypatch.setattr(place, lambda *a: wrapper(open_backend(*a)))

    return wrap


class Seen(Wrapped):
    """Tells the names of all calls."""

    def __init__(self, inner: Store, names: list[str]) -> None:
        super().__init__(inner)
        self._names = names

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        self._names.append(name)
        return run()


def test_a_store_that_keeps_all_rules(folder: Path, wrapped: Wrap) -> None:
    names: list[str] = []
    wrapped(lambda store: Seen(store, names))
    result = check(f"file://{folder}").succeeded()
    rows = [line for line in result.out.splitlines() if re.match(r"  \w", line)]
    assert [r[62:].partition(":")[0] for r in rows[: len(ALL)]] == [
        *("not tried", *["ok"] * 13),
        "not offered",
    ]
    assert all(c.text in result.out for c in ALL)
    assert re.search(r"put +\d+\.\d ms +\d+\.\d ms", result.out)
    assert re.search(r"one object of 100.0 KiB: put .*/s, get .*/s", result.out)
    assert files(folder) == MINE
    assert {path.name for path in folder.iterdir()} == MINE.keys()  # no folder
    ours = {name for name in names if name}
    assert len({name.partition("/")[0] for name in ours - {FOLDER}}) == 1
    assert all(name.startswith(FOLDER) for name in ours)


def test_json(folder: Path) -> None:
    result = check(f"file://{folder}", "--json").succeeded()
    document = json.loads(result.out)
    (checked,) = document["checked"]
    assert document["passed"]
    assert checked["passed"]
    assert checked["store"] == f"file://{folder}"
    assert outcomes(result).keys() == {c.__name__ for c in ALL}
    assert checked["latency"].keys() == {"put", "stat", "get", "list", "delete"}
    assert checked["latency"]["put"]["median_s"] <= checked["latency"]["put"]["p95_s"]
    assert checked["throughput"]["size_bytes"] == 100 << 10
    assert checked["throughput"]["get_bytes_per_s"] > 0
    assert (checked["error"], checked["left"]) == (None, [])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (OnePage, "r3_list_is_complete_and_sorted"),
        (Overwrites, "r1_create_never_overwrites"),
        (CutsShort, "get_returns_what_put_stored"),
    ],
)
def test_a_broken_rule_is_told_and_nothing_is_left(
    kind: type[Wrapped],
    name: str,
    folder: Path,
    wrapped: Wrap,
) -> None:
    wrapped(kind)
    clock = f"--rehearsal-clock={folder.with_name('clock')}"  # for late listings
    result = check(f"file://{folder}", "--json", clock)
    assert (result.status, result.code) == (28, "rules-broken")
    assert outcomes(result)[name] == "failed"
    assert json.loads(result.out)["passed"] is False
    assert files(folder) == MINE


class TestCold:
    def test_it_asks_first(self, folder: Path) -> None:
        result = check(f"cold+file://{folder}")
        assert (result.status, result.code) == (2, "usage-invalid")
        assert "for 90 to 180 days of storage" in result.error
        assert "--yes" in result.err
        assert files(folder) == MINE

    def test_it_reads_and_thaws_nothing(self, folder: Path) -> None:
        result = check(f"cold+file://{folder}", "--yes").succeeded()
        states = folder.with_name("store.thaws.json").read_text()
        assert states == "{}"
        assert result.out.count("not tried: what is put here is sealed at once") == 3
        assert "sealed at once; no thaw was started" in result.out
        assert files(folder) == MINE

    def test_pca(self, openstack: OpenStack, monkeypatch: pytest.MonkeyPatch) -> None:
        container = openstack.make_container("PCA")
        set_variables(monkeypatch, keystone(openstack, "PCA_"))
        openstack.forget()
        result = check(f"pca://{container}/a/prefix", "--yes").succeeded()
        asked = openstack.requests()
        assert not [r for r in asked if r.method == "GET" and r.state]
        puts = {r.name for r in asked if r.method == "PUT" and r.name}
        assert all(name.startswith(f"a/prefix/{FOLDER}") for name in puts)
        assert openstack.admin().get_container(container)[1] == []
        assert "no thaw was started" in result.out

    def test_only_volumes_are_cold(
        self, azure: Azure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AZURE_CONNECTION_STRING", azure.connection_string)
        url = f"azure://test-{uuid.uuid4().hex[:12]}/a"
        words = (url, "--azure-blob-tier=Archive", "--create", "--json")
        assert check(*words).status == 2
        result = check(*words, "--yes").succeeded()
        (checked,) = json.loads(result.out)["checked"]
        assert checked["latency"].keys() == {"put", "stat", "get", "list", "delete"}
        assert checked["throughput"]["get_bytes_per_s"] is None
        assert set(outcomes(result).values()) == {"ok", "not offered"}
        assert outcomes(result)["cold_objects_are_read_through_a_thaw_only"] == "ok"

    @pytest.mark.parametrize(
        ("url", "words", "seals"),
        [
            ("file:///x", (), False),
            ("cold+file:///x", (), True),
            ("pca://x", (), True),
            ("swift://x", (), False),
            ("s3:///x", (), False),
            ("s3:///x", ("--s3-use-deep-archive",), True),
            ("s3:///x", ("--s3-use-glacier",), True),
            ("s3://s3.gra.io.cloud.ovh.net/x", ("--s3-use-glacier",), False),
            ("s3://s3.gra.io.cloud.ovh.net/x", ("--s3-use-deep-archive",), True),
        ],
    )
    def test_who_is_asked(self, url: str, words: tuple[str, ...], seals: bool) -> None:
        """OVHcloud keeps its class GLACIER online."""
        line = parse_command_line(["store", "check", url, *words])
        wanted = Wanted(url=parse_url(url), env={}, options={})
        assert seals_volumes(wanted, line.options) is seals


def set_variables(monkeypatch: pytest.MonkeyPatch, env: Any) -> None:
    for name, value in env.items():
        assert isinstance(value, Secret)
        monkeypatch.setenv(name, value.reveal())


class TestAccess:
    """One message, not one for each check."""

    def sftp(self, server: Ssh, folder: str) -> tuple[str, str]:
        place = server.data / folder
        url = f"sftp://{server.user}@127.0.0.1:{server.port}/{place}"
        return url, f"--ssh-options={server.options}"

    def test_read_only(self, sshd: Ssh) -> None:
        name = sshd.new_folder()
        (sshd.data / name).chmod(0o555)
        result = check(*self.sftp(sshd, name))
        assert (result.status, result.code) == (21, "access-denied")
        assert "can be listed, but nothing can be put there" in result.error
        assert list((sshd.data / name).iterdir()) == []

    def test_missing(self, sshd: Ssh) -> None:
        name = sshd.new_folder(exists=False)
        result = check(*self.sftp(sshd, name))
        assert (result.status, result.code) == (26, "store-missing")
        assert "--create" in result.err
        assert not (sshd.data / name).exists()
        result = check(*self.sftp(sshd, name), "--create")
        assert result.status == 0, result.err
        assert re.search(r"R8 .* ok\n", result.out)
        assert "it was made for this check, and stays" in result.err
        assert list((sshd.data / name).iterdir()) == []

    def test_wrong_credentials(
        self, openstack: OpenStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        env = {**keystone(openstack, "SWIFT_"), "SWIFT_PASSWORD": Secret("hunter2")}
        set_variables(monkeypatch, env)
        result = check(f"swift://{openstack.new_name()}")
        assert (result.status, result.code) == (21, "access-denied")
        assert "hunter2" not in result.err + result.out

    def test_unreachable(self, sshd: Ssh) -> None:
        url = f"sftp://{sshd.user}@127.0.0.1:{free_port()}/x"
        result = check(url, f"--ssh-options={sshd.options}")
        assert (result.status, result.code) == (23, "store-unavailable")

    def test_nothing_can_be_deleted(self, folder: Path, wrapped: Wrap) -> None:
        class Keeps(Wrapped):
            def delete(self, name: str) -> None:
                raise Denied(f"cannot delete {name!r}", hint="Ask the owner.")

        wrapped(Keeps)
        result = check(f"file://{folder}")
        assert (result.status, result.code) == (21, "access-denied")
        (left,) = files(folder).keys() - MINE.keys()
        assert left in result.err

    def test_read_only_option(self, folder: Path) -> None:
        result = check(f"file://{folder}", "--read-only")
        assert (result.status, result.code) == (21, "access-denied")
        assert files(folder) == MINE


def test_a_server_that_dies_in_between(folder: Path, wrapped: Wrap) -> None:
    """What it has is told precisely; the names are those that are there."""
    wrapped(lambda store: Faulty(store, 120, "before"))
    result = check(f"file://{folder}", "--json")
    assert (result.status, result.code) == (23, "store-unavailable")
    (checked,) = json.loads(result.out)["checked"]
    left = files(folder).keys() - MINE.keys()
    assert left <= set(checked["left"])
    assert "with a tool of the store" in result.err
    assert {name.partition("/")[0] for name in left} == {
        name.partition("/")[0] for name in checked["left"]
    }


class TestEnd:
    def test_ctrl_c(self, folder: Path, wrapped: Wrap) -> None:
        class Pressed(Wrapped):
            calls = 0

            def list(self, prefix: str = "") -> tuple[Entry, ...]:
                self.calls += 1
                if self.calls == 9:
                    raise KeyboardInterrupt
                return super().list(prefix)

        wrapped(Pressed)
        result = check(f"file://{folder}")
        assert (result.status, result.code) == (130, "interrupted")
        assert files(folder) == MINE

    @pytest.mark.parametrize(
        ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)]
    )
    def test_signals(
        self, folder: Path, number: signal.Signals, status: int, tmp_path: Path
    ) -> None:
        process = subprocess.Popen(
            [PROGRAM, "store", "check", f"file://{folder}"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while len(list(folder.rglob("vol*"))) < 20:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)  # another process: there is nothing to wait on
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == status
        left = files(folder).keys() - MINE.keys()
        assert all(name.startswith(FOLDER) for name in left)
        assert {name: files(folder)[name] for name in MINE} == MINE
        if number is signal.SIGINT:
            assert not left
            return
        result = check(f"file://{folder}").succeeded()
        assert "of other checks, such as" in result.err
        assert files(folder).keys() - MINE.keys() == left


class TestMulti:
    def config(self, tmp_path: Path, *entries: dict[str, object]) -> str:
        file = tmp_path / "config.json"
        file.write_text(json.dumps(entries))
        return f"multi://{file}?mode=mirror&onfail=abort"

    def test_each_store_is_checked_and_one_that_fails_hides_no_other(
        self, folder: Path, tmp_path: Path
    ) -> None:
        url = self.config(
            tmp_path,
            {"url": f"file://{tmp_path}/nowhere"},
            {"url": f"file://{folder}", "name": "disk"},
            {"url": "gopher://host/path"},
        )
        result = check(url, "--json")
        assert (result.status, result.code) == (26, "store-missing")
        document = json.loads(result.out)
        assert not document["passed"]
        first, second, third = document["checked"]
        assert (second["store"], second["passed"]) == ("disk", True)
        assert first["error"]["code"] == "store-missing"
        assert third["error"]["code"] == "config-invalid"
        assert files(folder) == MINE

    def test_consent_is_asked_for_before_anything_is_written(
        self, folder: Path, tmp_path: Path
    ) -> None:
        cold = tmp_path / "cold"
        cold.mkdir()
        url = self.config(
            tmp_path, {"url": f"file://{folder}"}, {"url": f"cold+file://{cold}"}
        )
        result = check(url)
        assert result.status == 2
        assert result.out == ""
        assert files(folder) == MINE


def test_words() -> None:
    out, err = _Text(), _Text()
    with redirect_stdout(out), redirect_stderr(err):
        assert main(["store", "chekc", "file:///x"]) == 2
        assert main(["store", "check", "file:///x", "--size=0M"]) == 2
        assert main(["store", "check", "file:///x", "--size=16"]) == 2
    assert "store is followed by check" in err.getvalue()
    assert "'16' is not a valid SIZE" in err.getvalue()
