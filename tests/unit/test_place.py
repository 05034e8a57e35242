"""Writing paths to disk: attributes as stored, and never outside the target."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import AS_STORED
from tiered.archive.fileinfo import FileInfo, FileType
from tiered.archive.paths import PathKey
from tiered.engine.place import Placer, PlaceSettings, check_target
from tiered.errors import TargetError

DIR, REG, LINK = FileType.DIRECTORY, FileType.REGULAR, FileType.SYMLINK


class Target:
    """A folder to restore to, beside one that must stay untouched."""

    def __init__(self, folder: Path, settings: PlaceSettings = AS_STORED) -> None:
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.root = folder / "target"
        self.placer = Placer(os.fsencode(self.root), settings)

    def place(
        self, path: bytes, type_: FileType = REG, data: bytes = b"", **fields: object
    ) -> None:
        key: PathKey = tuple(p for p in path.split(b"/") if p)
        attributes = {"mode": 0o755, "mtime_s": 1000, **fields}
        info = FileInfo(path=key, type=type_, **attributes)  # type: ignore[arg-type] # fields of FileInfo
        self.placer.place(info, key, iter([data]))


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def test_a_tree(target: Target) -> None:
    target.place(b"", DIR, mode=0o750, mtime_s=11)
    target.place(b"d", DIR, mode=0o1777, mtime_s=22)
    target.place(b"d/f", data=b"data", mode=0o640, mtime_s=33)
    target.place(b"d/l", LINK, linkname=b"nowhere\xff")
    target.place(b"e", data=b"", mode=0o400)
    target.placer.finish()
    root = target.root
    assert (root / "d/f").read_bytes() == b"data"
    assert (root / "d/l").readlink() == Path(os.fsdecode(b"nowhere\xff"))
    for path, mode, mtime_s in (
        (root, 0o750, 11),
        (root / "d", 0o1777, 22),  # though files were written into it
        (root / "d/f", 0o640, 33),
        (root / "e", 0o400, 1000),
    ):
        status = path.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (mode, mtime_s)
    assert (root / "d/l").lstat().st_mtime == 1000


def test_a_set_user_id_bit_survives_the_change_of_owner(target: Target) -> None:
    target.place(b"f", mode=0o6755, uid=12345, gid=54321)
    status = (target.root / "f").stat()
    assert (status.st_uid, status.st_gid) == (12345, 54321)
    assert stat.S_IMODE(status.st_mode) == 0o6755


def test_a_name_known_here_counts_more_than_the_number(tmp_path: Path) -> None:
    known = {b"alice": 4242}
    target = Target(tmp_path, PlaceSettings(user_id=known.get, group_id=known.get))
    target.place(b"f", uid=1, gid=2, uname=b"alice", gname=b"unknown")
    status = (target.root / "f").stat()
    assert (status.st_uid, status.st_gid) == (4242, 2)


def test_without_ownership_files_are_ours(tmp_path: Path) -> None:
    settings = PlaceSettings(
        ownership=False, user_id=lambda _: None, group_id=lambda _: None
    )
    target = Target(tmp_path, settings)
    target.place(b"f", uid=12345, gid=54321, mode=0o4755)
    status = (target.root / "f").stat()
    assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())


def test_other_types(target: Target) -> None:
    target.place(b"c", FileType.CHARDEV, mode=0o620, devmajor=1, devminor=3)
    target.place(b"f", FileType.FIFO, mode=0o600)
    device = (target.root / "c").stat()
    assert stat.S_ISCHR(device.st_mode)
    assert device.st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((target.root / "f").stat().st_mode)


def test_parents_without_an_entry_are_made(target: Target) -> None:
    target.place(b"a/b/c", data=b"x")
    target.placer.finish()
    assert (target.root / "a/b/c").read_bytes() == b"x"


def test_one_file_becomes_the_target_itself(target: Target) -> None:
    info = FileInfo(path=(b"a", b"f"), type=REG, mode=0o600)
    target.placer.place(info, (), iter([b"data"]))
    target.placer.finish()
    assert target.root.read_bytes() == b"data"


def test_a_relative_target_stays_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders: list[Path] = []
    real = os.rename

    def rename(old: bytes, new: bytes) -> None:
        folders.append(Path(os.fsdecode(old)).absolute().parent)
        real(old, new)

    monkeypatch.setattr(os, "rename", rename)
    placer = Placer(b"out", AS_STORED)
    placer.place(FileInfo(path=(b"f",), type=REG), (), iter([b"data"]))
    assert Path("out").read_bytes() == b"data"
    assert folders == [tmp_path]


class TestNoEscape:
    def test_through_a_link_in_the_archive(self, target: Target) -> None:
        target.place(b"", DIR)
        target.place(b"a", LINK, linkname=os.fsencode(target.outside))
        with pytest.raises(FileExistsError):
            target.place(b"a/evil", data=b"x")
        assert list(target.outside.iterdir()) == []

    def test_through_a_link_deeper_down(self, target: Target) -> None:
        target.place(b"d", DIR)
        target.place(b"d/a", LINK, linkname=b"../../outside")
        with pytest.raises(FileExistsError):
            target.place(b"d/a/b/evil", data=b"x")
        with pytest.raises(FileExistsError):
            target.place(b"d/a", DIR)
        assert list(target.outside.iterdir()) == []

    def test_through_a_link_that_was_there_before(self, target: Target) -> None:
        target.root.mkdir()
        (target.root / "a").symlink_to(target.outside)
        with pytest.raises(FileExistsError):
            target.place(b"a/evil", data=b"x")
        with pytest.raises(FileExistsError):
            target.place(b"a", DIR, mode=0o700)
        assert list(target.outside.iterdir()) == []
        assert stat.S_IMODE(target.outside.stat().st_mode) != 0o700

    def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(
        self, target: Target
    ) -> None:
        victim = target.outside / "victim"
        victim.write_bytes(b"safe")
        target.root.mkdir()
        (target.root / "f").symlink_to(victim)
        target.place(b"f", data=b"new", mode=0o600, uid=1)
        assert victim.read_bytes() == b"safe"
        assert victim.stat().st_uid == 0
        assert not (target.root / "f").is_symlink()

    def test_attributes_of_a_link_are_not_those_of_its_target(
        self, target: Target
    ) -> None:
        victim = target.outside / "victim"
        victim.write_bytes(b"safe")
        before = victim.stat()
        target.place(
            b"l", LINK, linkname=os.fsencode(victim), mode=0o777, uid=7, mtime_s=5
        )
        after = victim.stat()
        assert after == before
        assert (target.root / "l").lstat().st_uid == 7


def torn() -> Iterator[bytes]:
    yield b"half"
    raise OSError(5, "torn")


def test_a_file_is_whole_or_not_there(target: Target) -> None:
    target.place(b"", DIR)
    (target.root / "f").write_bytes(b"old")
    info = FileInfo(path=(b"f",), type=REG)
    with pytest.raises(OSError, match="torn"):
        target.placer.place(info, (b"f",), torn())
    assert (target.root / "f").read_bytes() == b"old"
    assert [p.name for p in target.root.iterdir()] == ["f"]


def test_a_directory_is_not_replaced_by_a_file(target: Target) -> None:
    (target.root / "d/sub").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        target.place(b"d")
    assert [p.name for p in target.root.iterdir()] == ["d"]


def test_an_attribute_that_cannot_be_set_does_not_cost_the_next_file(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is to blame, and is named; what comes after it is written."""
    target.place(b"d", DIR, mode=0o751)
    target.place(b"d/f")
    real = os.chmod

    def chmod(file: bytes, mode: int) -> None:
        if mode == 0o751:
            raise PermissionError(1, "not allowed")
        real(file, mode)

    monkeypatch.setattr(os, "chmod", chmod)
    target.place(b"e", data=b"x")
    assert (target.root / "e").read_bytes() == b"x"
    (error,) = target.placer.finish()
    assert error.strerror == "not allowed"


class TestTarget:
    def test_a_new_or_an_empty_one_is_fine(self, tmp_path: Path) -> None:
        check_target(os.fsencode(tmp_path / "new"), force=False)
        check_target(os.fsencode(tmp_path), force=False)

    @pytest.mark.parametrize("kind", ["full", "file", "link to a file", "dangling"])
    def test_one_that_is_taken_is_refused(self, kind: str, tmp_path: Path) -> None:
        path, taken = tmp_path / "target", tmp_path / "taken"
        taken.write_bytes(b"x")
        if kind == "full":
            path.mkdir()
            (path / "f").touch()
        elif kind == "file":
            path.touch()
        else:
            path.symlink_to(taken if kind == "link to a file" else "nowhere")
        with pytest.raises(TargetError, match="exists already") as caught:
            check_target(os.fsencode(path), force=False)
        assert "--force" in caught.value.hint
        check_target(os.fsencode(path), force=True)

    def test_a_missing_directory_above_is_refused(self, tmp_path: Path) -> None:
        for force in (False, True):
            with pytest.raises(TargetError, match="does not exist"):
                check_target(os.fsencode(tmp_path / "a" / "b"), force=force)

    def test_a_link_to_an_empty_directory_is_that_directory(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "real").mkdir()
        path = tmp_path / "link"
        path.symlink_to("real")
        check_target(os.fsencode(path), force=False)
        placer = Placer(os.fsencode(path), AS_STORED)
        placer.place(FileInfo(path=(), type=DIR, mode=0o751), (), iter(()))
        placer.place(FileInfo(path=(b"f",), type=REG), (b"f",), iter([b"x"]))
        placer.finish()
        assert (tmp_path / "real/f").read_bytes() == b"x"
        assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o751
