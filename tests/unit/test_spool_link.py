"""A local store keeps the spool file instead of copying it."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tiered.backends.file import FileSettings, FileStore
from tiered.codec.envelope import PlainEnvelope
from tiered.engine.native.sealed import SealedFile, SealedObject
from tiered.errors import AlreadyExists
from tiered.names import RESERVED_END
from tiered.store import PutMode
from tiered.wrap.meter import Metered

DATA = bytes(range(256)) * 1000


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder of another file system than that of `tmp_path`."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[SealedObject]:
    with closing(_seal(tmp_path)) as made:
        yield made


def _seal(scratch: Path) -> SealedObject:
    file = SealedFile(scratch, PlainEnvelope())
    file.write(DATA)
    return file.finish()


def _store(root: Path) -> FileStore:
    root.mkdir()
    return FileStore(FileSettings(root=root))


def _inode(sealed: SealedObject) -> int:
    return os.fstat(sealed.file.fileno()).st_ino


def test_what_is_stored_is_the_spool_file(tmp_path: Path, sealed: SealedObject) -> None:
    store = _store(tmp_path / "s")
    store.put("d/o", sealed, PutMode.CREATE)
    stored = (tmp_path / "s/d/o").stat()
    assert stored.st_ino == _inode(sealed)
    assert stored.st_nlink == 1
    sealed.close()
    assert (tmp_path / "s/d/o").read_bytes() == DATA


def test_its_mode_is_that_of_a_copy(tmp_path: Path, sealed: SealedObject) -> None:
    store = _store(tmp_path / "s")
    store.put("linked", sealed, PutMode.CREATE)
    store.put("copied", sealed, PutMode.CREATE)
    modes = [(tmp_path / "s" / n).stat().st_mode for n in ("linked", "copied")]
    assert modes[0] == modes[1]


def test_two_copies_share_no_disk_blocks(tmp_path: Path, sealed: SealedObject) -> None:
    one, two = _store(tmp_path / "1"), _store(tmp_path / "2")
    for store in (one, two):
        store.put("o", sealed, PutMode.CREATE)
    found = [(tmp_path / s / "o").stat().st_ino for s in "12"]
    assert found[0] != found[1]
    assert (tmp_path / "2/o").read_bytes() == DATA


@pytest.mark.parametrize("mode", PutMode)
def test_a_name_that_is_taken(
    tmp_path: Path, sealed: SealedObject, mode: PutMode
) -> None:
    store = _store(tmp_path / "s")
    (tmp_path / "s/o").write_bytes(b"old")
    if mode is PutMode.CREATE:
        with pytest.raises(AlreadyExists):
            store.put("o", sealed, mode)
        assert (tmp_path / "s/o").read_bytes() == b"old"
        store.put("p", sealed, mode)
        assert (tmp_path / "s/p").read_bytes() == DATA
    else:
        store.put("o", sealed, mode)
        assert (tmp_path / "s/o").read_bytes() == DATA
    assert not list((tmp_path / "s").glob(f".*{RESERVED_END}"))


def test_another_file_system_gets_a_copy(tmp_path: Path, memory: Path) -> None:
    store = _store(tmp_path / "s")
    with closing(_seal(memory)) as sealed:
        store.put("o", sealed, PutMode.CREATE)
    assert (tmp_path / "s/o").read_bytes() == DATA


def test_what_is_linked_counts_as_sent(tmp_path: Path, sealed: SealedObject) -> None:
    store = Metered(_store(tmp_path / "s"))
    store.put("o", sealed, PutMode.CREATE)
    assert store.usage.sent_bytes == len(DATA)
    assert (tmp_path / "s/o").stat().st_ino == _inode(sealed)
