"""Without tiered and without the hot store: what a cold folder and a passphrase give.

Backups of a tree that changes are made by the program; a script brings each state
back from the volumes and the copy of the key that lie beside them.
"""

import os
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine
from tests.emergency.test_restore_sh import SCRIPT
from tests.unit.age_peers import pyrage_decrypt
from tiered.archive.fileinfo import FileType
from tiered.testing.tree import Seen, build, differences, file, folder, link, snapshot

TIERS = """[
 {"url": "file://%(root)s/cold", "tier": "cold"},
 {"url": "file://%(root)s/hot", "tier": "hot"}
]"""
RANDOM = random.Random(7)
BIG = RANDOM.randbytes(2_500_000)
START_S = 1_800_000_000


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    options = ("--scrypt-work-factor", "3", "--volsize", "1", "--style", "tiered")
    return Machine(root=tmp_path / "machine", config=TIERS, options=options)


def begin(source: Path) -> None:
    many = {b"d/%d" % n: file(RANDOM.randbytes(999)) for n in range(30)}
    build(
        source,
        {
            b".": folder(0o750),
            b"big": file(BIG),
            b"d": folder(),
            b"dir": folder(),
            b"dir/in": file(b"in", mode=0o600),
            b"link": link(b"d/1"),
            b"grows": file(RANDOM.randbytes(70_000)),
            b"odd \xff\nname": file(b"odd"),
            b"twin": file(RANDOM.randbytes(9_000)),
            **many,
        },
    )
    shutil.copy2(source / "twin", source / "twin too")
    os.link(source / "grows", source / "grows too")


def change(source: Path) -> None:
    middle = RANDOM.randbytes(300_000)
    (source / "big").write_bytes(BIG[:1_000_000] + middle + BIG[1_000_001:])
    with (source / "grows").open("ab") as grows:
        grows.write(b"more")
    (source / "d/1").rename(source / "d/renamed")
    (source / "d/2").chmod(0o400)
    shutil.rmtree(source / "dir")
    (source / "dir").write_bytes(b"a file")
    (source / "link").unlink()
    (source / "link").mkdir()
    (source / "link/x").write_bytes(b"x")


def change_again(source: Path) -> None:
    (source / "big").write_bytes(b"small")
    (source / "grows too").unlink()
    (source / "twin").write_bytes(b"no twin")
    shutil.rmtree(source / "d")
    (source / "odd again").write_bytes(b"odd")


def key_file(machine: Machine, where: Path) -> Path:
    """The key as it comes out of the copy in the cold store."""
    (stored,) = (machine.root / "cold").glob("*tiered-keycopy.main.1.age")
    key = pyrage_decrypt(stored.read_bytes(), [], PASSPHRASE)
    assert key is not None
    where.write_bytes(key)
    return where


def kept(root: Path) -> dict[bytes, Seen]:
    """What the script promises: all but the times of directories."""
    return {
        path: replace(seen, mtime_s=0) if seen.type is FileType.DIRECTORY else seen
        for path, seen in snapshot(root).items()
    }


def test_every_state_comes_back_by_a_script(machine: Machine, tmp_path: Path) -> None:
    states = []
    for number, step in enumerate((begin, change, change_again)):
        step(machine.source)
        action = "incremental" if number else "full"
        now = str(START_S + number * 1000)
        machine.run(action, "SOURCE", "URL", "--current-time", now).succeeded()
        states.append(kept(machine.source))
    shutil.rmtree(machine.root / "hot")
    shutil.rmtree(machine.cache)
    key = key_file(machine, tmp_path / "key.txt")
    until = ("20270115T080000Z", "20270115T082000Z", "20270115T090000Z")
    for state, time in zip(states, until, strict=True):
        target = tmp_path / time
        call = [*map(str, (SCRIPT, key, machine.root / "cold", target)), time]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert differences(state, kept(target / "snapshot")) == []
    first = tmp_path / until[0] / "snapshot"
    assert (first / "grows").samefile(first / "grows too")


def test_the_programs_list_every_volume(machine: Machine, tmp_path: Path) -> None:
    """With age, zstd and tar alone; tar warns of keywords that it does not know."""
    for number, step in enumerate((begin, change)):
        step(machine.source)
        action = "incremental" if number else "full"
        now = str(START_S + number * 1000)
        machine.run(action, "SOURCE", "URL", "--current-time", now).succeeded()
    key = key_file(machine, tmp_path / "key.txt")
    volumes = sorted((machine.root / "cold").glob("*.difftar.zst.age"))
    assert len(volumes) > 3
    quiet = "--warning=no-unknown-keyword"
    pipe = f'set -o pipefail; age -d -i "$0" "$1" | zstd -d | tar t {quiet}'
    for volume in volumes:
        call = ["bash", "-c", pipe, str(key), str(volume)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), volume
        listed = done.stdout.splitlines()
        assert listed[0] == "set.json"
        assert len(listed) > 1
