"""Names of objects and rsync: patterns, folders, deletes by name."""

import os
import shutil
from pathlib import Path

import pytest

from tests.rsync_stores import files_in, opened
from tests.store_servers import Folder
from tests.stores import put, read
from tiered.errors import (
    Denied,
    NotFound,
    StoreError,
)
from tiered.store import Entry, PutMode
from tiered.testing.sources import BytesSource

NAMES = {
    *("a", "b", "ab", "*", "?", "a?", "[ab]", "a*", "\\a", "a\\*", "**", "-a", "+ a"),
    *("#a", ";a", " a", "a ", "d/a", "d/b", "d/*", "d/e/a", ".a", "d/.a", "~", "$a"),
    *("!", "a b", "a'b", 'a"b', "e/a", "[", "- *", "***/a", "\\#101", "ü"),
}


def test_a_delete_removes_that_object_and_nothing_else(
    rsyncd: Folder, tmp_path: Path
) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    left = set(NAMES)
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, rsyncd.data.owner())
    with opened(rsyncd, f"::open/{folder.name}", tmp_path) as store:
        assert {entry.name for entry in store.list()} == left
        for name in ("d", "d/e", "nothing", "d/nothing", "n/m/nothing", "a/b", "?b"):
            with pytest.raises(NotFound):
                store.delete(name)
            assert files_in(folder) == left
        for name in sorted(NAMES):
            store.delete(name)
            left.remove(name)
            assert files_in(folder) == left


def test_each_name_is_read_as_it_is(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    names = ("*", "[ab]", "d/*", "a?", " a", "#a", "**", "a ", "[", "~")
    for name in (*names, "a", "d/a"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    with opened(rsyncd, f"::chrooted/{folder.name}", tmp_path) as store:
        for name in names:
            assert read(store, name) == name.encode()
            assert store.stat(name).size == len(name)
        with pytest.raises(StoreError, match="cannot read it again"):
            put(store, "a\\*")


@pytest.mark.parametrize("module", ["::open", "::chrooted", ""])
def test_an_object_in_a_missing_folder_is_not_found(
    module: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind = "rsyncd" if module else "sshd_with_shell"
    server: Folder = request.getfixturevalue(kind)
    with opened(server, f"{module}/{server.new_folder()}", tmp_path) as store:
        for call in (store.get, store.stat, store.delete):
            with pytest.raises(NotFound):
                call("n/m/nothing")


def test_a_folder_is_no_object_and_none_is_lost_to_the_other(
    rsyncd: Folder, tmp_path: Path
) -> None:
    with opened(rsyncd, f"::open/{rsyncd.new_folder()}", tmp_path) as store:
        put(store, "a/b", b"below")
        put(store, "c", b"file")
        for call in (store.get, store.stat, store.delete):
            with pytest.raises(NotFound):
                call("a")
        for mode in PutMode:
            with pytest.raises(StoreError):
                store.put("a", BytesSource(b"x"), mode)
            for name in ("c/d", "c/d/e"):
                with pytest.raises(StoreError):
                    store.put(name, BytesSource(b"x"), mode)
        assert (read(store, "a/b"), read(store, "c")) == (b"below", b"file")


def test_links_and_pipes_are_no_objects(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    (folder / "file").write_bytes(b"abc")
    (folder / "link").symlink_to("file")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "pipe")
    with opened(rsyncd, f"::open/{folder.name}", tmp_path) as store:
        assert store.list() == (Entry("file", 3),)
        with pytest.raises(NotFound):
            store.get("link")


def test_a_folder_that_may_not_be_read_is_no_empty_one(
    rsyncd: Folder, tmp_path: Path
) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    (folder / "a").write_bytes(b"x")
    (folder / "closed").mkdir(mode=0o700)
    with (
        opened(rsyncd, f"::open/{folder.name}", tmp_path) as store,
        pytest.raises(Denied, match="permission denied"),
    ):
        store.list()
