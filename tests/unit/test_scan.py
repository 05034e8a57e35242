"""Walking a tree: the order, what is left out, and what cannot be read."""

import os
import socket
import stat
from pathlib import Path

import pytest

from tests.engine import NOBODY, open_archive
from tiered.archive.fileinfo import FileType
from tiered.engine.pack import Tally
from tiered.engine.scan import OwnerNames, Scanned, Unreadable, scan
from tiered.errors import SourceError
from tiered.testing.tree import Item, build, differences, file, folder, link, snapshot


def scanned(root: Path) -> list[Scanned | Unreadable]:
    return list(scan(os.fsencode(root), NOBODY))


def paths(root: Path) -> list[bytes]:
    return [
        b"/".join(item.path if isinstance(item, Unreadable) else item.info.path)
        for item in scanned(root)
    ]


def test_the_order_is_that_of_path_tuples(tmp_path: Path) -> None:
    names = [b"a", b"a/b", b"a/b/c", b"a/b-", b"a!", b"a.txt", b"a0", b"B", b"\xff"]
    items = {n: folder() if n in (b"a", b"a/b") else file(b"") for n in names}
    build(tmp_path / "s", items)
    found = paths(tmp_path / "s")
    assert found == [b"", *sorted(names, key=lambda n: tuple(n.split(b"/")))]
    assert found.index(b"a/b") < found.index(b"a!")  # plain text order says otherwise


def test_types_and_attributes(tmp_path: Path) -> None:
    build(
        tmp_path / "s",
        {
            b"c": Item(type=FileType.CHARDEV, device=(1, 3), mode=0o620),
            b"d": folder(0o1777, 5),
            b"f": Item(data=b"12345", mode=0o6755, uid=7, gid=8, mtime_s=6),
            b"l": link(b"to\xff"),
            b"p": Item(type=FileType.FIFO),
        },
    )
    items = [i for i in scanned(tmp_path / "s") if isinstance(i, Scanned)]
    by_name = {b"/".join(i.info.path): i for i in items}
    c, d, f, l, p = (by_name[n] for n in (b"c", b"d", b"f", b"l", b"p"))  # noqa: E741 - as the names
    assert (c.info.type, c.info.devmajor, c.info.devminor) == (FileType.CHARDEV, 1, 3)
    assert (d.info.type, d.info.mode, d.info.mtime_s) == (FileType.DIRECTORY, 0o1777, 5)
    assert (f.info.mode, f.info.uid, f.info.gid, f.size_bytes) == (0o6755, 7, 8, 5)
    assert (f.info.devmajor, f.info.devminor, f.info.mtime_s) == (0, 0, 6)
    assert (l.info.type, l.info.linkname) == (FileType.SYMLINK, b"to\xff")
    assert (p.info.type, p.size_bytes) == (FileType.FIFO, 0)


def test_a_time_before_1970_is_0_and_parts_of_seconds_are_cut(tmp_path: Path) -> None:
    build(tmp_path / "s", {b"f": file(b"")})
    for ns, expected in ((-5_000_000_000, 0), (1_999_999_999, 1)):
        os.utime(tmp_path / "s/f", ns=(ns, ns))
        (_, item) = scanned(tmp_path / "s")
        assert isinstance(item, Scanned)
        assert item.info.mtime_s == expected


def test_a_socket_is_skipped(tmp_path: Path) -> None:
    build(tmp_path / "s", {b"a": file(b""), b"z": file(b"")})
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s/sock"))
        assert paths(tmp_path / "s") == [b"", b"a", b"z"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    build(tmp_path / "other", {b"f": file(b"")})
    build(tmp_path / "s", {b"l": link(b"../other"), b"loop": link(b".")})
    assert paths(tmp_path / "s") == [b"", b"l", b"loop"]


def test_a_root_that_is_a_link_means_what_it_points_to(tmp_path: Path) -> None:
    """Else a backup of it would hold one link, and no file."""
    build(tmp_path / "real", {b"f": file(b"x")})
    (tmp_path / "link").symlink_to("real")
    assert paths(tmp_path / "link") == [b"", b"f"]
    first = scanned(tmp_path / "link")[0]
    assert isinstance(first, Scanned)
    assert first.info.type is FileType.DIRECTORY


@pytest.mark.parametrize("what", ["missing", "file"])
def test_a_root_that_is_no_directory(what: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match=what):
        scanned(tmp_path / what)


def test_owner_names_are_looked_up_once(tmp_path: Path) -> None:
    asked: list[int] = []

    def name(number: int) -> str | None:
        asked.append(number)
        return "us\udcffer" if number == 0 else None

    build(tmp_path / "s", {b"a": file(b""), b"b": Item(uid=99, gid=99)})
    items = list(scan(os.fsencode(tmp_path / "s"), OwnerNames(name, name)))
    infos = [i.info for i in items if isinstance(i, Scanned)]
    assert [i.uname for i in infos] == [b"us\xffer", b"us\xffer", b""]
    assert sorted(asked) == [0, 0, 99, 99]  # a user and a group each


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Directories that cannot be listed; permissions do not stop root."""
    names: set[bytes] = set()
    real = os.listdir

    def listdir(path: bytes) -> list[bytes]:
        name = os.fsencode(path).rpartition(b"/")[2]
        if name in names:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    return names


def test_an_unreadable_directory_is_said(closed: set[bytes], tmp_path: Path) -> None:
    build(tmp_path / "s", {b"a": file(b""), b"d/f": file(b""), b"z": file(b"")})
    closed.add(b"d")
    found = scanned(tmp_path / "s")
    assert Unreadable((b"d",), "Permission denied") in found
    assert paths(tmp_path / "s") == [b"", b"a", b"d", b"z"]


def test_an_unreadable_directory_makes_no_deletions(
    closed: set[bytes], tmp_path: Path
) -> None:
    """What cannot be seen is kept as it was seen last."""
    source = tmp_path / "s"
    items = {b".": folder(), b"a": file(b"A"), b"d": folder(), b"d/f": file(b"F")}
    items |= {b"d/sub": folder(), b"d/sub/g": file(b"G"), b"e": file(b"E")}
    build(source, items)
    tree = snapshot(source)
    archive = open_archive(tmp_path)
    archive.back_up(source)
    archive.clock.sleep_s(100)
    closed.add(b"d")
    report = archive.back_up(source)
    closed.clear()
    assert (report.tally.deleted, report.tally.skipped) == (0, 1)
    assert archive.said.warnings == ["cannot read d: Permission denied; it is left out"]
    archive.clock.sleep_s(100)
    assert archive.back_up(source).tally == Tally()
    archive.restore(tmp_path / "out")
    assert differences(tree, snapshot(tmp_path / "out")) == []


def test_a_path_that_vanishes_during_the_walk_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "s", {b"a": file(b""), b"b": file(b""), b"d/x": file(b"")})
    walk = scan(os.fsencode(tmp_path / "s"), NOBODY)
    next(walk)
    (tmp_path / "s/b").unlink()
    (tmp_path / "s/d/x").unlink()
    (tmp_path / "s/d").rmdir()
    rest = list(walk)
    assert [i.info.path for i in rest if isinstance(i, Scanned)] == [(b"a",)]
    assert len(rest) == 1


def test_modes_hold_no_type_bits(tmp_path: Path) -> None:
    build(tmp_path / "s", {b"d": folder(0o755)})
    for item in scanned(tmp_path / "s"):
        assert isinstance(item, Scanned)
        assert item.info.mode == stat.S_IMODE(item.info.mode)
