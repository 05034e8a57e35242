"""Volumes and signatures survive a round trip, however they are cut."""

import io
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.members import archive, part
from tiered.archive import tar
from tiered.archive.difftar import Change, read_entries
from tiered.archive.fileinfo import FileInfo, FileType, from_member, to_member
from tiered.archive.sigtar import merge_states, pack_deleted, pack_state, read_states
from tiered.engine.change import Changed, Deleted, New, find_changes
from tiered.engine.scan import Scanned
from tiered.rsync import block_len_for, signature_of

names = st.one_of(
    st.sampled_from([b"a", b"b", b"a.b", b"a-", b"\xff", b"1", b"x" * 120]),
    st.binary(min_size=1, max_size=8),
).filter(lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=3).map(tuple)
types = st.sampled_from([t for t in FileType if t is not FileType.HARDLINK])


@st.composite
def infos(draw: st.DrawFn, path: tuple[bytes, ...]) -> FileInfo:
    kind = draw(types)
    is_device = kind in (FileType.CHARDEV, FileType.BLOCKDEV)
    numbers = st.integers(0, 4095) if is_device else st.just(0)
    return FileInfo(
        path=path,
        type=kind,
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(st.sampled_from([0, 1, 2**21, 2**31])),
        gid=draw(st.sampled_from([0, 1, 2**21, 2**31])),
        uname=draw(st.sampled_from([b"", b"root", b"\xff"])),
        mtime_s=draw(st.integers(0, 2**35)),
        linkname=draw(names) if kind is FileType.SYMLINK else b"",
        devmajor=draw(numbers),
        devminor=draw(numbers),
    )


@st.composite
def trees(draw: st.DrawFn) -> dict[tuple[bytes, ...], tuple[FileInfo, bytes]]:
    """Paths with attributes and content, in archive order."""
    found = sorted(draw(st.sets(paths, max_size=8)))
    made = {}
    for path in found:
        info = draw(infos(path))
        is_file = info.type is FileType.REGULAR
        made[path] = info, draw(st.binary(max_size=1500)) if is_file else b""
    return made


Tree = dict[tuple[bytes, ...], tuple[FileInfo, bytes]]


@given(trees())
def test_attributes_survive_a_header(tree: Tree) -> None:
    for info, _ in tree.values():
        block = tar.pack_header(to_member(info, b"snapshot/"))
        ((member, _),) = tar.read_members(io.BytesIO(block + tar.trailer(len(block))))
        assert from_member(member, info.path) == info


@given(trees(), st.integers(1, 700), st.integers(1, 4), st.integers(1, 2000))
def test_volumes(tree: Tree, piece: int, per_volume: int, portion: int) -> None:
    """Any size of piece, any number of members in a volume, any reading."""
    parts = []
    for info, data in tree.values():
        name = b"/".join(info.path)
        if info.type is not FileType.REGULAR or len(data) < piece:
            member = to_member(info, b"snapshot/", len(data))
            parts.append((member, data))
            continue
        chunks = [data[i : i + piece] for i in range(0, len(data), piece)] + [b""]
        parts += [
            part(b"multivol_snapshot/%b/%d" % (name, n), chunk)
            for n, chunk in enumerate(chunks, 1)
        ]
    volumes = [
        archive(*parts[i : i + per_volume]) for i in range(0, len(parts), per_volume)
    ]

    def members() -> Iterator[tuple[tar.Member, tar.Body]]:
        for volume in volumes:
            yield from tar.read_members(io.BytesIO(volume))

    found = []
    for entry in read_entries(members()):
        data = b""
        while more := entry.body.read(portion):
            data += more
        assert entry.change is Change.SNAPSHOT
        found.append((entry.info.path, data))
    assert found == [(path, data) for path, (_, data) in tree.items()]


def packed(tree: Tree, gone: set[tuple[bytes, ...]]) -> bytes:
    blocks = {
        path: pack_state(info, data if info.type is FileType.REGULAR else b"")
        for path, (info, data) in tree.items()
    }
    blocks |= {path: pack_deleted(path) for path in gone}
    data = b"".join(blocks[path] for path in sorted(blocks))
    return data + tar.trailer(len(data))


@given(st.lists(st.tuples(trees(), st.sets(paths, max_size=4)), max_size=4))
def test_a_chain_of_signatures_is_its_newest_states(
    chain: list[tuple[Tree, set[tuple[bytes, ...]]]],
) -> None:
    expected: Tree = {}
    for tree, gone in chain:
        for path in gone:
            expected.pop(path, None)
        expected |= {p: v for p, v in tree.items() if p not in gone}
    states = [read_states(io.BytesIO(packed(tree, gone))) for tree, gone in chain]
    found = {s.info.path: (s.info, s.body.read()) for s in merge_states(states)}
    assert found == expected
    assert list(found) == sorted(found)


def state_of(tree: Tree) -> bytes:
    """The signature object of a full backup of this tree."""
    blocks = [
        pack_state(info, signature(data) if info.type is FileType.REGULAR else b"")
        for info, data in tree.values()
    ]
    data = b"".join(blocks)
    return data + tar.trailer(len(data))


def signature(data: bytes) -> bytes:
    return signature_of(data, block_len_for(len(data)))


def scanned(tree: Tree) -> Iterator[Scanned]:
    for info, data in tree.values():
        yield Scanned(info, bytes(Path("/nowhere")), len(data))


@given(trees(), trees())
def test_changes_lead_from_the_old_state_to_the_new(old: Tree, new: Tree) -> None:
    state = {path: info for path, (info, _) in old.items()}
    order = []
    changes = find_changes(scanned(new), read_states(io.BytesIO(state_of(old))), 2**40)
    for change in changes:
        match change:
            case New(item) | Changed(item):
                state[item.info.path] = item.info
                order.append(item.info.path)
                if isinstance(change, Changed):
                    assert change.signature == signature(old[item.info.path][1])
            case Deleted(path):
                del state[path]
                order.append(path)
    assert order == sorted(set(order))
    assert set(state) == set(new)
    for path, (info, _) in new.items():
        assert state[path].same_as(info)


@given(trees())
def test_a_tree_that_did_not_change_has_no_changes(tree: Tree) -> None:
    states = read_states(io.BytesIO(state_of(tree)))
    assert list(find_changes(scanned(tree), states, 2**40)) == []
