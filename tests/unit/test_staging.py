"""Files for programs: linked where that is possible, whole, and gone afterwards."""

import io
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from tiered.engine.native.sealed import SealedObject
from tiered.engine.spool import make_spool
from tiered.errors import ScratchError, SourceError
from tiered.staging import opened, private_folder, staged
from tiered.testing.sources import BytesSource, TornSource

DATA = bytes(range(256)) * 10_000


def spooled(folder: Path) -> SealedObject:
    file = make_spool(folder)
    file.write(DATA)
    file.flush()
    return SealedObject(file=file, size=len(DATA), hash=b"", front=b"")


def test_a_spool_file_gets_a_name_and_is_not_copied(tmp_path: Path) -> None:
    source = spooled(tmp_path)
    with staged(source, tmp_path, "a/b", "it") as folder:
        found = (folder / "a/b").stat()
        assert os.path.samestat(found, os.fstat(source.file.fileno()))
        assert (folder / "a/b").read_bytes() == DATA
    with staged(source, tmp_path, "b", "it") as folder:  # the second time it is
        assert (folder / "b").read_bytes() == DATA
    source.close()
    assert list(tmp_path.iterdir()) == []


def test_other_sources_are_copied(tmp_path: Path) -> None:
    with staged(BytesSource(DATA), tmp_path, "name", "it") as folder:
        assert (folder / "name").read_bytes() == DATA
        assert folder.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_a_torn_source_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError), staged(TornSource(DATA), tmp_path, "name", "it"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_no_temporary_folder(tmp_path: Path) -> None:
    none = tmp_path / "none"
    with pytest.raises(ScratchError, match="none") as caught, private_folder(none):
        pass
    assert "--tempdir" in caught.value.hint


def test_what_was_received_is_read_after_its_folder_is_gone(tmp_path: Path) -> None:
    with private_folder(tmp_path) as folder:
        (folder / "got").write_bytes(DATA)
        stream = opened(folder / "got", tmp_path, "it")
    with stream:
        assert stream.read() == DATA


def test_a_received_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    def open_broken(path: Path, *_: object, **__: object) -> BinaryIO:
        return Broken(path)

    (tmp_path / "got").write_bytes(DATA)
    monkeypatch.setattr(Path, "open", open_broken)
    with (
        opened(tmp_path / "got", tmp_path, "it") as stream,
        pytest.raises(ScratchError),
    ):
        stream.read()
