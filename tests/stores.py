"""What tests of every kind of store do with one."""

from pathlib import Path

from tiered.cli.main import main
from tiered.store import PutMode, Store
from tiered.testing.sources import BytesSource


def put(store: Store, name: str, data: bytes = b"x") -> None:
    store.put(name, BytesSource(data), PutMode.CREATE)


def read(store: Store, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()


def assert_a_backup_comes_back(
    url: str, folder: Path, data: bytes, *options: str
) -> None:
    """One file, by the command line.

    Args:
        folder: Its own, for the source, the target and the cache.
    """
    source, target = folder / "source", folder / "target"
    source.mkdir()
    (source / "file").write_bytes(data)
    more = [f"--archive-dir={folder / 'cache'}", "--no-encryption", "-v0", *options]
    assert main(["full", str(source), url, *more]) == 0
    assert main(["restore", url, str(target), *more]) == 0
    assert (target / "file").read_bytes() == data
