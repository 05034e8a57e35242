"""Restores of style tiered: what is read, what is written, what is refused."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import BinaryIO, TypeVar

import pytest

from tests.native_sets import AGE, PLAIN, HandmadeArchive, HandmadeSet, digest
from tests.unit.sites import Site, Without, tiers
from tiered.archive.block import dump_columns, parse_columns
from tiered.archive.columns import Columns, IndexRow, Owner
from tiered.archive.extents import Extent
from tiered.archive.fileinfo import FileType
from tiered.archive.filename import ObjectName
from tiered.archive.kinds import Kind
from tiered.backends.file import FileSettings, FileStore
from tiered.catalogue.cache import Cache
from tiered.codec.envelope import Envelope
from tiered.engine.native.restore import RestoreSettings
from tiered.engine.native.schedule import ReadSettings
from tiered.errors import ArchiveDamaged, Frozen, NoBackup, TargetError
from tiered.router.route import Mode
from tiered.router.rules import Member
from tiered.store import Store
from tiered.wrap.base import Wrapped
from tiered.wrap.record import Recorded

T = TypeVar("T")
DIR, LINK = FileType.DIRECTORY, FileType.SYMLINK
both = pytest.mark.parametrize("envelope", [AGE, PLAIN], ids=["age", "plain"])


def data_of(size: int, seed: int = 0) -> bytes:
    return Random(size + seed).randbytes(size)


def recorded(folder: Path) -> Recorded:
    (folder / "objects").mkdir(exist_ok=True)
    settings = FileSettings(root=folder / "objects", durable=False)
    return Recorded(FileStore(settings))


def contents(root: Path) -> dict[str, bytes]:
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in root.rglob("*")
        if p.is_file() and not p.is_symlink()
    }


def volumes_of(archive: HandmadeArchive) -> list[ObjectName]:
    names = (archive.context.namer.parse(e.name) for e in archive.context.store.list())
    return [n for n in names if n and n.kind is Kind.ARCHIVE]


def damage(archive: HandmadeArchive, name: str, at: float = 0.5) -> None:
    """Change one byte of a stored object."""
    path = next((archive.folder).rglob(name))
    stored = bytearray(path.read_bytes())
    stored[int(at * len(stored))] ^= 0x10
    path.write_bytes(stored)


def all_kinds(made: HandmadeSet) -> dict[str, bytes]:
    """A set with one of everything; the content of its files."""
    files = {
        "a": b"small",
        "d/empty": b"",
        "d/large": data_of(3_000_000),
        "d/sub/zeros": bytes(100_000) + b"x" + bytes(50_001),
        "d/sub/holes": bytes(70_000) + b"y" * 5000 + bytes(70_000),
        "e": data_of(150_000),
    }
    made.add(b"", DIR, mode=0o751, mtime_ns=5_000_000_001)
    made.add(b"d", DIR, mode=0o1777, mtime_ns=6_000_000_002)
    made.add(b"d/sub", DIR, mode=0o500, mtime_ns=-7)
    for path, data in sorted(files.items()):
        made.file(path.encode(), data, sparse=path.endswith("holes"))
    made.add(b"d/link", LINK, link=b"nowhere\xff", mtime_ns=123)
    made.add(b"f", FileType.FIFO, mode=0o620)
    made.add(b"g", FileType.HARDLINK, link=b"a")
    made.add(b"h", FileType.CHARDEV, mode=0o600, device=(1, 3))
    return files


@both
@pytest.mark.parametrize("threads", [1, 3])
def test_everything(tmp_path: Path, envelope: Envelope, threads: int) -> None:
    archive = HandmadeArchive(tmp_path, envelope)
    archive.settings = RestoreSettings(
        threads=threads, read=ReadSettings(max_read_bytes=200_000)
    )
    made = archive.begin(None, 1000)
    files = all_kinds(made)
    made.add(b"old", FileType.DIRECTORY)
    made.finish()
    root = tmp_path / "out"
    report = archive.restore(root)
    assert archive.said.warnings == []
    assert contents(root) == {**files, "g": files["a"]}
    assert (report.files, report.paths, report.skipped) == (7, 14, 0)
    assert (root / "g").samefile(root / "a")
    for path, mode, mtime_ns in (
        (root, 0o751, 5_000_000_001),
        (root / "d", 0o1777, 6_000_000_002),
        (root / "d/sub", 0o500, -7),
        (root / "e", 0o644, 1_000_000_007),
        (root / "d/large", 0o644, 1_000_000_007),
        (root / "f", 0o620, 1_000_000_007),
    ):
        status = path.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (mode, mtime_ns)
    link = root / "d/link"
    assert link.readlink() == Path(os.fsdecode(b"nowhere\xff"))
    assert link.lstat().st_mtime_ns == 123
    assert (root / "h").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((root / "f").stat().st_mode)
    holes, zeros = (root / "d/sub" / n for n in ("holes", "zeros"))
    assert holes.stat().st_blocks < zeros.stat().st_blocks


class TestAttributes:
    def test_owner_mode_and_extended(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        xattrs = ((b"user.one", b"1"), (b"user.two", b"\0\xff"))
        owner = Owner(12345, 54321)
        made.file(b"f", b"x", mode=0o4555, owner=owner, xattrs=xattrs)
        made.file(b"large", data_of(200_000), xattrs=xattrs, mode=0o400)
        made.add(b"l", LINK, link=b"f", owner=owner)
        made.add(b"d", DIR, xattrs=xattrs, owner=owner, mode=0o2750)
        made.finish()
        archive.restore(tmp_path / "out")
        root = tmp_path / "out"
        for name in ("f", "l", "d"):
            status = (root / name).lstat()
            assert (status.st_uid, status.st_gid) == (12345, 54321)
        assert stat.S_IMODE((root / "f").stat().st_mode) == 0o4555
        assert stat.S_IMODE((root / "d").stat().st_mode) == 0o2750
        for name in ("f", "large", "d"):
            for key, value in xattrs:
                assert os.getxattr(root / name, key) == value
        assert archive.said.warnings == []

    def test_refused_ones_are_told_once(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        for name in (b"a", b"b"):
            made.file(name, b"x", xattrs=((b"nonsense", b"1"), (b"user.ok", b"2")))
        made.file(b"c", b"x", xattrs=((b"user.\0", b"1"),))
        made.finish()
        report = archive.restore(tmp_path / "out")
        assert (report.files, report.skipped) == (3, 0)
        assert len(archive.said.warnings) == 1
        assert "extended attributes" in archive.said.warnings[0]
        assert os.getxattr(tmp_path / "out/b", b"user.ok") == b"2"


class TestChain:
    """Versions whose content lies in the volumes of several sets."""

    def make(self, archive: HandmadeArchive) -> dict[str, bytes]:
        full = archive.begin(None, 1000)
        full.folder(b"d", b"gone")
        old = data_of(600_000)
        where = full.store(old)
        full.pieces(b"d/big", old, where)
        for n in range(40):
            full.file(b"d/f%02d" % n, data_of(9000, n))
        full.file(b"gone/x", b"x")
        full.file(b"moved", data_of(70_000))
        full.finish()
        inc = archive.begin(1000, 2000)
        patch = inc.store(b"PATCH" * 1000)
        new = old[:200_000] + b"PATCH" * 1000 + old[210_000:]
        (first,) = where
        inc.pieces(
            b"d/big",
            new,
            (
                Extent(first.volume, first.offset, 200_000),
                *patch,
                Extent(first.volume, first.offset + 210_000, 390_000),
            ),
        )
        inc.file(b"d/f07", b"seven")
        inc.add(b"gone", None)
        inc.add(b"gone/x", None)
        inc.add(b"moved", None)
        moved = full.rows[(b"moved",)]
        inc.pieces(b"d/moved", data_of(70_000), moved.extents)
        inc.add(b"d/z", FileType.HARDLINK, link=b"d/f03")
        inc.finish()
        files = {f"d/f{n:02}": data_of(9000, n) for n in range(40)}
        changed = {"d/big": new, "d/f07": b"seven", "d/moved": data_of(70_000)}
        return {**files, **changed, "d/z": data_of(9000, 3)}

    @both
    def test_the_newest_state(self, tmp_path: Path, envelope: Envelope) -> None:
        store = recorded(tmp_path)
        archive = HandmadeArchive(tmp_path, envelope, store)
        files = self.make(archive)
        archive.restore(tmp_path / "out")
        assert contents(tmp_path / "out") == files
        assert archive.said.warnings == []

    def test_an_index_is_looked_up_once_for_its_volumes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = HandmadeArchive(tmp_path)
        self.make(archive)
        archive.plan(b"")  # now the cache has all
        asked: list[str] = []
        opened = Cache.opened

        def counted(cache: Cache, name: str, stored_size: int) -> BinaryIO | None:
            asked.append(name)
            return opened(cache, name, stored_size)

        monkeypatch.setattr(Cache, "opened", counted)
        archive.restore(tmp_path / "out")
        of_index = Counter(n for n in asked if n.endswith(".index"))
        of_manifest = Counter(n for n in asked if n.endswith(".json"))
        assert set(of_index.values()) == {1}
        assert set(of_manifest.values()) == {1}

    def test_an_older_state(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        self.make(archive)
        archive.restore(tmp_path / "out", time_s=1999)
        found = contents(tmp_path / "out")
        assert found["gone/x"] == b"x"
        assert found["d/big"] == data_of(600_000)
        assert "d/moved" not in found

    def test_below_a_path(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        files = self.make(archive)
        report = archive.restore(tmp_path / "out", b"d")
        below = {name.removeprefix("d/"): data for name, data in files.items()}
        assert contents(tmp_path / "out") == below
        assert report.files == len(files)

    def test_one_file_needs_one_volume_and_few_bytes(self, tmp_path: Path) -> None:
        store = recorded(tmp_path)
        archive = HandmadeArchive(tmp_path, PLAIN, store)
        files = self.make(archive)
        for path in ("d/f07", "d/f20"):
            store.forget()
            plan = archive.plan(path.encode())
            assert len(plan.names) == 1
            assert plan.size_bytes <= 65_600
            archive.restore(tmp_path / "out", path.encode(), force=True)
            assert (tmp_path / "out").read_bytes() == files[path]
            assert store.count("get_range") == 1

    def test_a_single_file_is_not_looked_for_in_older_sets(
        self, tmp_path: Path
    ) -> None:
        store = recorded(tmp_path)
        archive = HandmadeArchive(tmp_path, PLAIN, store)
        self.make(archive)
        (tmp_path / "elsewhere").mkdir()
        fresh = HandmadeArchive(tmp_path / "elsewhere", PLAIN, store)
        store.forget()
        fresh.plan(b"d/f07")
        got = [name for verb, name in store.calls if verb == "get"]
        assert got
        assert all("-inc." in name for name in got)

    def test_a_hard_link_alone_brings_its_content(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        files = self.make(archive)
        report = archive.restore(tmp_path / "out", b"d/z")
        assert (tmp_path / "out").read_bytes() == files["d/z"]
        assert (report.files, report.paths) == (1, 1)

    def test_links_to_what_is_outside(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        full = archive.begin(None, 1000)
        full.file(b"a", data_of(90_000))
        full.folder(b"d")
        full.add(b"d/one", FileType.HARDLINK, link=b"a")
        full.add(b"d/two", FileType.HARDLINK, link=b"a")
        full.finish()
        archive.restore(tmp_path / "out", b"d")
        one, two = (tmp_path / "out" / n for n in ("one", "two"))
        assert one.read_bytes() == data_of(90_000)
        assert one.samefile(two)

    @pytest.mark.parametrize("path", [b"gone", b"gone/x", b"d/f07/x", b"never"])
    def test_what_is_not_there(self, tmp_path: Path, path: bytes) -> None:
        archive = HandmadeArchive(tmp_path)
        self.make(archive)
        with pytest.raises(NoBackup):
            archive.plan(path)


class TestReads:
    def test_each_byte_is_read_once(self, tmp_path: Path) -> None:
        """Also where files share frames, and in windows and reads of any size."""
        ranges: list[tuple[str, int, int]] = []

        class Watched(FileStore):
            def get_range(self, name: str, start: int, size: int) -> bytes:
                ranges.append((name, start, start + size))
                return super().get_range(name, start, size)

        (tmp_path / "objects").mkdir()
        store = Watched(FileSettings(root=tmp_path / "objects", durable=False))
        archive = HandmadeArchive(tmp_path, PLAIN, store)
        made = archive.begin(None, 1000)
        files = {b"f%03d" % n: data_of(n * 97, n) for n in range(300)}
        where = {path: made.store(data) for path, data in files.items()}
        for path in Random(3).sample(sorted(files), len(files)):
            made.pieces(path, files[path], where[path])
            made.pieces(path + b"-same", files[path], where[path])
        made.finish()
        plan = archive.plan()
        archive.restore(tmp_path / "out")
        assert len(contents(tmp_path / "out")) == 600
        ranges.sort()
        for before, after in pairwise(ranges):
            assert before[0] != after[0] or before[2] <= after[1]
        assert sum(end - start for _, start, end in ranges) == plan.size_bytes

    def test_small_windows_and_reads(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path, AGE)
        archive.settings = RestoreSettings(
            threads=2, window_items=7, read=ReadSettings(max_read_bytes=1)
        )
        made = archive.begin(None, 1000, frame_bytes=10_000)
        files = all_kinds(made)
        made.finish()
        archive.restore(tmp_path / "out")
        assert contents(tmp_path / "out") == {**files, "g": files["a"]}

    def test_a_store_without_ranges(self, tmp_path: Path) -> None:
        inner = recorded(tmp_path)
        archive = HandmadeArchive(tmp_path, AGE, Without(inner, "ranges"))
        made = archive.begin(None, 1000)
        files = all_kinds(made)
        made.finish()
        inner.forget()
        archive.restore(tmp_path / "out")
        assert contents(tmp_path / "out") == {**files, "g": files["a"]}
        names = [name for verb, name in inner.calls if verb == "get"]
        assert len(names) == len(set(names))


class TestDamage:
    """A damaged frame costs the files that lie in it."""

    def make(self, archive: HandmadeArchive) -> dict[str, bytes]:
        made = archive.begin(None, 1000, volume_bytes=1 << 30)
        files = {}
        for n in range(30):
            files[f"f{n:02}"] = data_of(20_000, n)
            made.file(b"f%02d" % n, files[f"f{n:02}"])
        files["g"] = data_of(500_000)
        made.file(b"g", files["g"])
        made.add(b"h", FileType.HARDLINK, link=b"f15")
        made.finish()
        return {**files, "h": files["f15"]}

    @both
    @pytest.mark.parametrize("ranges", [True, False])
    @pytest.mark.parametrize("at", [0.03, 0.25, 0.7])
    def test_of_the_only_copy(
        self, tmp_path: Path, envelope: Envelope, ranges: bool, at: float
    ) -> None:
        store: Store = recorded(tmp_path)
        if not ranges:
            store = Without(store, "ranges")
        archive = HandmadeArchive(tmp_path, envelope, store)
        files = self.make(archive)
        (volume,) = volumes_of(archive)
        damage(archive, volume.name, at)
        with pytest.raises(ArchiveDamaged, match=volume.name) as caught:
            archive.restore(tmp_path / "out")
        assert "could not be restored" in str(caught.value)
        found = contents(tmp_path / "out")
        lost = files.keys() - found.keys()
        assert 1 <= len(lost) <= 9
        assert all(files[name] == data for name, data in found.items())
        told = [w for w in archive.said.warnings if "cannot restore" in w]
        assert len(told) == len(lost)

    def test_a_file_that_was_there_stays(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        self.make(archive)
        (volume,) = volumes_of(archive)
        damage(archive, volume.name, 0.7)
        root = tmp_path / "out"
        root.mkdir()
        (root / "g").write_bytes(b"precious")
        with pytest.raises(ArchiveDamaged):
            archive.restore(root, force=True)
        assert (root / "g").read_bytes() == b"precious"
        assert not [n for n in contents(root) if ".tiered-" in n]

    @both
    def test_of_one_copy_of_two(self, tmp_path: Path, envelope: Envelope) -> None:
        site = Site(tmp_path, Member("A"), Member("B"), mode=Mode.MIRROR)
        archive = HandmadeArchive(tmp_path / "here", envelope, site.router)
        files = self.make(archive)
        (volume,) = volumes_of(archive)
        damaged = tmp_path / "A" / volume.name
        stored = bytearray(damaged.read_bytes())
        stored[len(stored) // 3] ^= 1
        damaged.write_bytes(stored)
        archive.restore(tmp_path / "out")
        assert contents(tmp_path / "out") == files
        assert site.calls()["B"].count("get") == 1  # of the volume

    def test_a_short_copy(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path, AGE)
        files = self.make(archive)
        (volume,) = volumes_of(archive)
        os.truncate(tmp_path / "store" / volume.name, 700_000)
        with pytest.raises(ArchiveDamaged, match=volume.name):
            archive.restore(tmp_path / "out")
        found = contents(tmp_path / "out")
        assert files.keys() - found.keys() == {"g"}

    def test_of_a_front(self, tmp_path: Path) -> None:
        """Of two volumes one cannot be opened: what lies in the other is restored."""
        archive = HandmadeArchive(tmp_path, AGE)
        made = archive.begin(None, 1000, volume_bytes=100_000)
        for n in range(2):
            made.file(b"f%d" % n, data_of(100_000 - 512, n))
        made.finish(front=lambda number, front: front[:-1] if number == 1 else front)
        with pytest.raises(ArchiveDamaged, match="vol1"):
            archive.restore(tmp_path / "out")
        assert contents(tmp_path / "out") == {"f1": data_of(100_000 - 512, 1)}

    def test_a_wrong_hash(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        made.file(b"a", b"right")
        made.file(b"b", b"wrong", hash=bytes(32))
        made.file(b"c", data_of(300_000), hash=bytes(32))
        made.file(b"d", b"", hash=bytes(32))
        made.finish()
        with pytest.raises(ArchiveDamaged, match="BLAKE3"):
            archive.restore(tmp_path / "out")
        assert contents(tmp_path / "out") == {"a": b"right"}

    def test_a_volume_that_is_not_listed(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        self.make(archive)
        (volume,) = volumes_of(archive)
        (tmp_path / "store" / volume.name).unlink()
        with pytest.raises(ArchiveDamaged, match="lacks volume 1"):
            archive.plan()

    def test_extents_beyond_the_volume(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        volume = archive.volume(1000, 1)
        made.pieces(b"f", bytes(10), [Extent(volume, 1 << 40, 10)])
        made.finish()
        with pytest.raises(ArchiveDamaged):
            archive.plan()


class SealsOnce(Wrapped):
    """The first object that is read turns out to be sealed."""

    name = ""

    def around(self, verb: str, name: str, run: Callable[[], T]) -> T:
        if verb.startswith("get") and not self.name:
            self.name = name
            raise Frozen(f"{name} is sealed", name=name)
        return run()


class TestCold:
    def test_only_what_is_needed_is_thawed(self, tmp_path: Path) -> None:
        site = tiers(tmp_path)
        archive = self.make(tmp_path, site, site.router)
        plan = archive.plan(b"f1")
        assert plan.thaw is not None
        assert plan.thaw.ask == plan.names
        assert 1 <= len(plan.names) < len(volumes_of(archive))
        archive.restore(tmp_path / "out", b"f1")
        assert (tmp_path / "out").read_bytes() == data_of(400_000, 1)
        assert site.calls()["cold"].count("thaw") == 1

    def test_sealed_again_on_the_way(self, tmp_path: Path) -> None:
        site = tiers(tmp_path)
        cold = SealsOnce(site.seen["cold"])
        store = site.routed({"cold": cold, "hot": site.seen["hot"]})
        archive = self.make(tmp_path, site, store)
        cold.name = ""
        archive.restore(tmp_path / "out")
        assert len(contents(tmp_path / "out")) == 4
        told = f"{cold.name} was sealed again; thawing it once more"
        assert told in archive.said.warnings

    def make(self, folder: Path, site: Site, store: Store) -> HandmadeArchive:
        archive = HandmadeArchive(folder / "here", PLAIN, store, clock=site.clock)
        made = archive.begin(None, 1000, volume_bytes=300_000)
        for n in range(4):
            made.file(b"f%d" % n, data_of(400_000, n))
        made.finish()
        return archive


class TestResume:
    """What is there already, as it should be, is not fetched again."""

    def test_nothing_is_read_twice(self, tmp_path: Path) -> None:
        store = recorded(tmp_path)
        archive = HandmadeArchive(tmp_path, AGE, store)
        made = archive.begin(None, 1000)
        files = all_kinds(made)
        made.finish()
        root = tmp_path / "out"
        archive.restore(root)
        (root / "a").chmod(0o600)
        store.forget()
        report = archive.restore(root, force=True)
        assert store.count("get_range") == 0
        assert contents(root) == {**files, "g": files["a"]}
        assert (report.files, report.skipped) == (7, 0)
        assert stat.S_IMODE((root / "a").stat().st_mode) == 0o644
        assert (root / "g").samefile(root / "a")
        assert not list(root.rglob(".tiered-*"))

    def test_what_differs_is(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        files = {f"f{n}": data_of(1000 * n, n) for n in range(6)}
        for name, data in files.items():
            made.file(name.encode(), data)
        made.finish()
        root = tmp_path / "out"
        archive.restore(root)
        time_ns = (root / "f1").stat().st_mtime_ns
        (root / "f1").write_bytes(bytes(1000))  # same size and time
        os.utime(root / "f1", ns=(time_ns, time_ns))
        (root / "f2").write_bytes(files["f2"])  # another time
        (root / "f3").unlink()
        (root / "f4").unlink()
        (root / "f4").symlink_to("f5")
        archive.restore(root, force=True)
        assert contents(root) == files
        assert (root / "f1").stat().st_mtime_ns == time_ns
        assert not (root / "f4").is_symlink()


class TestTarget:
    def test_in_use(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        archive.begin(None, 1000).finish()
        (tmp_path / "out").mkdir()
        (tmp_path / "out/x").touch()
        with pytest.raises(TargetError):
            archive.restore(tmp_path / "out")

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        made.folder(b"d", b"d/e")
        made.file(b"d/e/f", b"x")
        made.file(b"d/f", data_of(200_000))
        made.file(b"g", b"x")
        made.finish()
        root, outside = tmp_path / "out", tmp_path / "outside"
        root.mkdir()
        outside.mkdir()
        (root / "d").symlink_to(outside)
        report = archive.restore(root, force=True)
        assert list(outside.iterdir()) == []
        assert (root / "d").is_symlink()
        assert (root / "g").read_bytes() == b"x"
        assert (report.files, report.skipped) == (1, 4)

    def test_a_link_of_the_archive_with_something_below(self, tmp_path: Path) -> None:
        """No writer makes this."""
        archive = HandmadeArchive(tmp_path)
        outside = tmp_path / "outside"
        outside.mkdir()
        made = archive.begin(None, 1000)
        made.add(b"d", LINK, link=os.fsencode(outside))
        made.file(b"d/f", b"x")
        made.finish()
        report = archive.restore(tmp_path / "out")
        assert list(outside.iterdir()) == []
        assert report.skipped == 1

    def test_a_full_disk_ends_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        for n in range(50):
            made.file(b"f%02d" % n, data_of(10_000, n))
        made.file(b"large", data_of(900_000))
        made.finish()
        real = os.pwrite

        def pwrite(fd: int, data: bytes, at: int) -> int:
            if at > 300_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(fd, data, at)

        monkeypatch.setattr(os, "pwrite", pwrite)
        with pytest.raises(TargetError, match="No space left"):
            archive.restore(tmp_path / "out")
        names = set(contents(tmp_path / "out"))
        assert not [n for n in names if ".tiered-" in n]
        assert "large" not in names

    def test_a_name_in_use_by_a_folder(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        made.file(b"f", b"x")
        made.file(b"g", b"x")
        made.finish()
        (tmp_path / "out/f").mkdir(parents=True)
        report = archive.restore(tmp_path / "out", force=True)
        assert (report.files, report.skipped) == (1, 1)
        assert "cannot restore f: Is a directory" in archive.said.warnings


class TestBadIndex:
    """What no writer makes leads nowhere, and never out of the target."""

    @pytest.mark.parametrize("path", [b"a//b", b"./a", b"a/.", b"/a", b"a\0b", b"a/"])
    def test_odd_paths(self, path: bytes) -> None:
        self.refused([(path, FileType.REGULAR)])

    @pytest.mark.parametrize("paths", [(b"b", b"a"), (b"a", b"a"), (b"a.txt", b"a/b")])
    def test_order(self, paths: tuple[bytes, bytes]) -> None:
        self.refused([(path, FileType.REGULAR) for path in paths])

    def test_owners_that_cannot_be(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        made.file(b"f", b"x", owner=Owner(1 << 40, 0))
        made.finish()
        with pytest.raises(ArchiveDamaged, match="owner"):
            archive.restore(tmp_path / "out")

    def test_hard_links(self, tmp_path: Path) -> None:
        archive = HandmadeArchive(tmp_path)
        made = archive.begin(None, 1000)
        made.add(b"a", FileType.HARDLINK, link=b"b")
        made.file(b"b", b"x")
        made.add(b"c", FileType.HARDLINK, link=b"nowhere")
        made.finish()
        with pytest.raises(ArchiveDamaged):
            archive.restore(tmp_path / "out")
        assert contents(tmp_path / "out") == {"b": b"x"}

    def refused(self, rows: list[tuple[bytes, FileType]]) -> None:
        columns = Columns()
        for path, kind in rows:
            row = IndexRow(path=(path,), type=kind, hash=digest(b""))
            columns.add(row, 0)
        with pytest.raises(ArchiveDamaged):
            parse_columns(dump_columns(columns), owners=1, volumes=0)
