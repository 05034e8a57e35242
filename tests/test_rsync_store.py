"""What is special about rsync: statuses that mean many things, part files that are
its own.
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contrib.servers.fault_proxy import FaultProxy, Faults
from tests.crash.test_disk_full import tiny_disk
from tests.rsync_stores import DATA, PATH, files_in, opened
from tests.store_servers import Folder
from tests.stores import put, read
from tiered.backends.rsync_program import rsync_store
from tiered.backends.rsync_program.failures import fail
from tiered.backends.rsync_program.listing import entries
from tiered.errors import (
    AlreadyExists,
    Denied,
    Full,
    StoreError,
    StoreMissing,
    Unavailable,
)
from tiered.store import Entry, PutMode
from tiered.testing.sources import BytesSource
from tiered.url import parse_url

# ---- what is not there -------------------------------------------------------


@pytest.mark.parametrize("place", ["::nothing", "::unmounted", "::unmounted/folder"])
def test_a_missing_module_is_no_empty_one(
    place: str, rsyncd: Folder, tmp_path: Path
) -> None:
    with opened(rsyncd, place, tmp_path) as store:
        for call in (
            store.list,
            lambda: read(store, "a"),
            lambda: put(store, "a"),
            lambda: store.delete("a"),
            store.create,
        ):
            with pytest.raises(StoreMissing):
                call()


@pytest.mark.parametrize("kind", ["rsyncd", "sshd_with_shell"])
def test_the_folder_is_not_made_with_its_parents_or_by_a_put(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server: Folder = request.getfixturevalue(kind)
    folder = server.new_folder()
    module = "::open" if kind == "rsyncd" else ""
    with opened(server, f"{module}/{folder}", tmp_path) as store:
        put(store, "a")
        shutil.rmtree(server.data / folder)  # as a disk that is unmounted
        for name in ("b", "b/c"):
            with pytest.raises(StoreMissing):
                put(store, name)
        assert not (server.data / folder).exists()
    with (
        opened(server, f"{module}/{folder}/below", tmp_path) as store,
        pytest.raises(StoreMissing, match="cannot create"),
    ):
        store.create()
    assert not (server.data / folder).exists()


def test_an_unreachable_server(
    rsyncd: Folder, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(rsyncd.port)
    proxy.faults = Faults(refuse=True)
    with opened(rsyncd, "::open", tmp_path, port=proxy.port) as store:
        assert proxy.seen == 0
        with pytest.raises(Unavailable):
            store.list()
    for url in ("rsync://127.0.0.1:1::open", "rsync://host.invalid/folder"):
        store = rsync_store(parse_url(url), PATH, timeout_s=9.0, scratch=tmp_path)
        with pytest.raises(Unavailable, match="no connection"):
            store.list()


def test_a_silent_server_is_given_up(
    rsyncd: Folder, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(rsyncd.port)
    proxy.faults = Faults(stall_after_bytes=500)
    place = f"::open/{rsyncd.new_folder()}"
    with opened(rsyncd, place, tmp_path) as store:
        put(store, "a", DATA)
    with (
        opened(rsyncd, place, tmp_path, port=proxy.port, timeout_s=1.0) as store,
        pytest.raises(Unavailable, match="no answer in time"),
    ):
        read(store, "a")


@pytest.mark.parametrize("kind", ["rsyncd", "sshd_with_shell"])
def test_a_broken_transfer_leaves_nothing(
    kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    fault_proxy: Callable[[int], FaultProxy],
) -> None:
    server: Folder = request.getfixturevalue(kind)
    proxy, folder = fault_proxy(server.port), server.new_folder()
    place = f"::open/{folder}" if kind == "rsyncd" else f"/{folder}"
    with opened(server, place, tmp_path, port=proxy.port) as store:
        put(store, "old", DATA)
        proxy.faults = Faults(cut_up_after_bytes=900_000)
        with pytest.raises(Unavailable):
            put(store, "new", DATA)
        with pytest.raises(Unavailable):
            store.put("old", BytesSource(DATA[::-1]), PutMode.REPLACE)
        proxy.faults = Faults(cut_after_bytes=900_000)
        with pytest.raises(Unavailable):
            store.get("old")
        proxy.faults = Faults()
        assert store.list() == (Entry("old", len(DATA)),)
        assert read(store, "old") == DATA
    assert list(tmp_path.iterdir()) == []


# ---- uploads -----------------------------------------------------------------


def test_an_upload_in_progress_has_another_name(
    rsyncd: Folder, tmp_path: Path, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy, folder = fault_proxy(rsyncd.port), rsyncd.new_folder()
    proxy.faults = Faults(rate_bytes_per_s=3_000_000)
    seen = set[str]()
    with opened(rsyncd, f"::open/{folder}", tmp_path, port=proxy.port) as store:
        uploading = threading.Thread(target=put, args=(store, "d/a", DATA))
        uploading.start()
        while uploading.is_alive():
            seen |= files_in(rsyncd.data / folder)
        uploading.join()
        assert read(store, "d/a") == DATA
    part = next(name for name in seen if name != "d/a")
    (rsyncd.data / folder / part).write_bytes(b"left behind")
    with opened(rsyncd, f"::open/{folder}", tmp_path) as store:
        assert store.list() == (Entry("d/a", len(DATA)),)
        with pytest.raises(StoreError, match="unfinished uploads"):
            put(store, part)


def test_new_objects_get_the_mode_of_new_files(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.new_folder()
    with opened(rsyncd, f"::open/{folder}", tmp_path) as store:
        put(store, "a")
    assert (rsyncd.data / folder / "a").stat().st_mode & 0o777 == 0o644


def test_a_server_without_fsync(rsyncd: Folder, tmp_path: Path) -> None:
    with opened(rsyncd, f"::before-fsync/{rsyncd.new_folder()}", tmp_path) as store:
        put(store, "a", DATA)
        put(store, "b", DATA)
        with pytest.raises(AlreadyExists):
            put(store, "a")
        assert read(store, "a") == DATA


def test_a_full_disk(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.data / rsyncd.new_folder()
    with tiny_disk(folder, 1 << 20):
        shutil.chown(folder, rsyncd.data.owner())
        with opened(rsyncd, f"::open/{folder.name}", tmp_path) as store:
            with pytest.raises(Full, match="no space"):
                put(store, "big", DATA)
            assert store.list() == ()
            put(store, "small")


def test_what_a_module_does_not_allow(rsyncd: Folder, tmp_path: Path) -> None:
    folder = rsyncd.new_folder()
    with opened(rsyncd, f"::open/{folder}", tmp_path) as store:
        put(store, "a")
    with opened(rsyncd, f"::read-only/{folder}", tmp_path) as store:
        with pytest.raises(Denied, match="does not allow"):
            put(store, "b")
        assert read(store, "a") == b"x"
    with opened(rsyncd, f"::no-delete/{folder}", tmp_path) as store:
        with pytest.raises(Denied, match="refuses an option"):
            store.delete("a")
        assert store.stat("a") == Entry("a", 1)


# ---- what rsync prints -------------------------------------------------------


def test_a_line_that_is_none_of_a_listing_is_an_error() -> None:
    good = "-rw-r--r--       1,006 2026/11/21 21:20:42  n\\#303\\#274 "
    assert list(entries([good], "it")) == [Entry(" nü ", 1006)]
    with pytest.raises(StoreError, match="no line of a listing"):
        list(entries([good, "Welcome!"], "it"))


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (12, "bash: line 1: rsync: command not found\n", StoreError),
        (12, "rsync: connection unexpectedly closed (0 bytes received)\n", Unavailable),
        (2, "protocol version mismatch -- is your shell clean?\n", StoreError),
        (5, "@ERROR: max connections (4) reached -- try again later\n", Unavailable),
        (5, "@ERROR: access denied to m from UNKNOWN (::1)\n", Denied),
        (11, 'rsync: mkdir "a/." failed: Disk quota exceeded (122)\n', Full),
        (23, 'rsync: x "/a" failed: Read-only file system (30)\n', Denied),
        (23, 'rsync: [sender] x "No space left on device (28)" odd\n', StoreError),
        (255, "ssh: connect to host h port 22: No route to host\n", Unavailable),
        (99, "", StoreError),
    ],
)
def test_what_a_failure_means(status: int, said: str, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError) as caught:
        fail(status, said, "it", "name")
    assert type(caught.value) is kind
