"""Signatures: the state of every path, merged over a chain."""

import io
from collections.abc import Iterator

import pytest

from tests.unit.members import Part, archive, folder, part
from tiered.archive import tar
from tiered.archive.fileinfo import FileInfo, FileType
from tiered.archive.paths import PathKey
from tiered.archive.sigtar import (
    State,
    merge_states,
    pack_deleted,
    pack_state,
    read_states,
)
from tiered.errors import ArchiveDamaged


def states(*parts: Part) -> Iterator[State]:
    return read_states(io.BytesIO(archive(*parts)))


def test_what_is_packed_is_read() -> None:
    infos = [
        FileInfo(path=(), type=FileType.DIRECTORY, mode=0o755, mtime_s=9),
        FileInfo(path=(b"a",), type=FileType.REGULAR, mode=0o4755, uid=1, gid=2),
        FileInfo(path=(b"a.link",), type=FileType.SYMLINK, linkname=b"to\xff"),
        FileInfo(path=(b"dev",), type=FileType.CHARDEV, devmajor=1, devminor=3),
        FileInfo(path=(b"fifo",), type=FileType.FIFO),
        FileInfo(path=(b"sub",), type=FileType.DIRECTORY),
    ]
    blocks = [
        pack_state(i, b"SIG" if i.type is FileType.REGULAR else b"") for i in infos
    ]
    blocks.append(pack_deleted((b"sub", b"gone")))
    data = b"".join(blocks)
    found = []
    for state in read_states(io.BytesIO(data + tar.trailer(len(data)))):
        found.append((state.info, state.deleted, state.body.read(), state.body_bytes))
    assert [f[0] for f in found[:-1]] == infos
    assert found[1][1:] == (False, b"SIG", 3)
    assert found[-1][0].path == (b"sub", b"gone")
    assert found[-1][1] is True


def test_the_names_of_members_are_those_of_duplicity() -> None:
    names = [
        next(tar.read_members(io.BytesIO(block)))[0].name
        for block in (
            pack_state(FileInfo(path=(), type=FileType.DIRECTORY)),
            pack_state(FileInfo(path=(b"d",), type=FileType.DIRECTORY)),
            pack_state(FileInfo(path=(b"d", b"f"), type=FileType.REGULAR)),
            pack_state(FileInfo(path=(b"l",), type=FileType.SYMLINK)),
            pack_deleted((b"d", b"gone")),
        )
    ]
    assert names == [
        b"snapshot/",
        b"snapshot/d/",
        b"signature/d/f",
        b"snapshot/l",
        b"deleted/d/gone",
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [part(b"signature/b"), part(b"signature/a")],
        [part(b"signature/a"), part(b"deleted/a")],
        [part(b"signature/a.txt"), part(b"signature/a/b")],
        [part(b"diff/a")],
        [part(b"a")],
        [part(b"signature/../a")],
        [part(b"signature/a", type=b"1")],
    ],
)
def test_damage_is_seen(parts: list[Part]) -> None:
    with pytest.raises(ArchiveDamaged):
        list(states(*parts))


def merged(*chain: list[Part]) -> list[tuple[PathKey, bytes]]:
    return [
        (s.info.path, s.body.read())
        for s in merge_states([states(*parts) for parts in chain])
    ]


def sig(name: bytes, data: bytes = b"") -> Part:
    return part(b"signature/" + name, data)


def gone(name: bytes) -> Part:
    return part(b"deleted/" + name)


def test_the_newest_state_of_a_path_counts() -> None:
    assert merged(
        [folder(b"snapshot/"), sig(b"a", b"1"), sig(b"b", b"1"), sig(b"c", b"1")],
        [sig(b"b", b"2"), sig(b"d", b"2")],
        [sig(b"b", b"3"), gone(b"c")],
    ) == [((), b""), ((b"a",), b"1"), ((b"b",), b"3"), ((b"d",), b"2")]


def test_what_was_deleted_can_come_back() -> None:
    assert merged([sig(b"a", b"1")], [gone(b"a")]) == []
    assert merged([sig(b"a", b"1")], [gone(b"a")], [sig(b"a", b"3")]) == [
        ((b"a",), b"3")
    ]
    assert (
        merged([sig(b"a", b"1")], [gone(b"a")], [sig(b"a", b"3")], [gone(b"a")]) == []
    )


def test_a_change_of_type_hides_the_old_type() -> None:
    (state,) = merge_states([states(sig(b"a", b"1")), states(folder(b"snapshot/a/"))])
    assert state.info.type is FileType.DIRECTORY


def test_the_order_is_path_order_over_all_sets() -> None:
    paths = [
        path
        for path, _ in merged([sig(b"a"), sig(b"a.txt")], [sig(b"a/b")], [sig(b"a/a")])
    ]
    assert paths == [(b"a",), (b"a", b"a"), (b"a", b"b"), (b"a.txt",)]


def test_no_sets_have_no_state() -> None:
    assert merged() == []
    assert merged([], []) == []


def test_damage_in_any_set_of_a_chain_is_seen() -> None:
    with pytest.raises(ArchiveDamaged):
        merged([sig(b"a"), sig(b"b")], [sig(b"d"), sig(b"c")])
