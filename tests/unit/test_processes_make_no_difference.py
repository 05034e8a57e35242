"""A set is the same, bit for bit, whoever reads and compresses its small files."""

import os
import random
from pathlib import Path

import pytest
from blake3 import blake3

from tests.engine import open_archive
from tiered.archive.style import Style
from tiered.engine.native import pack_processes, read_ahead
from tiered.engine.native.worker import Worker
from tiered.testing.clocks import JumpingClock

NEVER = 1 << 60
LATE_NS = 1_700_000_000_000_000_000


def make_tree(top: Path) -> None:
    """What a process may and may not read, in one order."""
    chance = random.Random(1)
    words = [chance.randbytes(chance.randrange(2, 9)) for _ in range(300)]
    for number in range(1200):
        folder = top / f"d{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"f{number}"
        kind = number % 40
        if kind == 0:
            file.symlink_to("f1")
        elif kind == 1 and number > 40:
            os.link(top / "d1" / "f1", file)
        elif kind == 2:
            file.write_bytes(chance.randbytes(70_000))
        elif kind == 3:
            file.write_bytes(chance.choice(words) * 200)  # some more than once
        else:
            count = chance.randrange(0, 900)
            file.write_bytes(b" ".join(chance.choices(words, k=count)))
        if kind == 4:
            os.setxattr(file, b"user.kind", b"four")
        if number % 150 == 149:
            (folder / f"large{number}").write_bytes(chance.randbytes(1 << 19))


def edit_tree(top: Path) -> None:
    chance = random.Random(2)
    for file in sorted(top.rglob("f*")):
        if file.is_symlink():
            continue
        turn = chance.randrange(5)
        if turn == 0:
            file.unlink()
        elif turn == 1:
            data = chance.randbytes(100) + file.read_bytes()
            file.unlink()  # or all names of a hard link change
            file.write_bytes(data)
        elif turn == 2:
            file.rename(file.with_name(file.name + "-moved"))


def stored(
    folder: Path, source: Path, few: int, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, bytes]]:
    """The objects of a full and an incremental set."""
    monkeypatch.setattr(read_ahead, "_FEW", few)
    monkeypatch.setattr(read_ahead, "_CONTENT_BYTES", 300_000)
    monkeypatch.setattr(pack_processes, "_RUNS_BYTES", 600_000)
    monkeypatch.setattr(pack_processes, "MOST_BUNDLED_BYTES", 500_000)
    folder.mkdir()
    make_tree(source)
    archive = open_archive(folder, clock=JumpingClock(), style=Style.TIERED)
    found = []
    for _ in range(2):
        for path in [source, *source.rglob("*")]:
            os.utime(path, ns=(LATE_NS, LATE_NS), follow_symlinks=False)
        archive.back_up(source)
        store = folder / "store"
        found.append({f.name: f.read_bytes() for f in store.iterdir() if f.is_file()})
        archive.clock.sleep_s(3600)
        edit_tree(source)
    return found


def test_the_same_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    alone = stored(tmp_path / "a", source, NEVER, monkeypatch)
    source.rename(tmp_path / "gone")
    started: list[str] = []

    class Counted(Worker):
        def __init__(self, module: str, memory_bytes: int) -> None:
            started.append(module.rpartition(".")[2])
            super().__init__(module, memory_bytes)

    monkeypatch.setattr(read_ahead, "Worker", Counted)
    monkeypatch.setattr(pack_processes, "Worker", Counted)
    helped = stored(tmp_path / "b", source, 20, monkeypatch)
    assert started == ["packer_process", "packer_process", "reader_process"] * 2
    for one, other in zip(alone, helped, strict=True):
        assert list(map(len, sorted(one))) == list(map(len, sorted(other)))
        volumes = [name for name in sorted(one) if ".vol" in name]
        assert len(volumes) > 2
        assert sorted(one) == sorted(other)
        for name in volumes:
            assert blake3(one[name]).digest() == blake3(other[name]).digest(), name
