"""Volumes and signatures that break a rule are refused, and say which."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tiered.archive import header, tar
from tiered.archive.columns import Owner
from tiered.archive.fileinfo import FileType
from tiered.archive.header import NOTHING, Extra, HeaderTemplate
from tiered.archive.member_stream import Member, SetReader, parse_description, read_sums
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
from tiered.archive.style import Style
from tiered.errors import ArchiveDamaged, ConfigError

SET = SetId(1_700_000_100, 1_700_000_000, Style.TIERED)
HEAD = SetDescription(set_id=SET, volume=1, piece_bytes=4, host=b"h", source=b"/s")
DOCUMENT = {
    "format": "tiered",
    "version": 1,
    "set": "full.20261121T011337Z",
    "volume": 1,
    "piece_bytes": 4,
    "host": "h",
    "source": "/s",
}


def part(
    name: bytes, body: bytes = b"", kind: bytes = b"0", link: bytes = b""
) -> bytes:
    """A member with any name."""
    template = HeaderTemplate(kind, 0o644, Owner())
    extra = Extra(link=link) if link else NOTHING
    return template.pack(name, len(body), 0, extra) + body + padding(len(body))


def volume(*parts: bytes, number: int = 1, last: bool = True) -> bytes:
    head = pack_set_json(replace(HEAD, volume=number))
    end = pack_end_json(SET, number) if last else b""
    return head + b"".join(parts) + end + TRAILER


def read(*contents: bytes) -> list[Member]:
    reader = SetReader(SET)
    found = [m for c in contents for m in reader.volume(io.BytesIO(c))]
    reader.finish()
    return found


def refused(*contents: bytes) -> str:
    with pytest.raises(ArchiveDamaged) as caught:
        read(*contents)
    return str(caught.value)


DIRECTORY, LINK = b"5", b"1"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([part(b"snapshot/../x")], "the archive holds the path ../x"),
        ([part(b"snapshot//x")], "the archive holds the path /x"),
        ([part(b"snapshot/a/./b")], "the archive holds the path a/./b"),
        ([part(b"snapshot/a/")], "the archive holds the path a/"),
        ([part(b"snapshot/a", kind=DIRECTORY)], "the archive holds the path ."),
        ([part(b"snapshot/b"), part(b"snapshot/a")], "a after b"),
        ([part(b"snapshot/a"), part(b"deleted/a")], "a after a"),
        ([part(b"snapshot/a.b"), part(b"snapshot/a/b")], "a/b after a.b"),
        ([part(b"multivol_snapshot/a/2", b"x")], "piece 1 of a is missing"),
        ([part(b"multivol_diff/a/1", b"1234")], "piece 2 of a is missing"),
        (
            [part(b"multivol_diff/a/1", b"1234"), part(b"multivol_diff/a/3", b"")],
            "piece 2 of a is missing",
        ),
        (
            [part(b"multivol_diff/a/1", b"1234"), part(b"multivol_snapshot/a/2")],
            "piece 2 of a is missing",
        ),
        ([part(b"multivol_diff/a/1", b"12345")], "a has 5 bytes in a piece"),
        ([part(b"snapshot/a", b"1234")], "a has 4 bytes in a piece"),
        ([part(b"multivol_snapshot/a/01", b"1")], "a member named"),
        ([part(b"multivol_snapshot/a/x", b"1")], "a member named"),
        ([part(b"multivol_copy/a/1", b"b")], "a member named"),
        ([part(b"signature/a")], "a member named"),
        ([part(b"other/a")], "a member named"),
        ([part(b"snapshot")], "a member named"),
        ([part(b"set.json")], "a member named"),
        ([part(b"diff/a/", kind=DIRECTORY)], "a member named"),
        ([part(b"snapshot/a/", b"x", kind=DIRECTORY)], "a has a body"),
        ([part(b"deleted/a", b"x")], "a has a body"),
        ([part(b"copy/a")], "the archive holds the path"),
        ([part(b"copy/a", b"../b")], "the archive holds the path ../b"),
        ([part(b"same/b", b"c")], "b after c"),
        ([part(b"same/b", b"b")], "b after b"),
        ([part(b"snapshot/b", kind=LINK, link=b"snapshot/c")], "b after c"),
        ([part(b"snapshot/b", kind=LINK, link=b"diff/a")], "a member named b'diff/a'"),
        ([part(b"snapshot/b", kind=b"7")], "a tar member of type b'7'"),
        ([pack_end_json(SET, 1)], "behind end.json"),
        ([pack_end_json(SET, 2)], "says that it is the last of 2"),
        ([TRAILER, part(b"snapshot/a")], "something behind its end"),
    ],
)
def test_a_broken_rule_is_told(parts: list[bytes], message: str) -> None:
    assert message in refused(volume(*parts))


def test_pieces_go_on_in_the_next_volume() -> None:
    found = read(
        volume(part(b"multivol_snapshot/a/1", b"1234"), last=False),
        volume(part(b"multivol_snapshot/a/2"), part(b"copy/b", b"a"), number=2),
    )
    assert [(m.path, m.piece, m.size) for m in found] == [
        ((b"a",), 1, 4),
        ((b"a",), 2, 0),
        ((b"b",), None, 1),
    ]
    assert found[2].other == (b"a",)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([], "the last volume of the set inc"),
        ([volume(last=False)], "the last volume of the set inc"),
        ([volume(number=2)], "volume 2 stands for volume 1"),
        ([volume(last=False), volume(last=False)], "volume 1 stands for volume 2"),
        ([volume(), volume(number=2)], "a volume behind its last"),
        ([TRAILER], "does not begin with set.json"),
        ([part(b"snapshot/a") + TRAILER], "does not begin with set.json"),
        ([b""], "512 bytes too early"),
    ],
)
def test_a_volume_that_does_not_fit_is_told(
    contents: list[bytes], message: str
) -> None:
    assert message in refused(*contents)


def test_volumes_of_a_set_are_of_one_set_and_source() -> None:
    other = replace(HEAD, set_id=SetId(1_700_000_100, style=Style.TIERED))
    assert "a volume is of full 20231114T221500Z" in refused(
        pack_set_json(other) + TRAILER
    )
    for change in ({"host": b"x"}, {"source": b"x"}, {"piece_bytes": 5}):
        second = replace(HEAD, volume=2, **change)
        message = refused(volume(last=False), pack_set_json(second) + TRAILER)
        assert message == "volume 2 is not like the one before"


@pytest.mark.parametrize("key", DOCUMENT)
def test_set_json_needs_all_of_its_fields(key: str) -> None:
    assert parse_description(json.dumps(DOCUMENT).encode()).volume == 1
    bad: list[dict[str, object]] = [
        {},
        {key: None},
        {key: []},
        {key: "\ud800"},
        {key: -1},
    ]
    for change in bad:
        document = {k: v for k, v in DOCUMENT.items() if k != key} | change
        with pytest.raises(ArchiveDamaged):
            parse_description(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[]", b"[" * 100_000])
def test_set_json_is_json(data: bytes) -> None:
    with pytest.raises(ArchiveDamaged):
        parse_description(data)


def test_another_version_is_not_read_and_unknown_fields_are_ignored() -> None:
    newer = json.dumps({"format": "tiered", "version": 2, "all": "else"}).encode()
    with pytest.raises(ConfigError, match=r"set\.json is of format version 2") as e:
        parse_description(newer)
    assert "reads format version 2" in e.value.hint
    known = parse_description(json.dumps(DOCUMENT | {"more": 1}).encode())
    assert known == parse_description(json.dumps(DOCUMENT).encode())


def test_set_json_says_what_the_format_says() -> None:
    body = next(tar.read_members(io.BytesIO(volume())))[1].read()
    head = replace(HEAD, host=b"\xff", source="/é".encode())
    raw = next(tar.read_members(io.BytesIO(pack_set_json(head) + TRAILER)))[1].read()
    assert json.loads(body) == DOCUMENT | {
        "set": "inc.20231114T221320Z.to.20231114T221500Z"
    }
    assert raw.isascii()
    assert b'"\\udcff"' in raw
    assert b'"/\\u00e9"' in raw


def test_records_that_the_format_does_not_have_are_refused() -> None:
    for record, message in [
        (b"12 size=123\n", "unknown record b'size'"),
        (b"11 uid=-12\n", "bad number"),
        (b"13 mtime=1e5\n", "bad time"),
        (b"9 a=b\n", "does not parse"),
        (b"99999999999 a=b\n", "does not parse"),
    ]:
        assert message in refused(volume(part(b"p", record, b"x"), part(b"snapshot/a")))


def test_a_header_that_another_program_wrote_is_refused() -> None:
    foreign = tar.pack_header(tar.Member(name=b"snapshot/a"))
    assert "no nanoseconds" in refused(volume(foreign))
    foreign = b"\0" * 500 + b"x" * 12
    assert "not ustar" in refused(volume(foreign))


def test_what_a_header_cannot_say_is_a_bug_of_the_caller() -> None:
    packer = HeaderPacker()
    with pytest.raises(ValueError, match="a tar member of"):
        packer.pack(Role.SNAPSHOT, b"a", size=1 << 33)
    with pytest.raises(ValueError, match="a tar member of"):
        packer.pack(Role.SNAPSHOT, b"\xff", size=1 << 33)
    with pytest.raises(ValueError, match="a device"):
        packer.pack(Role.SNAPSHOT, b"a", type=FileType.CHARDEV, device=(1 << 21, 0))


def test_a_huge_text_is_not_read() -> None:
    template = HeaderTemplate(b"0", 0o644, Owner())
    claims = template.pack(b"copy/a", (1 << 20) + 1, 0, NOTHING)
    assert "a text in a volume has" in refused(volume(claims))
    template = HeaderTemplate(header.EXTENDED, 0o644, Owner())
    claims = template.pack(b"p", header.MAX_RECORDS_BYTES + 1, 0, NOTHING)
    assert "a tar extended header has" in refused(volume(claims))


def sums(*parts: bytes) -> Iterator[Member]:
    return read_sums(io.BytesIO(b"".join(parts) + TRAILER))


def test_signatures_are_read_in_order() -> None:
    names = [b"signature/a", b"blocks/a", b"signature/a/b", b"signature/a.b"]
    found = [(m.role.value, m.body.read(9)) for m in sums(*(part(n, n) for n in names))]
    assert found == [(n.partition(b"/")[0], n[:9]) for n in names]


@pytest.mark.parametrize(
    "names",
    [
        (b"blocks/a", b"signature/a"),
        (b"signature/b", b"blocks/a"),
        (b"signature/b", b"signature/b"),
        (b"snapshot/a",),
        (b"multivol_signature/a/1",),
    ],
)
def test_signatures_out_of_order_are_refused(names: tuple[bytes, ...]) -> None:
    with pytest.raises(ArchiveDamaged):
        list(sums(*(part(n) for n in names)))
