"""Small files that another process reads before they are packed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from tiered.archive.columns import Columns, Places
from tiered.archive.paths import split_path
from tiered.engine.native import read_ahead
from tiered.engine.native.changes import Change, Row, What
from tiered.engine.native.read_ahead import ReadAhead, SmallFile
from tiered.engine.scan import Unreadable

Seen = list[tuple[bytes, SmallFile | None] | int]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is started after the third file; little fits into its memory."""
    monkeypatch.setattr(read_ahead, "_FEW", 3)
    monkeypatch.setattr(read_ahead, "_CONTENT_BYTES", 1000)
    monkeypatch.setattr(read_ahead, "_MOST_ITEMS", 30)


def change(path: bytes) -> Change:
    row = Row(Columns(), Places(Columns()), 0)
    return Change(What.NEW, path, row, None)


def make_files(folder: Path, count: int) -> dict[bytes, bytes]:
    contents = {b"f%d" % n: b"%d " % n * (n % 60) for n in range(count)}
    for path, content in contents.items():
        (folder / os.fsdecode(path)).write_bytes(content)
    return contents


def reading(
    folder: Path, seen: Seen, on_many: Callable[[], None] = lambda: None
) -> ReadAhead:
    def pack(item: Change | Unreadable, small: SmallFile | None) -> None:
        assert isinstance(item, Change)
        seen.append((item.path, small))

    return ReadAhead(os.fsencode(folder), pack, on_many)


def check(seen: Seen, contents: dict[bytes, bytes], least_read: int) -> None:
    """All are there, in order, and what was read is right."""
    files = [each for each in seen if isinstance(each, tuple)]
    assert [path for path, _ in files] == list(contents)
    read = [(path, small) for path, small in files if small]
    assert len(read) >= least_read
    for path, small in read:
        data = contents[path]
        assert small == SmallFile(data, blake3(data).digest(), {})


def test_order_and_content(tmp_path: Path) -> None:
    contents = make_files(tmp_path, 300)
    seen: Seen = []
    ahead = reading(tmp_path, seen)
    for number, (path, content) in enumerate(contents.items()):
        if number % 10 == 0:
            ahead.call(lambda number=number: seen.append(number))  # type: ignore[misc]  # its value now
        ahead.add(change(path), len(content))
    ahead.finish()
    ahead.close()
    check(seen, contents, 297)
    assert [seen.index(n) for n in range(0, 300, 10)] == list(range(0, 330, 11))


def test_few_files_are_read_by_who_packs_them(tmp_path: Path) -> None:
    seen: Seen = []
    started: list[None] = []
    ahead = reading(tmp_path, seen, lambda: started.append(None))
    for path in b"a", b"b":
        ahead.add(change(path), 1)
    ahead.add(change(b"folder"), None)
    ahead.finish()
    assert [small for _, small in seen] == [None] * 3  # type: ignore[misc]  # all pairs
    assert not started


def test_many_files_are_expected(tmp_path: Path) -> None:
    contents = make_files(tmp_path, 5)
    seen: Seen = []
    started: list[None] = []
    ahead = reading(tmp_path, seen, lambda: started.append(None))
    ahead.expect(2)
    assert not started
    for _ in range(2):
        ahead.expect(3)
    for path, content in contents.items():
        ahead.add(change(path), len(content))
    ahead.finish()
    ahead.close()
    check(seen, contents, 5)
    assert len(started) == 1


def test_what_is_not_as_it_was(tmp_path: Path) -> None:
    contents = make_files(tmp_path, 20)
    longer, shorter, gone, link, folder = b"f11", b"f12", b"f13", b"f14", b"f15"
    (tmp_path / "f11").write_bytes(contents[longer] + b"x")
    (tmp_path / "f12").write_bytes(contents[shorter][1:])
    for path in gone, link, folder:
        (tmp_path / os.fsdecode(path)).unlink()
    (tmp_path / "f14").symlink_to("f16")
    (tmp_path / "f15").mkdir()
    seen: Seen = []
    ahead = reading(tmp_path, seen)
    for path, content in contents.items():
        ahead.add(change(path), len(content))
    ahead.finish()
    ahead.close()
    check(seen, contents, 12)
    left = {path for path, small in seen[3:] if not small}  # type: ignore[misc]  # as above
    assert left == {longer, shorter, gone, link, folder}


def test_extended_attributes(tmp_path: Path) -> None:
    contents = make_files(tmp_path, 9)
    os.setxattr(tmp_path / "f7", b"user.a", b"b")
    seen: Seen = []
    ahead = reading(tmp_path, seen)
    for path, content in contents.items():
        ahead.add(change(path), len(content))
    ahead.finish()
    ahead.close()
    found = {path: small.xattrs for path, small in seen[3:] if small}  # type: ignore[misc]  # as above
    assert found == {
        b"f%d" % n: {b"user.a": b"b"} if n == 7 else {} for n in range(3, 9)
    }


@pytest.mark.parametrize("when", range(0, 100, 7))
def test_a_process_that_is_lost(tmp_path: Path, when: int) -> None:
    contents = make_files(tmp_path, 100)
    seen: Seen = []
    ahead = reading(tmp_path, seen)
    for number, (path, content) in enumerate(contents.items()):
        if number == when and ahead._worker:
            ahead._worker._process.kill()
            ahead._worker._process.wait()
        ahead.add(change(path), len(content))
    ahead.finish()
    ahead.close()
    check(seen, contents, 0)


def test_no_process_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(read_ahead, "Worker", refuse)
    contents = make_files(tmp_path, 50)
    seen: Seen = []
    ahead = reading(tmp_path, seen)
    for path, content in contents.items():
        ahead.add(change(path), len(content))
    ahead.finish()
    check(seen, contents, 0)


def test_paths_that_are_too_long_for_one_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "_ORDER_BYTES", 100)
    contents = make_files(tmp_path, 50)
    seen: Seen = []
    ahead = reading(tmp_path, seen)
    for path, content in contents.items():
        ahead.add(change(path), len(content))
    ahead.finish()
    ahead.close()
    check(seen, contents, 0)


def test_an_unreadable_folder_keeps_its_place(tmp_path: Path) -> None:
    contents = make_files(tmp_path, 10)
    seen: list[object] = []
    ahead = ReadAhead(
        os.fsencode(tmp_path), lambda item, _: seen.append(item), lambda: None
    )
    items = [change(path) for path in contents]
    unreadable = Unreadable(split_path(b"x/y"), "Permission denied")
    for item in items[:6]:
        ahead.add(item, len(contents[item.path]))
    ahead.add(unreadable, None)
    for item in items[6:]:
        ahead.add(item, len(contents[item.path]))
    ahead.finish()
    ahead.close()
    assert seen == [*items[:6], unreadable, *items[6:]]
