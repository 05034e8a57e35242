"""Disks that are full or read-only: one clear error, and nothing is hurt."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine
from tests.crash.world import make_source
from tiered.testing.tree import differences, snapshot

SIZE = 6_000_000


@contextmanager
def tiny_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk of its own, in memory, at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"these tests must mount a tmpfs, as root: {done.stderr.strip()}")
    try:
        yield
    finally:
        # lazily: a server may still be closing what it had open there
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=["duplicity", "tiered"])
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    """A source that does not compress."""
    options = ("--no-encryption", "--volsize", "1", "--style", str(request.param))
    machine = Machine(root=tmp_path / "machine", options=options)
    make_source(machine.source, 1)
    (machine.source / "noise").write_bytes(random.Random(3).randbytes(SIZE))
    return machine


def manifests(machine: Machine) -> set[str]:
    return {name for name in machine.objects() if "manifest" in name}


def check_good_run(machine: Machine) -> None:
    """After the disk has room again."""
    machine.run("full", "SOURCE", "URL").succeeded()
    machine.run("cleanup", "--force", "URL").succeeded()
    assert "incomplete" not in machine.run("status", "URL").out
    assert machine.restores() == []
    assert list(machine.tmp.iterdir()) == []


@pytest.mark.parametrize("options", [(), ("--no-compression",)])
def test_temporary_folder_full_in_a_backup(
    machine: Machine, options: tuple[str, ...]
) -> None:
    with tiny_disk(machine.tmp, 1 << 19):
        result = machine.run("full", "SOURCE", "URL", *options)
        assert list(machine.tmp.iterdir()) == []
    assert (result.status, result.code) == (6, "scratch-unusable")
    assert not manifests(machine)
    check_good_run(machine)


def test_temporary_folder_full_in_an_encrypted_backup(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In style duplicity it is gpg that meets the full disk."""
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    encrypting = Machine(
        root=machine.root,
        options=(*machine.options[1:], "--scrypt-work-factor", "3"),
    )
    with tiny_disk(machine.tmp, 1 << 19):
        result = encrypting.run("full", "SOURCE", "URL")
        assert list(machine.tmp.iterdir()) == []
    assert (result.status, result.code) == (6, "scratch-unusable")
    assert not manifests(machine)
    check_good_run(machine)


def test_temporary_folder_full_in_a_restore(machine: Machine, tmp_path: Path) -> None:
    machine.run("full", "SOURCE", "URL").succeeded()
    with tiny_disk(machine.tmp, 1 << 19):
        result = machine.run("restore", "URL", tmp_path / "half")
        assert list(machine.tmp.iterdir()) == []
    if "tiered" in machine.options:  # a restore of that style keeps nothing there
        result.succeeded()
    else:
        assert (result.status, result.code) == (6, "scratch-unusable")
    assert machine.restores() == []


def test_temporary_folder_missing(machine: Machine) -> None:
    machine.tmp.rmdir()
    result = machine.run("full", "SOURCE", "URL")
    assert (result.status, result.code) == (6, "scratch-unusable")
    machine.tmp.mkdir()
    check_good_run(machine)


@pytest.mark.parametrize(("store", "size"), [("cold", 3 << 20), ("hot", 4096)])
def test_store_full(machine: Machine, store: str, size: int) -> None:
    """What was stored before stays; what was begun is not whole."""
    folder = machine.root / store
    with tiny_disk(folder, size):
        result = machine.run("full", "SOURCE", "URL")
        assert (result.status, result.code) == (22, "store-full")
        assert not manifests(machine)
        assert "incomplete" in machine.run("status", "URL").out
        machine.run("cleanup", "--force", "URL").succeeded()
        assert not machine.objects()
    assert list(machine.tmp.iterdir()) == []
    check_good_run(machine)


def test_store_full_for_an_inc(machine: Machine) -> None:
    with tiny_disk(machine.root / "cold", SIZE + (1 << 20)):
        machine.run("full", "SOURCE", "URL").succeeded()
        before = manifests(machine)
        old = snapshot(machine.source)
        (machine.source / "more").write_bytes(random.Random(4).randbytes(SIZE))
        result = machine.run("inc", "SOURCE", "URL")
        assert (result.status, result.code) == (22, "store-full")
        assert manifests(machine) == before
        target = machine.root / "whole"
        machine.run("restore", "URL", target).succeeded()
        assert differences(old, snapshot(target)) == []
        machine.run("cleanup", "--force", "URL").succeeded()
        (machine.source / "more").write_bytes(b"little")
        machine.run("inc", "SOURCE", "URL").succeeded()
        assert machine.restores() == []


def test_target_full(machine: Machine, tmp_path: Path) -> None:
    machine.run("full", "SOURCE", "URL").succeeded()
    disk = tmp_path / "disk"
    with tiny_disk(disk, 2 << 20):
        result = machine.run("restore", "URL", disk / "half")
        wanted = snapshot(machine.source)
        for path, seen in snapshot(disk / "half").items():
            assert seen.content == wanted[path].content  # no part of a file
    assert (result.status, result.code) == (11, "target-unusable")
    assert machine.restores() == []


def test_target_read_only(machine: Machine, tmp_path: Path) -> None:
    machine.run("full", "SOURCE", "URL").succeeded()
    disk = tmp_path / "disk"
    with tiny_disk(disk, 2 << 20):
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        result = machine.run("restore", "URL", disk / "half")
    assert (result.status, result.code) == (11, "target-unusable")


@pytest.mark.parametrize("words", [("full", "SOURCE", "URL"), ("cleanup", "URL")])
def test_cache_read_only(machine: Machine, words: tuple[str, ...]) -> None:
    machine.run("full", "SOURCE", "URL").succeeded()
    before = machine.objects()
    disk = machine.cache
    with tiny_disk(disk, 1 << 20):
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        result = machine.run(*words)
        assert (result.status, result.code) == (6, "scratch-unusable")
    assert machine.objects() == before
    check_good_run(machine)


def test_cache_full_before_the_backup(machine: Machine) -> None:
    disk = machine.cache
    with tiny_disk(disk, 1 << 16):
        fill(disk)
        result = machine.run("full", "SOURCE", "URL")
        assert (result.status, result.code) == (6, "scratch-unusable")
        assert not machine.objects()
    check_good_run(machine)


def test_cache_full_behind_the_commit(machine: Machine) -> None:
    """The set is safe by then: a warning, not an error."""
    disk = machine.cache
    with tiny_disk(disk, 6 << 12):
        result = machine.run("full", "SOURCE", "URL")
    assert result.status == 0, result.err
    assert "warning: the cache" in result.err
    assert manifests(machine)
    assert machine.restores() == []
    machine.run("inc", "SOURCE", "URL").succeeded()


def test_cache_full_in_a_restore(machine: Machine, tmp_path: Path) -> None:
    """It is a cache: without it the restore takes longer."""
    machine.run("full", "SOURCE", "URL").succeeded()
    disk = machine.cache
    with tiny_disk(disk, 1 << 16):
        fill(disk)
        result = machine.run("restore", "URL", tmp_path / "restored").succeeded()
    assert "warning: the cache" in result.err
    assert differences(snapshot(machine.source), snapshot(tmp_path / "restored")) == []


def fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            os.sync()
