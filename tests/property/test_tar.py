"""Headers survive a round trip, and the standard library reads the same."""

import io
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiered.archive import tar
from tiered.errors import ArchiveDamaged

names = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.text("abc/é", min_size=1, max_size=300).map(str.encode),
).map(lambda n: b"snapshot/" + n.replace(b"\0", b"_").strip(b"/"))

members = st.builds(
    tar.Member,
    name=names,
    type=st.sampled_from(sorted(tar.KNOWN_TYPES)),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32),
    gid=st.integers(0, 2**32),
    mtime_s=st.integers(0, 2**40),
    linkname=st.binary(max_size=200).map(lambda n: n.replace(b"\0", b"_")),
    uname=st.text("aé", max_size=40).map(str.encode),
    gname=st.text("aé", max_size=40).map(str.encode),
    devmajor=st.integers(0, 0o777777),
    devminor=st.integers(0, 0o777777),
)


def archive(items: list[tuple[tar.Member, bytes]]) -> bytes:
    data = b""
    for member, body in items:
        sized = replace(member, size=len(body))
        data += tar.pack_header(sized) + body + tar.padding(len(body))
    return data + tar.trailer(len(data))


bodies = st.lists(st.tuples(members, st.binary(max_size=1500)), max_size=5)


@given(bodies)
def test_members_survive_a_round_trip(items: list[tuple[tar.Member, bytes]]) -> None:
    stream = io.BytesIO(archive(items) + b"junk after the trailer")
    found = [(m, b.read()) for m, b in tar.read_members(stream)]
    assert found == [(replace(m, size=len(b)), b) for m, b in items]


@given(bodies)
def test_the_standard_library_reads_the_same(
    items: list[tuple[tar.Member, bytes]],
) -> None:
    data = archive(items)
    assert len(data) % tar.RECORD_BYTES == 0
    regular = [(replace(m, type=tar.REGULAR), b) for m, b in items]
    stream = io.BytesIO(archive(regular))
    with tarfile.open(fileobj=stream, encoding="utf-8") as theirs:
        for (member, body), info in zip(regular, theirs, strict=True):
            assert info.name.encode("utf-8", "surrogateescape") == member.name
            assert (info.uid, info.gid, info.mtime) == (
                member.uid,
                member.gid,
                member.mtime_s,
            )
            file = theirs.extractfile(info)
            assert file is not None
            assert file.read() == body


@given(bodies, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_what_the_standard_library_writes_is_read(
    items: list[tuple[tar.Member, bytes]], style: int
) -> None:
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=style, encoding="utf-8"
    ) as theirs:
        for member, body in items:
            info = tarfile.TarInfo(member.name.decode("utf-8", "surrogateescape"))
            info.size, info.uid, info.mtime = len(body), member.uid, member.mtime_s
            theirs.addfile(info, io.BytesIO(body))
    stream.seek(0)
    found = [(m.name, m.uid, m.mtime_s, b.read()) for m, b in tar.read_members(stream)]
    assert found == [(m.name, m.uid, m.mtime_s, b) for m, b in items]


@given(bodies.filter(bool), st.data())
def test_a_cut_archive_is_damaged_or_shorter(
    items: list[tuple[tar.Member, bytes]], data: st.DataObject
) -> None:
    """A cut never yields a changed body."""
    whole = archive(items)
    cut = data.draw(st.integers(0, len(whole)))
    found = []
    try:
        for member, body in tar.read_members(io.BytesIO(whole[:cut])):
            found.append((member.name, body.read()))
    except ArchiveDamaged:
        pass
    assert found == [(m.name, b) for m, b in items][: len(found)]


def test_a_flipped_bit_in_a_header_is_seen() -> None:
    whole = bytearray(archive([(tar.Member(name=b"snapshot/a"), b"x")]))
    whole[20] ^= 1
    with pytest.raises(ArchiveDamaged, match="checksum"):
        list(tar.read_members(io.BytesIO(whole)))
