"""Members survive a round trip, and other programs read them as they are."""

import io
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiered.archive.columns import Owner
from tiered.archive.fileinfo import FileType
from tiered.archive.header import Attributes
from tiered.archive.member_stream import Member, SetReader
from tiered.archive.members import (
    TRAILER,
    HeaderPacker,
    Role,
    SetDescription,
    pack_end_json,
    pack_set_json,
    padding,
)
from tiered.archive.object_name import SetId
from tiered.archive.paths import PathKey, join_path
from tiered.archive.style import Style
from tiered.errors import ArchiveDamaged

SET = SetId(1_700_000_000, None, Style.TIERED)
PIECE = 1000
DEVICES = (FileType.CHARDEV, FileType.BLOCKDEV)

components = st.one_of(
    st.binary(min_size=1, max_size=20),
    st.text("abé\n ", min_size=1, max_size=150).map(str.encode),
).filter(lambda c: not set(c) & {0, 47} and c not in (b".", b".."))
paths = st.lists(components, max_size=4).map(tuple)
names = st.one_of(
    st.text("aé", max_size=40).map(str.encode),
    st.binary(max_size=9).filter(lambda n: b"\0" not in n),
)
owners = st.builds(
    Owner, st.integers(0, 2**32 - 2), st.integers(0, 2**32 - 2), names, names
)
keys = st.text("user.=%23D", min_size=1).map(str.encode)
xattrs = st.dictionaries(keys, st.binary(max_size=300), max_size=2).map(
    lambda found: tuple(found.items())
)


@dataclass(frozen=True)
class Item:
    """One path as a test stores it."""

    role: Role
    path: PathKey
    attributes: Attributes
    content: bytes = b""


@st.composite
def items(draw: st.DrawFn) -> Item:
    kind = draw(st.sampled_from(FileType))
    path = draw(paths)
    role = draw(st.sampled_from(list(Role)[:5]))
    if kind is not FileType.REGULAR:
        role = Role.SNAPSHOT
    link = draw(st.binary(max_size=150).filter(lambda b: b"\0" not in b))
    if kind is FileType.HARDLINK:
        link = b"\0\0"  # chosen when the order is known
    attributes = Attributes(
        type=kind,
        mode=draw(st.integers(0, 0o7777)),
        owner=draw(owners),
        mtime_ns=draw(st.integers(-(2**63), 2**63 - 1)),
        link=link if kind in (FileType.SYMLINK, FileType.HARDLINK) else b"",
        device=draw(st.tuples(st.integers(0, 2**21 - 1), st.integers(0, 2**20)))
        if kind in DEVICES
        else (0, 0),
        xattrs=draw(xattrs),
        sparse=draw(st.booleans()),
    )
    return Item(role, path, attributes, draw(st.binary(max_size=3 * PIECE)))


def tidied(found: list[Item]) -> list[Item]:
    """In order; what points elsewhere points to the path before."""
    found.sort(key=lambda i: i.path)
    tidy: list[Item] = []
    for item in found:
        before = tidy[-1].path if tidy else None
        if item.attributes.type is FileType.HARDLINK:
            if not before:
                continue
            link = join_path(before)
            item = replace(item, attributes=replace(item.attributes, link=link))
        if item.role is Role.SAME and before is None:
            continue
        if item.role in (Role.COPY, Role.SAME):
            item = replace(item, content=join_path(before or ()) or b".")
        elif item.attributes.type is not FileType.REGULAR or item.role is Role.DELETED:
            item = replace(item, content=b"")
        tidy.append(item)
    return tidy


trees = st.lists(items(), max_size=8, unique_by=lambda i: i.path).map(tidied)


def packed(tree: Sequence[Item]) -> list[bytes]:
    """The members of a set, each whole."""
    packer = HeaderPacker()
    members = []
    for item in tree:
        head = {k: getattr(item.attributes, k) for k in Attributes.__slots__}
        path, content = join_path(item.path), item.content
        in_pieces = item.role in (Role.SNAPSHOT, Role.DIFF) and len(content) >= PIECE
        count = len(content) // PIECE + 1 if in_pieces else 1
        for number in range(count):
            part = content[number * PIECE :][:PIECE] if in_pieces else content
            piece = number + 1 if in_pieces else None
            header = packer.pack(item.role, path, size=len(part), piece=piece, **head)
            members.append(header + part + padding(len(part)))
    return members


def volumes(tree: Sequence[Item], cuts: Sequence[int] = ()) -> list[bytes]:
    """The contents of the volumes of a set that is cut behind some members."""
    members = packed(tree)
    ends = [*sorted({c for c in cuts if c < len(members)}), len(members)]
    contents, start = [], 0
    for number, end in enumerate(ends, 1):
        head = pack_set_json(description(number))
        contents.append(head + b"".join(members[start:end]))
        start = end
    contents[-1] += pack_end_json(SET, len(contents))
    return [c + TRAILER for c in contents]


def description(volume: int) -> SetDescription:
    return SetDescription(
        set_id=SET, volume=volume, piece_bytes=PIECE, host=b"h\xff", source=b"/a\xc3"
    )


def read(contents: Sequence[bytes]) -> list[Item]:
    """Items again, pieces joined; also compares the offsets of bodies."""
    reader = SetReader(SET)
    found: list[Item] = []
    for number, content in enumerate(contents, 1):
        members = reader.volume(io.BytesIO(content))
        assert reader.description == description(number)
        for member in members:
            body = content[member.offset : member.offset + member.size]
            if member.other is None:
                assert member.body.read(member.size + 1) == body
            _add(found, member, body)
    reader.finish()
    return found


def _add(found: list[Item], member: Member, body: bytes) -> None:
    if member.piece not in (None, 1):
        body = found.pop().content + body
    if member.other is not None:
        assert body == (join_path(member.other) or b".")
    found.append(Item(member.role, member.path, member.attributes, body))


@given(trees, st.lists(st.integers(0, 12), max_size=3))
def test_members_survive_a_round_trip(tree: list[Item], cuts: list[int]) -> None:
    assert read(volumes(tree, cuts)) == tree


@given(trees)
def test_the_standard_library_reads_the_same(tree: list[Item]) -> None:
    content = volumes(tree)[0]
    reader = SetReader(SET)
    with tarfile.open(fileobj=io.BytesIO(content), encoding="utf-8") as theirs:
        assert theirs.next() is not None  # set.json
        for member in reader.volume(io.BytesIO(content)):
            info = theirs.next()
            assert info is not None
            _compare(member, info)
        last = theirs.next()
        assert last is not None
        assert last.name == "end.json"
        assert theirs.next() is None


def _compare(member: Member, info: tarfile.TarInfo) -> None:
    ours = member.attributes
    prefix = member.role.value if member.piece is None else b"multivol_snapshot"
    if member.role is Role.DIFF and member.piece is not None:
        prefix = b"multivol_diff"
    name = prefix + b"/" + (join_path(member.path) or b".")
    name += b"/%d" % member.piece if member.piece is not None else b""
    assert as_bytes(info.name) == name
    assert info.type == ours.type.value
    assert (info.mode, info.uid, info.gid) == (
        ours.mode,
        ours.owner.uid,
        ours.owner.gid,
    )
    assert as_bytes(info.uname) == ours.owner.uname
    assert as_bytes(info.gname) == ours.owner.gname
    assert info.size == member.size
    assert info.mtime == pytest.approx(ours.mtime_ns / 1e9, abs=1, rel=1e-12)
    link = b"snapshot/" + ours.link if ours.type is FileType.HARDLINK else ours.link
    assert as_bytes(info.linkname) == link
    assert (info.devmajor, info.devminor) == ours.device
    assert info.pax_headers.get("TIERED.sparse") == ("1" if ours.sparse else None)


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@given(trees, st.data())
def test_a_cut_volume_is_refused(tree: list[Item], data: st.DataObject) -> None:
    content = volumes(tree)[0]
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(ArchiveDamaged):
        read([content[:cut]])


@given(trees, st.data())
def test_a_flipped_bit_in_a_header_is_refused(
    tree: list[Item], data: st.DataObject
) -> None:
    content = bytearray(volumes(tree)[0])
    bit = data.draw(st.integers(0, 512 * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ArchiveDamaged):
        read([bytes(content)])


def test_gnu_tar_extracts_what_is_packed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Long, raw and multi-line names; times before 1970, and with nanoseconds."""
    folder = tmp_path_factory.mktemp("extracted")
    times = [-1_500_000_000, 1, 1_700_000_000_987_654_321, 2**33 * 10**9 + 5]
    parents = (b"d" * 90, b"e" * 90)
    raw = [b"plain", b"\xff\xfe", "é".encode(), b"two\nlines"]
    tree = [
        Item(
            Role.SNAPSHOT,
            (*parents, name),
            Attributes(type=FileType.REGULAR, mode=0o640, mtime_ns=time_ns),
            b"content of " + name,
        )
        for name, time_ns in zip(sorted(raw), times, strict=True)
    ]
    subprocess.run(
        ["tar", "--extract", "--no-same-owner", "--directory", folder],
        input=volumes(tree)[0],
        check=True,
        stderr=subprocess.STDOUT,
    )
    for item in tree:
        file = (
            folder
            / "snapshot"
            / join_path(item.path).decode("utf-8", "surrogateescape")
        )
        assert file.read_bytes() == item.content
        assert file.stat().st_mode & 0o7777 == 0o640
        assert file.stat().st_mtime_ns // 10**9 == item.attributes.mtime_ns // 10**9
