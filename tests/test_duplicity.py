"""Archives exchanged with real duplicity, in both directions.

One writes a full and three incs, through the multi config of the OVH guide on
folders.  The other restores every version, lists it, and adds an inc of its
own, which both restore.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest

from tests.engine import open_archive
from tests.exchange import Bench, bench
from tiered.archive.fileinfo import FileType
from tiered.archive.filename import ObjectName
from tiered.archive.kinds import Kind
from tiered.archive.times import format_name_time
from tiered.testing.tree import (
    TIME_S,
    Item,
    Seen,
    build,
    differences,
    file,
    folder,
    link,
    snapshot,
)

START_S = 1_790_000_000
MIB = 1 << 20
OTHER = {"tiered": "duplicity", "duplicity": "tiered"}
Model = dict[bytes, Item]


def noise(seed: int, size: int) -> bytes:
    return Random(seed).randbytes(size)


def first() -> Model:
    """Names and types that have gone wrong somewhere, and a file in pieces."""
    odd = (b"s p a c e", b'quo"te', b"back\\slash", b"no\xffutf8", b"new\nline")
    more = ("é".encode(), b"-v", b"#", b"%41", b"x" * 200, b"a\tb", b"'")
    names = {name: file(b"<" + name + b">") for name in (*odd, *more)}
    return {
        b".": folder(mtime_s=TIME_S),
        b"a": folder(),
        b"a/b": file(b"inside"),
        b"a.txt": file(b"beside"),
        b"a-": file(b"", mode=0o400),
        b"big.bin": file(noise(1, 3 * MIB)),
        b"deep": folder(),
        b"deep/" + b"d" * 120: folder(),
        b"deep/" + b"d" * 120 + b"/" + b"\xff" * 120: file(b"long and not UTF-8"),
        b"device": Item(type=FileType.CHARDEV, mode=0o600, device=(1, 3)),
        b"dir to file": folder(0o1777),
        b"dir to file/child": file(b"child"),
        b"dir to file/empty": folder(0o700),
        b"fifo": Item(type=FileType.FIFO, mode=0o620),
        b"file to dir": file(b"file"),
        b"file to link": file(b"file"),
        b"gone": folder(),
        b"gone/one": file(b"1"),
        b"gone/two": folder(),
        b"gone/two/three": file(b"3"),
        b"link": link(b"a/b"),
        b"link to file": link(b"nowhere\xff"),
        b"odd": folder(),
        **{b"odd/" + name: item for name, item in names.items()},
        b"owned": Item(data=b"mine", uid=12345, gid=54321, mode=0o640),
        b"setuid": file(b"#!/bin/sh\n", 0o4755),
        b"size-65535": file(noise(2, 65535)),
        b"size-65536": file(noise(3, 65536)),
        b"size-65537": file(noise(4, 65537)),
        b"size-0": file(b""),
    }


def same(model: Model) -> Model:
    return model


def second(model: Model) -> Model:
    """Deltas in pieces over volumes; every change of type; a rename."""
    big, now = model[b"big.bin"].data, TIME_S + 1000
    changed = big[:100_000] + noise(5, 1_400_000) + big[500_000:2_000_000] + b"end"
    new = {p: i for p, i in model.items() if not p.startswith((b"gone", b"a.txt"))}
    del new[b"dir to file/child"], new[b"dir to file/empty"]
    return {
        **new,
        b"big.bin": file(changed, mtime_s=now),
        b"dir to file": file(b"now a file", mtime_s=now),
        b"file to dir": folder(mtime_s=now),
        b"file to dir/child": file(b"new", mtime_s=now),
        b"file to link": link(b"link"),
        b"link": link(b"moved"),
        b"link to file": file(b"now a file", mtime_s=now),
        b"moved": folder(mtime_s=now),
        b"moved/two": folder(),
        b"moved/two/three": file(b"3"),
        b"odd/no\xffutf8": file(b"changed", mtime_s=now),
        b"setuid": file(b"#!/bin/sh\n", 0o711),
        b"size-65535": file(noise(2, 65535) + b"x", mtime_s=now),
        b"size-0": file(b"not any more", mtime_s=now),
    }


def third(model: Model) -> Model:
    """A delta on a delta; types change back; what was gone is there again."""
    big, now = model[b"big.bin"].data, TIME_S + 2000
    new = {p: i for p, i in model.items() if not p.startswith(b"file to dir")}
    return {
        **new,
        b"a.txt": file(b"again", mtime_s=now),
        b"big.bin": file(big[5000:1_000_000] + b"X" + big[1_000_001:], mtime_s=now),
        b"dir to file": folder(mtime_s=now),
        b"dir to file/again": file(b"child", mtime_s=now),
        b"file to dir": file(b"a file again", mtime_s=now),
        b"gone": file(b"no directory any more", mtime_s=now),
        b"owned": Item(data=b"mine", uid=1, gid=1, mode=0o640),
        b"size-65536": file(noise(3, 65535), mtime_s=now),
        b"size-65537": file(b"", mtime_s=now),
    }


def fourth(model: Model) -> Model:
    """Almost nothing."""
    return {**model, b"a-": file(b"a few bytes", 0o400, TIME_S + 3000)}


def fifth(model: Model) -> Model:
    """What the other program backs up, on top."""
    big, now = model[b"big.bin"].data, TIME_S + 4000
    new = {p: i for p, i in model.items() if not p.startswith((b"deep", b"moved"))}
    return {
        **new,
        b"big.bin": file(big[:MIB] + b"inserted" + big[MIB:], mtime_s=now),
        b"size-65537": file(noise(9, 70_000), mtime_s=now),
        b"z": file(b"the last", mtime_s=now),
    }


def time_of(version: int) -> int:
    return START_S + 1000 * version


def stamp(version: int) -> str:
    return format_name_time(time_of(version))


@dataclass
class Exchange:
    """What one program wrote, and the checks that the other passes on it."""

    bench: Bench
    writer: str
    versions: list[dict[bytes, Seen]] = field(default_factory=list)
    """How the tree was at `START_S`, a thousand seconds later, and so on."""

    @property
    def other(self) -> str:
        return OTHER[self.writer]

    def back_up(self, program: str, model: Model) -> None:
        at, version = self.bench, len(self.versions)
        build(at.source, model)
        action = "incremental" if version else "full"
        now = f"--current-time={time_of(version)}"
        at.run(program, action, now, "--volsize=1", str(at.source), at.url)
        self.versions.append(snapshot(at.source))

    def check_layout(self) -> None:
        hot, cold = self.bench.names(self.bench.hot), self.bench.names(self.bench.cold)
        assert len(hot) == 8
        assert all(re.match(r"hot_duplicity-.*\.(manifest|sigtar)", n) for n in hot)
        assert all(re.match(r"cold_duplicity-.*\.difftar", n) for n in cold)
        assert sum("full" in n for n in cold) >= 3  # noise does not compress
        assert sum(f"to.{stamp(1)}" in n for n in cold) >= 2  # a delta in two volumes
        suffix = ".gpg" if self.bench.encrypted else ".gz"
        assert all(n.endswith(suffix) for n in cold)

    def check_restore(self, program: str, version: int, *when: str) -> None:
        """`program` restores this version as it was."""
        target = self.bench.root / f"restored-{program}-{version}"
        self.bench.run(program, "restore", *when, self.bench.url, str(target))
        assert differences(self.versions[version], snapshot(target)) == []
        shutil.rmtree(target)

    def check_one_path(self, path: str) -> None:
        """What lies at `path` comes back alone."""
        target = self.bench.root / "part"
        option = f"--path-to-restore={path}"
        self.bench.run(self.other, "restore", option, self.bench.url, str(target))
        expected = self.bench.source / path
        if target.is_dir():
            assert differences(snapshot(expected), snapshot(target)) == []
            shutil.rmtree(target)
        else:
            assert target.read_bytes() == expected.read_bytes()
            target.unlink()

    def check_list(self) -> None:
        listed = self.bench.run(self.other, "list-current-files", self.bench.url)
        for path in ("big.bin", "odd/s p a c e", "dir to file/again", "fifo", "link"):
            assert f" {path}\n" in listed
        assert "file to dir/child" not in listed
        assert listed.count("\n") >= len(self.versions[-1])

    def check_status(self) -> None:
        """The other sees one whole chain and nothing else."""
        said = self.bench.run(self.other, "collection-status", self.bench.url)
        if self.other == "duplicity":
            assert "No orphaned or incomplete backup sets found." in said
            assert "Number of contained backup sets: 4" in said
        else:
            assert "chain 1: 4 sets" in said
            assert "incomplete" not in said

    def check_verify(self) -> None:
        """Duplicity compares the newest version with the source, byte by byte."""
        at, compared = self.bench, len(self.versions[-1])
        said = at.duplicity("verify", "--compare-data", at.url, str(at.source))
        assert f"{compared} file(s) compared, 0 difference(s) found" in said


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
@pytest.mark.parametrize("writer", OTHER)
def test_archives_are_exchanged(writer: str, encrypted: bool, tmp_path: Path) -> None:
    with bench(tmp_path, encrypted=encrypted) as at:
        exchange, model = Exchange(at, writer), first()
        for edit in (same, second, third, fourth):
            model = edit(model)
            exchange.back_up(writer, model)
        exchange.check_layout()
        for version in range(4):
            exchange.check_restore(
                exchange.other, version, f"--time={time_of(version)}"
            )
        for path in () if encrypted else ("big.bin", "odd", "dir to file/again"):
            exchange.check_one_path(path)
        exchange.check_list()
        exchange.check_status()
        exchange.check_verify()

        exchange.back_up(exchange.other, fifth(model))
        added = [p for p in at.cold.iterdir() if stamp(4) in p.name]
        size = sum(p.stat().st_size for p in added)
        assert 0 < size < 300_000  # a delta, although the signatures were not its own
        for program in OTHER:
            exchange.check_restore(program, 4)
        exchange.check_restore(exchange.other, 1, f"--time={time_of(1)}")


def short(name: ObjectName) -> str:
    """As `--short-filenames` wrote it until duplicity 2.0."""
    end, start = base36(name.set_id.end_s), base36(name.set_id.start_s or 0)
    times = f"f.{end}" if name.set_id.is_full else f"i.{start}.{end}"
    if name.kind is Kind.SIGNATURE:
        times = f"fs.{end}" if name.set_id.is_full else f"ns.{start}.{end}"
    tail = {
        Kind.ARCHIVE: f"{base36(name.volume or 0)}.dt",
        Kind.MANIFEST: "m",
        Kind.SIGNATURE: "st",
    }[name.kind]
    return f"d{times}.{tail}" + name.suffix.replace("gz", "z").replace("gpg", "g")


def base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number or not text:
        number, digit = divmod(number, 36)
        text = digits[digit] + text
    return text


def local_time(name: ObjectName) -> str:
    """As versions before 0.4.9 wrote it, on a machine seven hours west."""

    def old(match: re.Match[str]) -> str:
        moment = datetime.strptime(match[0], "%Y%m%dT%H%M%S%z")
        return moment.astimezone(timezone(timedelta(hours=-7))).isoformat()

    return re.sub(r"[0-9]{8}T[0-9]{6}Z", old, name.name)


@pytest.mark.parametrize("rename", [short, local_time])
def test_names_of_old_versions_are_read_and_built_on(
    rename: Callable[[ObjectName], str], tmp_path: Path
) -> None:
    archive = open_archive(tmp_path, suffix=".gz")
    source, trees = tmp_path / "source", {}
    for data in (noise(1, 300_000), noise(1, 300_000) + b"x", b""):
        archive.clock.sleep_s(1000)
        build(source, {b"f": file(data, mtime_s=len(data)), b"d": folder()})
        report = archive.back_up(source, volume_bytes=150_000)
        trees[report.set_id.end_s] = snapshot(source)
    for path in list((tmp_path / "store").iterdir()):
        name = archive.context.namer.parse(path.name)
        assert name is not None
        path.rename(path.with_name(rename(name)))
    for name_ in archive.context.cache.names():
        archive.context.cache.forget(name_)
    for time_s, tree in trees.items():
        archive.restore(tmp_path / f"out-{time_s}", time_s)
        assert differences(tree, snapshot(tmp_path / f"out-{time_s}")) == []
    archive.clock.sleep_s(1000)
    assert archive.back_up(source).set_id.start_s == max(trees)


def test_a_manifest_that_was_resumed_is_read(tmp_path: Path) -> None:
    """After a resume the volumes that were redone are listed twice."""
    archive = open_archive(tmp_path)
    source = tmp_path / "source"
    build(source, {b"f": file(noise(1, 400_000)), b"g": file(b"G")})
    report = archive.back_up(source, volume_bytes=150_000)
    assert report.volumes >= 4
    name = archive.context.namer.manifest(report.set_id, "")
    path = tmp_path / "store" / name
    blocks = re.split(rb"(?=^Volume )", path.read_bytes(), flags=re.MULTILINE)
    wrong = re.sub(rb"SHA1 .*", b"SHA1 " + b"0" * 40, blocks[3])
    above = re.sub(rb"^Volume [0-9]+", b"Volume 99", blocks[3])
    path.write_bytes(b"".join([*blocks[:3], wrong, above, *blocks[3:]]))
    archive.context.cache.forget(name)
    archive.restore(tmp_path / "out")
    assert differences(snapshot(source), snapshot(tmp_path / "out")) == []
