"""A walk that another process does."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine import NOBODY
from tiered.archive.columns import Columns, Renumber
from tiered.engine.native import tree
from tiered.engine.native.tree import OwnerTable, Walk
from tiered.engine.native.walk_ahead import WalkAhead
from tiered.engine.native.walk_process import Batch, pack_item, unpack_item
from tiered.engine.native.worker import WorkerLost
from tiered.engine.scan import Unreadable
from tiered.errors import SourceError


def make_tree(top: Path, count: int = 6000) -> None:
    for number in range(count):
        folder = top / f"d{number % 13}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"f{number}"
        if number % 500 == 1:
            file.symlink_to(b"\xff-nowhere")
        elif number % 500 == 2:
            os.mkfifo(file)
        elif number % 500 == 3:
            os.link(top / "d0" / "f0", file)
        else:
            file.write_bytes(b"x" * (number % 50))
    if os.geteuid() == 0:
        os.chown(top / "d1" / "f14", 1234, 5678)


def joined(batches: Iterator[Columns | Unreadable]) -> Columns:
    whole = Columns()
    for batch in batches:
        assert isinstance(batch, Columns)
        whole.extend(batch, 0, len(batch), Renumber())
    return whole


def walk_here(root: Path) -> tuple[Columns, OwnerTable]:
    owners = OwnerTable(NOBODY)
    return joined(Walk(os.fsencode(root), owners).batches()), owners


def begun(root: Path) -> tuple[WalkAhead, OwnerTable]:
    owners = OwnerTable(NOBODY)
    walk = WalkAhead()
    walk.begin(os.fsencode(root))
    return walk.over(b"", owners), owners


def test_as_it_is_done_here(tmp_path: Path) -> None:
    make_tree(tmp_path)
    expected, owners = walk_here(tmp_path)
    walk, mine = begun(tmp_path)
    assert joined(walk.batches()) == expected
    assert mine.owners == owners.owners
    assert (walk.paths, walk.file_bytes) == (len(expected), sum(expected.sizes))
    assert walk.ended
    walk.close()


@pytest.mark.parametrize("when", range(3))
def test_a_process_that_is_lost(tmp_path: Path, when: int) -> None:
    make_tree(tmp_path)
    expected, owners = walk_here(tmp_path)
    walk, mine = begun(tmp_path)
    whole = Columns()
    for number, batch in enumerate(walk.batches()):
        assert isinstance(batch, Columns)
        whole.extend(batch, 0, len(batch), Renumber())
        if number == when:
            walk._worker._process.kill()
            walk._worker._process.wait()
    assert whole == expected
    assert mine.owners == owners.owners
    assert (walk.paths, walk.file_bytes) == (len(expected), sum(expected.sizes))
    assert walk.ended
    walk.close()


def test_a_process_that_is_lost_at_once(tmp_path: Path) -> None:
    make_tree(tmp_path, 100)
    walk, _ = begun(tmp_path)
    walk._worker._process.kill()
    walk._worker._process.wait()
    assert joined(walk.batches()) == walk_here(tmp_path)[0]
    walk.close()


def test_the_rest_behind_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(tmp_path, 100)
    expected, _ = walk_here(tmp_path)
    walk, _ = begun(tmp_path)
    bad = Unreadable((b"d3",), "Permission denied")
    first = Columns()
    first.extend(expected, 0, expected.paths.index(b"d3"), Renumber())
    said = iter([pack_item(Batch(first, [(0, 0), (1, 1)])), pack_item(bad)])

    def hear() -> object:
        if message := next(said, None):
            return message
        raise WorkerLost

    monkeypatch.setattr(walk._worker, "receive", hear)
    items = list(walk.batches())
    assert [item for item in items if isinstance(item, Unreadable)] == [bad]
    paths = [p for item in items if isinstance(item, Columns) for p in item.paths]
    assert paths == [p for p in expected.paths if p != b"d3"]
    walk.close()


def test_a_root_that_cannot_be_read(tmp_path: Path) -> None:
    walk, _ = begun(tmp_path / "nothing")
    with pytest.raises(SourceError, match="cannot read") as caught:
        list(walk.batches())
    assert caught.value.hint
    walk.close()


def test_nobody_listens(tmp_path: Path) -> None:
    make_tree(tmp_path, 20_000 // tree.BATCH_ROWS * tree.BATCH_ROWS)
    walk, _ = begun(tmp_path)
    walk.close()
    assert walk._worker._process.returncode == 0


def test_nothing_is_walked(tmp_path: Path) -> None:
    walk = WalkAhead()
    walk.close()
    assert walk._worker._process.returncode == 0


def test_messages(tmp_path: Path) -> None:
    make_tree(tmp_path, 1100)
    columns, _ = walk_here(tmp_path)
    columns = replace(columns, devices=[(1, 2)])
    batch = Batch(columns, [(0, 0), (4294967294, 3)])
    unreadable = Unreadable((b"a", b"\xff"), "no")
    assert unpack_item(pack_item(batch)) == batch
    assert unpack_item(pack_item(unreadable)) == unreadable
    error = unpack_item(pack_item(SourceError("bad", hint="Mend it.")))
    assert isinstance(error, SourceError)
    assert (str(error), error.hint) == ("bad", "Mend it.")
