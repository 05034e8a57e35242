"""Make an archive of style tiered: python -m tests.museum.native NAME encrypted|clear

Run once for each version of the format; what is in the museum is never made again.
Made twice, volumes and signatures are the same; ctimes, which are in the indexes,
cannot be.
"""

import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.disk import look
from tests.engine import NOBODY, Archive, key_sources, native_settings, open_archive
from tests.exchange import PASSPHRASE
from tiered.archive.filename import Namer, Prefixes
from tiered.archive.style import Style
from tiered.codec.envelope import AgeEnvelope, PlainEnvelope
from tiered.engine.backup import Action, BackupRequest, run_backup
from tiered.engine.native.keyring import Keyring
from tiered.testing.clocks import JumpingClock

NAMER = Namer(Prefixes(manifest="hot_", signature="hot_", archive="cold_"))
VOLUME_BYTES = 10_000
SOURCE = Path("/srv/museum")
"""The archive says where it is of."""

_START_S = 1_800_000_000
"""After every ctime, so that what was not touched is known to be unchanged."""
_STEP_S = 1000
_TIME_NS = 1_700_000_000_000_000_000
_BLOCK_BYTES = 512
_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char device",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "fifo",
}
_DEEP = "d" * 90 + "/" + "e" * 90 + "/" + "f" * 120

Json = dict[str, object]


def words(seed: int, size: int) -> bytes:
    """Bytes that compress well, and still are different everywhere."""
    random = Random(seed)
    known = [random.randbytes(256) for _ in range(4)]
    return b"".join(random.choices(known, k=size // 256 + 1))[:size]


def describe(root: Path) -> dict[str, Json]:
    """All that must come back, for JSON; the root is the empty path."""
    found: dict[str, Json] = {}
    for path, seen in look(root).items():
        shown = os.fsdecode(path)
        status = (root / shown).lstat()
        document = found[shown] = {
            "type": _TYPES[seen.type],
            "mode": f"{seen.mode:04o}",
            "owner": list(seen.owner),
            "mtime_ns": seen.mtime_ns,
        }
        if seen.type == stat.S_IFREG:
            document |= {"size": seen.size, "blake3": seen.blake3}
            if status.st_blocks * _BLOCK_BYTES < seen.size:
                document["holes"] = True
        if len(seen.names) > 1:
            document["names"] = sorted(map(os.fsdecode, seen.names))
        if seen.target:
            document["target"] = seen.target
        if seen.type == stat.S_IFCHR:
            document["device"] = [os.major(status.st_rdev), os.minor(status.st_rdev)]
        if seen.xattrs:
            document["xattrs"] = {n: v.hex() for n, v in sorted(seen.xattrs.items())}
    return found


class Tree:
    """A source whose times are chosen: every change is a nanosecond and a second later
    than the one before, also for the directory that it is in.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._times: dict[Path, int] = {}
        self._changes = 0
        self.folder("")

    def folder(self, path: str, mode: int = 0o755) -> None:
        place = self._root / path
        place.mkdir(exist_ok=True)
        self.mode(path, mode)

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        (self._root / path).write_bytes(data)
        self.mode(path, mode)

    def holes(self, path: str, parts: dict[int, bytes], size: int) -> None:
        with (self._root / path).open("wb") as file:
            file.truncate(size)
            for at, data in parts.items():
                file.seek(at)
                file.write(data)
        self.touch(path)

    def symlink(self, path: str, target: str) -> None:
        (self._root / path).symlink_to(target)
        self.touch(path)

    def link(self, path: str, other: str) -> None:
        (self._root / other).hardlink_to(self._root / path)
        self.touch(other)

    def rename(self, path: str, other: str) -> None:
        (self._root / path).rename(self._root / other)
        self.touch(other)

    def copy(self, path: str, other: str) -> None:
        self.file(other, (self._root / path).read_bytes())

    def special(self, path: str, kind: int, device: tuple[int, int] = (0, 0)) -> None:
        os.mknod(self._root / path, kind | 0o620, os.makedev(*device))
        self.mode(path, 0o620)

    def remove(self, path: str) -> None:
        place = self._root / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        self._touch(place.parent)

    def mode(self, path: str, mode: int) -> None:
        (self._root / path).chmod(mode)
        self.touch(path)

    def owner(self, path: str, uid: int, gid: int) -> None:
        os.chown(self._root / path, uid, gid)

    def xattr(self, path: str, name: str, value: bytes) -> None:
        os.setxattr(self._root / path, name, value)

    def read(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def touch(self, path: str, time_ns: int | None = None) -> None:
        place = self._root / path
        self._touch(place, time_ns)
        if path:
            self._touch(place.parent)

    def settle(self) -> None:
        """Give all paths their times; whatever is done later changes some."""
        for place, time_ns in self._times.items():
            if os.path.lexists(place) and place.lstat().st_mtime_ns != time_ns:
                os.utime(place, ns=(time_ns, time_ns), follow_symlinks=False)

    def _touch(self, place: Path, time_ns: int | None = None) -> None:
        self._changes += 1
        if time_ns is None:
            time_ns = _TIME_NS + self._changes * 1_000_000_001
        self._times[place] = time_ns


def begin(tree: Tree) -> None:
    """What a full set has: snapshots, pieces, links, the same content twice."""
    _begin_files(tree)
    _begin_rest(tree)


def _begin_files(tree: Tree) -> None:
    tree.folder("a", 0o750)
    tree.xattr("a", "user.of=a%folder", b"\0\xff")
    tree.file("a/b", b"inside")
    tree.file("a.txt", b"beside")
    tree.file("attributes", words(1, 2000))
    tree.folder("becomes file")
    tree.file("becomes file/child", b"child")
    tree.file("becomes link", b"file")
    tree.file("big", words(2, 530_000))
    tree.file("changes", words(3, 80_000))
    tree.link("changes", "changes, too")
    tree.file("copied", words(4, 3000))
    tree.folder("deleted")
    tree.file("deleted/child", b"child")
    place = ""
    for part in _DEEP.split("/")[:-1]:
        tree.folder(place + part)
        place += part + "/"
    tree.file(_DEEP, b"deep")
    tree.file("empty", b"")
    tree.file("exact", words(5, 1 << 18))
    tree.file("gone and back", words(6, 1500))
    tree.file("large, moves", words(7, 70_000))
    tree.file("sixty-four KiB", words(9, 1 << 16))
    tree.holes("sparse", {65_536: words(10, 5000), 200_000: b"x"}, 300_000)
    tree.file("twin", words(11, 2500))
    tree.copy("twin", "twin, too")


def _begin_rest(tree: Tree) -> None:
    tree.special("device", stat.S_IFCHR, (1, 3))
    tree.special("fifo", stat.S_IFIFO)
    tree.file("line\nfeed\n", b"feed")
    tree.file("linked", words(8, 1000), 0o600)
    tree.link("linked", "linked, too")
    tree.folder(os.fsdecode(b"no\xff"))
    tree.file(os.fsdecode(b"no\xff/utf\xfe8"), b"name")
    tree.file("old", b"old")
    tree.touch("old", -5_000_000_001)
    tree.file("owned", b"mine")
    tree.owner("owned", 12_345, 54_321)
    tree.file("owned by many bits", b"mine")
    tree.owner("owned by many bits", 3_000_000, 4_000_000_000)
    tree.file("setuid", b"#!/bin/sh\n")
    tree.mode("setuid", 0o4755)
    tree.folder("sticky", 0o1777)
    tree.symlink("symlink", os.fsdecode(b"../no\xff"))
    tree.symlink("symlink, long", "long/" * 30)
    tree.file("ümläut", b"name")
    tree.xattr("ümläut", "user.tested", words(12, 700))


def change(tree: Tree) -> None:
    """What a first inc has: deltas, deltas in pieces, copies, what is gone."""
    old = tree.read("big")
    tree.file("big", old[:300_123] + words(20, 270_000) + old[300_123:])
    old = tree.read("changes")
    tree.file("changes", old[:40_000] + b"inserted" + old[40_000:])
    tree.mode("attributes", 0o400)
    tree.owner("attributes", 1, 2)
    tree.xattr("attributes", "user.tested", b"new")
    tree.remove("becomes file")
    tree.file("becomes file", b"now a file")
    tree.remove("becomes link")
    tree.symlink("becomes link", "a/b")
    tree.copy("copied", "copied again")
    tree.remove("deleted")
    tree.remove("gone and back")
    tree.rename("large, moves", "a/large, moved")
    tree.remove("symlink")
    tree.symlink("symlink", "elsewhere")
    tree.mode("sticky", 0o700)
    tree.file("new", words(21, 900))
    tree.copy("new", "new, too")
    tree.link("new", "new, linked")


def change_again(tree: Tree) -> None:
    """What stands on a set that stands on another."""
    old = tree.read("big")
    tree.file("big", old[7000:] + words(30, 1000))
    old = tree.read("changes")
    tree.file("changes", old[:10_000] + old[20_000:] + b"appended")
    old = tree.read("exact")
    tree.file("exact", old[:100_000] + b"!" + old[100_001:])
    tree.remove("a.txt")
    tree.remove("becomes link")
    tree.folder("becomes link")
    tree.file("becomes link/child", b"child")
    tree.file("gone and back", words(31, 1500))
    tree.remove("linked")
    tree.file("sixty-four KiB", b"no more")
    tree.holes("sparse", {100_000: words(32, 5000)}, 300_000)


STEPS: tuple[Callable[[Tree], None], ...] = (begin, change, change_again)


def make(name: str, *, encrypted: bool) -> None:
    place = Path(__file__).parent / name
    place.mkdir()
    expected = []
    with tempfile.TemporaryDirectory() as work, _source() as tree:
        archive = _archive(Path(work), encrypted=encrypted)
        for step in STEPS:
            step(tree)
            tree.settle()
            _back_up(archive)
            time_s = int(archive.clock.time_s())
            expected.append({"time_s": time_s, "tree": describe(SOURCE)})
            archive.clock.sleep_s(_STEP_S)
        for path in sorted((Path(work) / "store").iterdir()):
            if path.is_file():
                (place / path.name).write_bytes(path.read_bytes())
    (place / "expected.json").write_text(dump(expected))


def dump(expected: list[Json]) -> str:
    """A line for each path."""
    return json.dumps(expected).replace("}, ", "},\n") + "\n"


@contextmanager
def _source() -> Iterator[Tree]:
    SOURCE.mkdir()
    try:
        yield Tree(SOURCE)
    finally:
        shutil.rmtree(SOURCE)


def _archive(work: Path, *, encrypted: bool) -> Archive:
    """One whose keys and nonces are the same each time."""
    draw = Random(0).randbytes
    archive = open_archive(
        work, clock=JumpingClock(_START_S), namer=NAMER, style=Style.TIERED
    )
    if not encrypted:
        return archive
    rings: list[Keyring] = []
    age = AgeEnvelope(
        lambda: rings[0].recipients(), lambda: rings[0].identities(), draw
    )
    archive.context = replace(
        archive.context,
        envelope_for=lambda suffix: age if suffix else PlainEnvelope(),
    )
    sources = replace(key_sources(PASSPHRASE), random_bytes=draw)
    rings.append(Keyring(archive.context, sources))
    archive.keyring = rings[0]
    return archive


def _back_up(archive: Archive) -> None:
    request = BackupRequest(
        action=Action.AUTO,
        source=os.fsencode(SOURCE),
        hostname=b"host",
        owners=NOBODY,
        duplicity=lambda: sys.exit("the style is tiered"),
        native=lambda: native_settings(archive.keyring, VOLUME_BYTES),
        style=Style.TIERED,
    )
    with archive.context.cache.locked():
        run_backup(archive.context, request)


if __name__ == "__main__":
    make(sys.argv[1], encrypted={"encrypted": True, "clear": False}[sys.argv[2]])
