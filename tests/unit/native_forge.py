"""Objects of style tiered made by hand, right ones and ones with one fault each:
tests/vectors/native/.

After a change: `build/venv/bin/python -m tests.unit.native_forge` writes the vectors.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from tests.unit import age_forge
from tests.unit.native_forge_hot import hot_vectors
from tests.unit.native_parts import (
    DAMAGED,
    DELTA,
    END,
    FOLDER,
    FULL,
    INC,
    RIGHT,
    SET,
    VERSION,
    WRONG_KEY,
    Named,
    Vector,
    flip,
    frame,
    framed,
    member,
    records,
    sealed,
    seek_table,
)

# Volumes.


def set_json(**changes: object) -> bytes:
    document: dict[str, object] = {
        "format": "tiered",
        "version": 1,
        "set": FULL,
        "volume": 1,
        "piece_bytes": 8,
        "host": "host",
        "source": "/src\udcff",
    }
    document |= changes
    kept = {key: value for key, value in document.items() if value is not None}
    return member(b"set.json", json.dumps(kept).encode())


def end_json(volumes: object = 1) -> bytes:
    return member(b"end.json", json.dumps({"volumes": volumes}).encode())


ROOT = member(b"snapshot/./", kind=b"5", mode=0o755)
FILE_A = member(b"snapshot/a", b"content")
LINK_B = member(b"snapshot/b", kind=b"1", link=b"snapshot/a")
PIECES_C = (
    member(b"multivol_snapshot/c/1", b"12345678"),
    member(b"multivol_snapshot/c/2", b"9"),
)
SYMLINK_D = member(b"snapshot/d", kind=b"2", link=b"/nowhere", mode=0o777)
SAME_E = member(b"same/e", b"a")
DIRECTORY_F = member(b"snapshot/f/", kind=b"5", mode=0o700)
MEMBERS = (ROOT, FILE_A, LINK_B, *PIECES_C, SYMLINK_D, SAME_E, DIRECTORY_F)
READ = (
    "snapshot . 5 755",
    "snapshot a 0 644 content",
    "snapshot b 1 644 -> a",
    "snapshot c/1 0 644 12345678",
    "snapshot c/2 0 644 9",
    "snapshot d 2 777 -> /nowhere",
    "same e 0 644 = a",
    "snapshot f 5 700",
)


def tar(*members: bytes) -> bytes:
    return b"".join((set_json(), *members, end_json(), END))


def volume(
    expect: str,
    comment: str,
    data: bytes,
    reads: Sequence[str] = (),
    name: str = FULL,
) -> Vector:
    return Vector(
        expect=expect,
        comment=comment,
        object=f"tiered-{name}.vol1.difftar.zst",
        data=data,
        reads=tuple(reads),
    )


def bad_tar(comment: str, *parts: bytes, expect: str = DAMAGED) -> Vector:
    return volume(expect, comment, framed([b"".join(parts)]))


def bad_members(comment: str, *members: bytes) -> Vector:
    return bad_tar(comment, tar(*members))


def _volumes() -> Named:
    whole = tar(*MEMBERS)
    yield "volume-right", volume(RIGHT, "one of each member", framed([whole]), READ)
    cut = [whole[:700], whole[700:3000], whole[3000:]]
    yield "volume-frames", volume(RIGHT, "three frames", framed(cut), READ)
    age = volume(RIGHT, "sealed", sealed(framed([whole])), READ)
    yield "volume-sealed", replace(age, object=age.object + ".age")
    long_name = b"n" * 120
    pax = tar(ROOT, records(path=b"snapshot/" + long_name), member(b"snapshot/n", b"x"))
    reads = ("snapshot . 5 755", f"snapshot {long_name.decode()} 0 644 x")
    yield "volume-records", volume(RIGHT, "a long name", framed([pax]), reads)
    delta = (set_json(set=INC), member(b"diff/a", DELTA), member(b"deleted/b"))
    data = framed([b"".join((*delta, end_json(), END))])
    reads = (f"diff a 0 644 {DELTA.hex()}", "deleted b 0 644")
    yield "volume-inc", volume(RIGHT, "of an inc", data, reads, INC)


def _bad_volumes() -> Named:
    first, end = set_json(), end_json() + END
    yield "set-version", bad_tar("version 2", set_json(version=2), end, expect=VERSION)
    for name, comment, changes in (
        ("set-version-0", "version 0", {"version": 0}),
        ("set-version-text", "the version is a text", {"version": "1"}),
        ("set-no-version", "no version", {"version": None}),
        ("set-format", "another format", {"format": "other"}),
        ("set-other", "of another set", {"set": INC}),
        ("set-name", "of a set that cannot be", {"set": "full.20261399T000000Z"}),
        ("set-volume", "volume 2 stands for volume 1", {"volume": 2}),
        ("set-pieces", "pieces of no bytes", {"piece_bytes": 0}),
        ("set-host", "a lone surrogate that no byte makes", {"host": "\ud800"}),
        ("set-no-host", "no host", {"host": None}),
    ):
        yield name, bad_tar(comment, set_json(**changes), end)
    yield "set-missing", bad_tar("no set.json", FILE_A, end)
    text = member(b"set.json", b'{"format": "tiered", ')
    yield "set-cut", bad_tar("set.json is cut", text, end)
    double = member(b"set.json", b'{"set": "x", ' + json.dumps(SET).encode()[1:])
    yield "set-double", bad_tar("a field twice in set.json", double, end)
    yield "end-missing", bad_tar("no end.json", first, *MEMBERS, END)
    yield "end-count", bad_tar("it ends a set of 2", first, end_json(2), END)
    yield "end-text", bad_tar("the count is a text", first, end_json("1"), END)
    last = (first, end_json(), FILE_A, END)
    yield "end-not-last", bad_tar("a member behind end.json", *last)
    yield "tar-no-trailer", bad_tar("no zeros at the end", first, end_json())
    yield "tar-behind", bad_tar("something behind the end", first, end, b"x" * 512)
    yield "tar-one-zero-block", bad_tar("one block of zeros", first, end[:-512])


def _bad_paths() -> Named:
    paths = {
        "dotdot": b"snapshot/../a",
        "dotdot-inside": b"snapshot/a/../../b",
        "dot": b"snapshot/./a",
        "empty": b"snapshot/a//b",
        "absolute": b"snapshot//etc/passwd",
        "no-path": b"snapshot/",
        "no-role": b"a",
        "role": b"other/a",
        "role-of-signatures": b"signature/a",
        "piece-0": b"multivol_snapshot/a/0",
        "piece-of-copy": b"multivol_copy/a/1",
        "piece-no-number": b"multivol_snapshot/a/x",
    }
    for name, path in paths.items():
        shown = path.decode()
        yield f"path-{name}", bad_members(f"a member {shown}", member(path, b"x"))
    zero = (records(path=b"snapshot/a\0b"), member(b"snapshot/a", b"x"))
    yield "path-zero", bad_members("a zero byte in a path", *zero)
    for name, link in (
        ("dotdot", b"snapshot/../b"),
        ("role", b"a"),
        ("", b"snapshot/z"),
    ):
        comment = f"a hard link to {link.decode()}"
        made = member(b"snapshot/b", kind=b"1", link=link)
        yield f"link-{name or 'later'}", bad_members(comment, FILE_A, made)
    for name, other in (("dotdot", b"../etc"), ("absolute", b"/etc/passwd")):
        comment = f"a copy of {other.decode()}"
        yield f"copy-{name}", bad_members(comment, member(b"copy/b", other))
    yield "same-later", bad_members("the same as a later one", member(b"same/a", b"b"))
    yield "order", bad_members("b before a", member(b"snapshot/b"), FILE_A)
    yield "order-twice", bad_members("a twice", FILE_A, FILE_A)
    slash = (member(b"snapshot/a.b"), member(b"snapshot/a/b"))
    yield "order-slash", bad_members("a.b before a/b", *slash)


def _bad_members() -> Named:
    one, two = PIECES_C
    yield "pieces-first", bad_members("piece 2 without piece 1", two)
    yield "pieces-last", bad_members("a full piece is the last", one)
    yield "pieces-other", bad_members("another path between", one, SYMLINK_D, two)
    short = member(b"multivol_snapshot/c/1", b"1234567")
    yield "pieces-short", bad_members("a short piece in the middle", short, two)
    long = member(b"multivol_snapshot/c/1", b"123456789")
    yield "pieces-long", bad_members("a piece that is too long", long, two)
    whole = member(b"snapshot/c", b"12345678")
    yield "pieces-whole", bad_members("a file of a piece's size in one", whole)
    yield "body-directory", bad_members("a directory with a body", dir_with(b"x"))
    yield (
        "body-deleted",
        bad_members("a body of what is gone", member(b"deleted/a", b"x")),
    )
    fifo = member(b"copy/a", b"b", kind=b"6")
    yield "type-copy", bad_members("a copy that is a FIFO", fifo)
    yield "type-unknown", bad_members("type 7", member(b"snapshot/a", kind=b"7"))
    for name, comment, edit in (
        ("checksum", "the checksum", lambda b: b[:1] + b"X" + b[2:]),
        ("magic", "the magic", lambda b: resum(b[:257] + b"ustar  \0" + b[265:])),
        ("number", "a number", lambda b: resum(b[:124] + b"0000000000x\0" + b[136:])),
        ("base-256", "a size in base 256",
         lambda b: resum(b[:124] + b"\x80" + bytes(11) + b[136:])),
        ("mode", "a mode of 17777", lambda b: resum(b[:100] + b"0017777\0" + b[108:])),
        ("nanoseconds", "no nanoseconds", lambda b: resum(b[:500] + bytes(12))),
    ):  # fmt: skip
        yield (
            f"header-{name}",
            bad_members(f"wrong: {comment}", member(b"snapshot/a", edit=edit)),
        )
    for name, values in (
        ("unknown", {"GNU_sparse_major": b"1"}),
        ("size", {"size": b"5"}),
        ("time", {"mtime": b"9999999999999.0"}),
        ("time-far", {"mtime": b"999999999999.000000000"}),
        ("owner", {"uid": b"4294967295"}),
        ("owner-sign", {"uid": b"-1"}),
    ):
        comment = "a record " + ", ".join(
            f"{k} {v.decode()}" for k, v in values.items()
        )
        made = bad_members(comment, records(**values), member(b"snapshot/a"))
        yield f"record-{name}", made
    cut = member(b"././@PaxHeader", b"30 path=snapshot/a\n", kind=b"x")
    yield (
        "record-cut",
        bad_members("a record that is shorter than it says", cut, FILE_A),
    )


def dir_with(body: bytes) -> bytes:
    return member(b"snapshot/a/", body, kind=b"5")


def resum(block: bytes) -> bytes:
    """The header with a right checksum."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def _frames() -> Named:
    whole = tar(*MEMBERS)
    right = frame(whole)
    size = [(len(right), len(whole))]

    def bad(comment: str, data: bytes) -> Vector:
        return volume(DAMAGED, comment, data)

    for name, comment, other in (
        ("no-checksum", "a frame without checksum", frame(whole, checksum=False)),
        ("no-size", "a frame without content size", frame(whole, sized=False)),
        ("checksum", "a wrong checksum", right[:-1] + bytes([right[-1] ^ 1])),
        ("cut", "a frame is cut", right[:-9]),
        ("two", "two frames, not one", frame(whole[:512]) + frame(whole[512:])),
        ("empty-behind", "an empty frame behind", right + frame(b"")),
        ("bomb-behind", "a frame of 64 MiB behind", right + frame(bytes(1 << 26))),
    ):  # fmt: skip
        table = seek_table([(len(other), len(whole))])
        yield f"frame-{name}", bad(comment, other + table)
    for name, comment, sizes in (
        ("stored", "a stored size is wrong", [(len(right) - 1, len(whole))]),
        ("content", "a content size is wrong", [(len(right), len(whole) - 1)]),
        ("huge", "a frame of 4 GiB", [(len(right), (1 << 32) - 1)]),
        ("more", "a frame more than there is", [*size, (1, 1)]),
        ("none", "no frame", []),
    ):
        yield f"table-{name}", bad(comment, right + seek_table(sizes))
    yield "table-missing", bad("no seek table", right)
    table = seek_table(size)[:-9] + b"\xff\xff\xff\xff" + seek_table(size)[-5:]
    yield "table-count", bad("a table of 2^32 - 1 frames", right + table)
    large = frame(bytes((4 << 20) + 512) + whole)
    sizes = [(len(large), (4 << 20) + 512 + len(whole))]
    yield "frame-large", bad("more than 4 MiB in a frame", large + seek_table(sizes))


def _sealed() -> Named:
    whole = framed([tar(*MEMBERS)])
    right = sealed(whole)

    def age(expect: str, comment: str, data: bytes) -> Vector:
        made = volume(expect, comment, data)
        return replace(made, object=made.object + ".age")

    front = len(right) - len(whole) - 16
    yield "age-bit", age(DAMAGED, "a bit of a chunk", flip(right, front + 40))
    yield "age-header", age(DAMAGED, "a bit of the MAC", flip(right, front - 25, 2))
    yield "age-cut", age(DAMAGED, "the last byte is missing", right[:-1])
    yield "age-behind", age(DAMAGED, "a byte behind the end", right + b"x")
    yield "age-empty", age(DAMAGED, "an empty file", b"")
    yield "age-clear", age(DAMAGED, "not sealed, but named so", whole)
    other = age_forge.header(age_forge.x25519(age_forge.OTHER_RAW))
    other += age_forge.payload(whole)
    yield "age-other-key", age(WRONG_KEY, "sealed for another key", other)


def vectors() -> dict[str, Vector]:
    """All of them, by name."""
    makers = (
        _volumes,
        _bad_volumes,
        _bad_paths,
        _bad_members,
        _frames,
        _sealed,
    )
    return dict(pair for make in makers for pair in make()) | hot_vectors()


def main() -> None:
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name, vector in vectors().items():
        (FOLDER / f"{name}.txt").write_text(vector.text(), "ascii")


if __name__ == "__main__":
    main()
