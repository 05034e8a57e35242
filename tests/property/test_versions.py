"""Whatever was done to a tree, every version of it comes back as it was."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine import Archive, open_archive
from tiered.archive.fileinfo import FileType
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.testing.tree import (
    Item,
    Seen,
    below,
    build,
    differences,
    file,
    folder,
    link,
    snapshot,
)

Model = dict[bytes, Item]

NAMES = [b"a", b"a.txt", b"b", b"b-", b"B", b"no\xffutf8", b"s p a c e", b'q"\\', b"1"]
SIZES = [0, 1, 511, 512, 65535, 65536, 65537, 131072, 200_001]
FOLDERS = [b"", b"a/", b"b/", b"a/b/", b"z/"]

paths = st.builds(bytes.__add__, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
contents = st.builds(
    lambda size, seed: Random(seed).randbytes(size),
    st.sampled_from(SIZES),
    st.integers(0, 5),
)


def put(model: Model, path: bytes, item: Item) -> None:
    """Set one path; what stands in its way, above or below, makes room."""
    parts = path.split(b"/")
    for i in range(1, len(parts)):
        above = b"/".join(parts[:i])
        if above in model and model[above].type is not FileType.DIRECTORY:
            del model[above]
    if item.type is not FileType.DIRECTORY:
        remove(model, path)
    model[path] = item


def remove(model: Model, path: bytes) -> None:
    for other in [p for p in model if p == path or p.startswith(path + b"/")]:
        del model[other]


def rename(model: Model, old: bytes, new: bytes) -> None:
    moved = {
        new + p[len(old) :]: i
        for p, i in model.items()
        if p == old or p.startswith(old + b"/")
    }
    remove(model, old)
    for path in sorted(moved):
        put(model, path, moved[path])


Edit = Callable[[Model, int], None]


def making(path: bytes, item: Item) -> Edit:
    return lambda model, now_s: put(model, path, replace(item, mtime_s=now_s))


def removing(path: bytes) -> Edit:
    return lambda model, _: remove(model, path)


def renaming(old: bytes, new: bytes) -> Edit:
    return lambda model, _: rename(model, old, new)


def chmodding(path: bytes, mode: int) -> Edit:
    def edit(model: Model, _: int) -> None:
        if path in model and model[path].type is not FileType.SYMLINK:
            model[path] = replace(model[path], mode=mode)

    return edit


def editing(path: bytes, how: Callable[[bytes], bytes]) -> Edit:
    def edit(model: Model, now_s: int) -> None:
        if path in model and model[path].type is FileType.REGULAR:
            put(model, path, file(how(model[path].data), mtime_s=now_s))

    return edit


items = st.one_of(
    contents.map(file),
    st.just(folder()),
    st.sampled_from([b"a", b"../x", b"no\xff", b"x" * 200]).map(link),
    st.just(Item(type=FileType.FIFO)),
    st.just(Item(type=FileType.CHARDEV, device=(1, 3))),
)
changes_of_bytes = st.one_of(
    st.builds(
        lambda at, new: lambda d: d[: at % (len(d) + 1)] + new + d[at % (len(d) + 1) :],
        st.integers(0, 300_000),
        st.binary(min_size=1, max_size=100),
    ),
    st.builds(lambda by: lambda d: d[: len(d) // by], st.integers(1, 4)),  # truncate
    st.builds(lambda more: lambda d: d + more, contents),
    st.builds(
        lambda at: lambda d: d[: at % (len(d) + 1)] + d[at % (len(d) + 1) + 600 :],
        st.integers(0, 300_000),
    ),
)
edits = st.one_of(
    st.builds(making, paths, items),
    st.builds(removing, paths),
    st.builds(renaming, paths, paths),
    st.builds(chmodding, paths, st.sampled_from([0o600, 0o755, 0o4711, 0o1777])),
    st.builds(editing, paths, changes_of_bytes),
)
first = st.lists(st.builds(making, paths, items), min_size=3, max_size=12)
# one file changes each time, so that there are deltas on deltas
batches = st.builds(
    lambda change, rest: [editing(b"always", change), *rest],
    changes_of_bytes,
    st.lists(edits, max_size=8),
)
later = st.lists(batches, min_size=1, max_size=3)


@given(
    first=first,
    later=later,
    volume_bytes=st.sampled_from([1, 150_000, 400_000, 1 << 23]),
    kind=st.sampled_from(
        [
            (Style.TIERED, "", ""),
            (Style.TIERED, "", "open sesame"),
            (Style.DUPLICITY, "", ""),
            (Style.DUPLICITY, ".gz", ""),
        ]
    ),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_every_version_comes_back(
    first: list[Edit],
    later: list[list[Edit]],
    volume_bytes: int,
    kind: tuple[Style, str, str],
) -> None:
    style, suffix, passphrase = kind
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        archive = open_archive(work, suffix=suffix, style=style, passphrase=passphrase)
        model: Model = {b".": folder(), b"always": file(Random(7).randbytes(90_000))}
        versions: dict[int, dict[bytes, Seen]] = {}
        for batch in [first, *later]:
            archive.clock.sleep_s(1000)
            for edit in batch:
                edit(model, int(archive.clock.time_s()) - 10)
            build(work / "source", model)
            report = archive.back_up(work / "source", volume_bytes=volume_bytes)
            versions[report.set_id.end_s] = snapshot(work / "source", link_times=True)
        assert [s.is_full for s in set_ids(archive)] == [True] + [False] * len(later)
        for time_s, tree in versions.items():
            check_restores(archive, work, time_s, tree)
        assert archive.said.warnings == []
        assert list((work / "scratch").iterdir()) == []


def set_ids(archive: Archive) -> list[SetId]:
    entries = archive.context.store.list()
    found = (archive.context.namer.parse(e.name) for e in entries)
    return sorted({n.set_id for n in found if n}, key=lambda s: s.end_s)


def check_restores(
    archive: Archive, work: Path, time_s: int, tree: dict[bytes, Seen]
) -> None:
    """The whole version, and each of its top-level paths alone."""
    whole = work / f"whole-{time_s}"
    report = archive.restore(whole, time_s)
    assert differences(tree, snapshot(whole, link_times=True)) == []
    assert (report.paths, report.skipped) == (len(tree), 0)
    for i, path in enumerate(p for p in tree if b"/" not in p and p != b"."):
        part = work / f"part-{time_s}-{i}"
        archive.restore(part, time_s, path)
        if tree[path].type is FileType.DIRECTORY:
            assert differences(below(tree, path), snapshot(part, link_times=True)) == []
        else:
            part_in = work / f"in-{time_s}-{i}"
            part_in.mkdir()
            part.rename(part_in / os.fsdecode(path))
            found = {path: snapshot(part_in, link_times=True)[path]}
            assert differences({path: tree[path]}, found) == []
