"""The process that a store on rclone has: one of its own, with no secret to be seen."""

import os
import select
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.accounts import variables
from tests.rclone_stores import DATA, ENV, local, webdav
from tests.store_servers import Folder
from tests.stores import put, read
from tiered.backends.rclone import rclone_store
from tiered.backends.rclone.store import RcloneStore
from tiered.errors import (
    ConfigError,
    MissingDependency,
    StoreError,
    Unavailable,
)
from tiered.secret import Secret
from tiered.store import Entry
from tiered.url import parse_url


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
from tests.rclone_stores import local
from tests.test_rclone_process import children
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
