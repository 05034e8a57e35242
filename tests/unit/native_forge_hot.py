"""Manifests, indexes, signatures and key objects made by hand: see `native_forge`."""

import json
import struct
from collections.abc import Callable, Sequence

import msgspec
from blake3 import blake3

from tests.unit import age_forge
from tests.unit.native_parts import (
    DAMAGED,
    END,
    END_S,
    FULL,
    INC,
    RIGHT,
    VERSION,
    WRONG_KEY,
    Named,
    Vector,
    flip,
    frame,
    framed,
    member,
    sealed,
    wide_frame,
)

# Manifests.


def manifest_json(**changes: object) -> bytes:
    known = {"size": 10, "blake3": "0" * 64}
    document: dict[str, object] = {
        "format": "tiered",
        "version": 1,
        "set": FULL,
        "host": "host",
        "source": "/src\udcff",
        "volumes": [{"number": 1, **known, "content_bytes": 99}],
        "signatures": known,
        "index": known,
        "totals": dict.fromkeys(TOTALS, 1),
    }
    document |= changes
    kept = {key: value for key, value in document.items() if value is not None}
    return json.dumps(kept).encode()


TOTALS = ("paths", "file_bytes", "new", "changed", "deleted", "stored_bytes")


def _manifests() -> Named:
    def made(expect: str, comment: str, data: bytes, *reads: str) -> Vector:
        name = f"tiered-{FULL}.manifest.json"
        return Vector(
            expect=expect, comment=comment, object=name, data=data, reads=reads
        )

    def bad(comment: str, **changes: object) -> Vector:
        return made(DAMAGED, comment, manifest_json(**changes))

    reads = ("volumes 1", "source 2f737263ff")
    yield "manifest-right", made(RIGHT, "as it should be", manifest_json(), *reads)
    more = manifest_json(later={"x": [1]})
    yield "manifest-unknown", made(RIGHT, "a field that is not known", more, *reads)
    future = manifest_json(version=2, volumes="other")
    yield "manifest-version", made(VERSION, "version 2, of another shape", future)
    yield "manifest-version-0", bad("version 0", version=0)
    yield "manifest-version-real", bad("version 1.5", version=1.5)
    yield "manifest-format", bad("another format", format="duplicity")
    yield "manifest-set", bad("of another set", set=INC)
    yield "manifest-no-host", bad("a field is missing", host=None)
    yield "manifest-no-volumes", bad("no volume", volumes=[])
    known = {"size": 10, "blake3": "0" * 64, "content_bytes": 99}
    gap = [{"number": 1, **known}, {"number": 3, **known}]
    yield "manifest-gap", bad("volume 2 is missing", volumes=gap)
    yield "manifest-order", bad("volumes 2, 1", volumes=numbered(known, 2, 1))
    yield "manifest-twice", bad("volume 1 twice", volumes=numbered(known, 1, 1))
    for name, value in (
        ("negative", {"size": -1, "blake3": "0" * 64}),
        ("huge", {"size": 1 << 70, "blake3": "0" * 64}),
        ("hash-short", {"size": 1, "blake3": "0" * 63}),
        ("hash-case", {"size": 1, "blake3": "A" * 64}),
        ("hash-line", {"size": 1, "blake3": "0" * 64 + "\n"}),
    ):
        yield f"manifest-{name}", bad(f"{name} of the index", index=value)
    yield "manifest-host", bad("a lone surrogate that no byte makes", host="\ud800")
    text = manifest_json()
    for name, comment, data in (
        ("empty", "an empty object", b""),
        ("cut", "the end is missing", text[:-9]),
        ("behind", "a second document behind", text + text),
        ("list", "a list", b"[" + text + b"]"),
        ("nested", "100,000 brackets", b"[" * 100_000),
        ("nan", "NaN for a number", text.replace(b'"paths": 1', b'"paths": NaN')),
        ("double", "a field twice", text.replace(b"{", b'{"host": "x", ', 1)),
        ("utf-16", "in UTF-16", text.decode().encode("utf-16")),
    ):
        yield f"manifest-{name}", made(DAMAGED, comment, data)


def numbered(known: dict[str, object], *numbers: int) -> list[dict[str, object]]:
    return [{"number": number, **known} for number in numbers]


# Indexes.

CONTENT = b"content"
FOOTER_TAIL = 0x58444954


def block(**changes: object) -> dict[str, object]:
    """The columns of: the root, a file `a` and a link `b` to it."""
    columns: dict[str, object] = {
        "paths": [b"", b"a", b"b"],
        "types": b"501",
        "modes": [0o755, 0o644, 0o644],
        "owners": [0, 0, 0],
        "mtimes": [5, 6, 7],
        "ctimes": [0, 1, -(1 << 62)],
        "sizes": [0, 7, 0],
        "flags": b"\0\0\0",
        "hashes": blake3(CONTENT).digest(),
        "links": [b"a"],
        "devices": [],
        "xattrs": {1: {b"user.x": b"y"}},
        "counts": [1],
        "volumes": [0],
        "gaps": [1536],
        "lengths": [7],
    }
    return columns | changes


INDEX_READ = (
    " 5 755",
    "a 0 644 7 at 1:1536+7 user.x=y",
    "b 1 644 -> a",
    "volume 1: 4000 in 40",
)


def index(
    blocks: Sequence[dict[str, object]] = (),
    *,
    magic: bytes = b"tiered index 1\n",
    gap: bytes = b"",
    layout: object = ([40], [4000]),
    edit_footer: Callable[[list[object]], object] = lambda footer: footer,
) -> bytes:
    """An index of these blocks."""
    data, rows = magic, []
    for each in blocks or (block(),):
        content = msgspec.msgpack.encode(list(each.values()))
        packed = frame(content)
        paths = each["paths"]
        if not isinstance(paths, list):
            raise TypeError("paths are a list")
        first = paths[0] if paths else b""
        rows.append([first, len(data), len(packed), len(content), len(paths)])
        data += packed + gap
    content = msgspec.msgpack.encode(layout)
    packed = frame(content)
    layouts = [[1, 100, b"", len(data), len(packed), len(content)]]
    data += packed
    footer: list[object] = [
        [[1000, 100, b"anna", b"users"]],
        [[END_S, 1]],
        rows,
        layouts,
    ]
    return data + footed(msgspec.msgpack.encode(edit_footer(footer)))


def footed(content: bytes, stored: int | None = None, size: int | None = None) -> bytes:
    packed = frame(content)
    stored = len(packed) if stored is None else stored
    size = len(content) if size is None else size
    tail = struct.pack("<II", stored, FOOTER_TAIL)
    return struct.pack("<II", size, stored) + packed + tail


def change(table: int, row: int, column: int, value: object) -> Callable[..., object]:
    """Put a value into a row of one of the footer's tables."""

    def edit(footer: list[list[list[object]]]) -> object:
        footer[table][row][column] = value
        return footer

    return edit


def _indexes() -> Named:
    def made(expect: str, comment: str, data: bytes, *reads: str) -> Vector:
        name = f"tiered-{FULL}.index"
        return Vector(
            expect=expect, comment=comment, object=name, data=data, reads=reads
        )

    yield "index-right", made(RIGHT, "as it should be", index(), *INDEX_READ)
    two = (block(), block(paths=[b"c", b"c/d", b"c.e"]))
    reads = (*INDEX_READ[:3], "c 5 755", "c/d 0 644 7 at 1:1536+7 user.x=y")
    right = made(
        RIGHT, "two blocks", index(two), *reads, "c.e 1 644 -> a", INDEX_READ[3]
    )
    yield "index-blocks", right
    future = index(magic=b"tiered index 2\n")
    yield "index-version", made(VERSION, "version 2", future)
    far = b"tiered index 12\n" + b"a shape that nobody knows"
    yield "index-version-12", made(VERSION, "version 12, of another shape", far)
    for name, comment, data in (
        ("empty", "an empty object", b""),
        ("magic", "another first line", index(magic=b"tiered index x\n")),
        ("cut", "the last byte is missing", index()[:-1]),
        ("cut-much", "the footer is missing", index()[:-120]),
        ("behind", "a byte behind the end", index() + b"x"),
        ("gap", "a byte between the parts", index(gap=b"x")),
        ("only-magic", "nothing but the first line", b"tiered index 1\n"),
        ("footer-huge", "a footer that begins before the object",
         b"tiered index 1\n" + footed(b"\x90", stored=(1 << 32) - 1)),
        ("footer-bomb", "a footer that unpacks to 4 GiB, as it says",
         b"tiered index 1\n" + footed(b"\x90", size=(1 << 32) - 1)),
        ("footer-shape", "a footer of three tables",
         b"tiered index 1\n" + footed(msgspec.msgpack.encode([[], [], []]))),
        ("footer-list", "a list of 2^32 - 1 owners",
         b"tiered index 1\n" + footed(b"\x94\xdd\xff\xff\xff\xff")),
    ):  # fmt: skip
        yield f"index-{name}", made(DAMAGED, comment, data)
    for name, comment, edit in (
        ("block-before", "a block at -1", change(2, 0, 1, -1)),
        ("block-magic", "a block at 0", change(2, 0, 1, 0)),
        ("block-far", "a block at 2^60", change(2, 0, 1, 1 << 60)),
        ("block-none", "a block of no bytes", change(2, 0, 2, 0)),
        ("block-huge", "a block of 2^62 bytes", change(2, 0, 2, 1 << 62)),
        ("block-content", "a block that unpacks to 2^40", change(2, 0, 3, 1 << 40)),
        ("block-size", "another content size", change(2, 0, 3, 9)),
        ("block-rows", "another count of rows", change(2, 0, 4, 2)),
        ("block-rows-many", "5,000 rows in a block", change(2, 0, 4, 5000)),
        ("block-first", "another first path", change(2, 0, 0, b"0")),
        ("owner", "the user 2^32 - 1", change(0, 0, 0, (1 << 32) - 1)),
        ("owner-negative", "the group -1", change(0, 0, 1, -1)),
        ("volume-0", "volume 0", change(1, 0, 1, 0)),
        ("volume-time", "a set before 1970", change(1, 0, 0, -1)),
        ("layout-number", "the layout of volume 2 alone", change(3, 0, 0, 2)),
        ("layout-size", "a volume of -1 bytes", change(3, 0, 1, -1)),
        ("layout-front", "a front of 70,000 bytes", change(3, 0, 2, bytes(70_000))),
        ("layout-offset", "a layout at -1", change(3, 0, 3, -1)),
        ("layout-huge", "a layout of 2^62 bytes", change(3, 0, 4, 1 << 62)),
    ):
        data = index(edit_footer=edit)
        yield f"index-{name}", made(DAMAGED, comment, data)
    for name, comment, layout in (
        ("frames-0", "a frame of no bytes", ([0], [4000])),
        ("frames-negative", "a frame of -40 bytes", ([-40], [4000])),
        ("frames-none", "no frame", ([], [])),
        ("frames-uneven", "more sizes than frames", ([40], [4000, 1])),
        ("frames-long", "frames that are longer than the volume", ([101], [4000])),
    ):
        yield f"index-{name}", made(DAMAGED, comment, index(layout=layout))
    for name, changes in FAULTS.items():
        shown = ", ".join(f"{key} {str(v)[:60]}" for key, v in changes.items())
        yield f"index-{name}", made(DAMAGED, shown, index((block(**changes),)))
    twice = index((block(), block()))
    yield "index-blocks-twice", made(DAMAGED, "a block twice", twice)
    over = index((block(paths=[b"", b"a", b"x"]), block(paths=[b"c", b"d", b"e"])))
    yield "index-blocks-overlap", made(DAMAGED, "x before c, over two blocks", over)


FAULTS: dict[str, dict[str, object]] = {
    "path-order": {"paths": [b"", b"b", b"a"]},
    "path-twice": {"paths": [b"", b"a", b"a"]},
    "path-slash": {"paths": [b"", b"a.b", b"a/b"]},
    "path-dotdot": {"paths": [b"", b"..", b"b"]},
    "path-dotdot-inside": {"paths": [b"", b"a/../../etc", b"b"]},
    "path-dot": {"paths": [b"", b".", b"b"]},
    "path-empty": {"paths": [b"", b"a//b", b"b"]},
    "path-absolute": {"paths": [b"", b"/etc", b"b"]},
    "path-end": {"paths": [b"", b"a/", b"b"]},
    "path-zero": {"paths": [b"", b"a\0b", b"b"]},
    "path-root-twice": {"paths": [b"", b"", b"b"]},
    "no-rows": {"paths": []},
    "types-short": {"types": b"50"},
    "type-unknown": {"types": b"507"},
    "mode": {"modes": [0o10000, 0, 0]},
    "mode-negative": {"modes": [-1, 0, 0]},
    "owner-row": {"owners": [0, 0, 1]},
    "owner-row-negative": {"owners": [0, 0, -1]},
    "time": {"mtimes": [1 << 63, 0, 0]},
    "size": {"sizes": [0, 8, 0]},
    "size-directory": {"sizes": [1, 7, 0]},
    "flags": {"flags": b"\0\2\0"},
    "hash-short": {"hashes": bytes(31)},
    "hash-more": {"hashes": bytes(64)},
    "link-missing": {"links": []},
    "link-dotdot": {"links": [b"../a"]},
    "link-zero": {"links": [b"a\0"]},
    "link-empty": {"links": [b""]},
    "devices": {"devices": [[1, 2]]},
    "xattr-row": {"xattrs": {3: {b"user.x": b"y"}}},
    "extent-count": {"counts": [2]},
    "extent-count-negative": {"counts": [-1]},
    "extent-volume": {"volumes": [1]},
    "extent-before": {"gaps": [-1]},
    "extent-far": {"gaps": [1 << 62]},
    "extent-none": {"sizes": [0, 0, 0], "lengths": [0]},
    "extent-negative": {"lengths": [-7]},
    "shape": {"modes": b"abc"},
}
"""Changes of columns; each alone must be refused."""


# Signatures.


def _signatures() -> Named:
    def made(
        expect: str, comment: str, *parts: bytes, reads: Sequence[str] = ()
    ) -> Vector:
        name = f"tiered-{FULL}.sigtar.zst"
        data = framed([b"".join(parts)])
        reads = tuple(reads)
        return Vector(
            expect=expect, comment=comment, object=name, data=data, reads=reads
        )

    sums = member(b"signature/a", b"sums")
    blocks = member(b"blocks/a", bytes(32) + b"b" * 16)
    reads = ("signature a 4", "blocks a 48")
    yield "signatures-right", made(RIGHT, "of one file", sums, blocks, END, reads=reads)
    yield "signatures-none", made(RIGHT, "of no file", END)
    for name, comment, parts in (
        ("order", "blocks before signature", (blocks, sums, END)),
        ("twice", "a signature twice", (sums, sums, END)),
        ("role", "a file", (member(b"snapshot/a", b"x"), END)),
        ("piece", "a piece", (member(b"multivol_signature/a/1", b"x"), END)),
        ("path", "out of the tree", (member(b"signature/../a", b"x"), END)),
        ("type", "a directory", (member(b"signature/a/", kind=b"5"), END)),
        ("cut", "no end", (sums, blocks)),
        ("behind", "something behind the end", (sums, blocks, END, b"x")),
    ):
        yield f"signatures-{name}", made(DAMAGED, comment, *parts)
    wide = Vector(
        expect=DAMAGED,
        comment="a frame with a window of 32 MiB",
        object=f"tiered-{FULL}.sigtar.zst",
        data=wide_frame(END),
    )
    yield "signatures-window", wide


# Key objects.

PUBLIC = b"age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\n"

KEY_TEXT = f"# made by hand\n# for a test\n{age_forge.OTHER}\n".encode()


def _keys() -> Named:
    """Wrapped for the identity of the tests; they hold another, the archive's."""

    def made(expect: str, comment: str, data: bytes, *reads: str) -> Vector:
        name = "tiered-key.main.1.age"
        return Vector(
            expect=expect, comment=comment, object=name, data=data, reads=reads
        )

    right = sealed(KEY_TEXT)
    yield "key-right", made(RIGHT, "as it should be", right, "the other identity")
    for name, comment, text in (
        ("empty", "nothing in it", b""),
        ("comments", "only comments", b"# a\n# b\n"),
        ("two", "two identities", KEY_TEXT + age_forge.OURS.encode() + b"\n"),
        ("case", "in lower case", KEY_TEXT.lower()),
        ("checksum", "a character is wrong", KEY_TEXT.replace(b"1GDP5", b"1GDP6")),
        ("public", "a public key", PUBLIC),
        ("binary", "not a text", bytes(range(256))),
    ):  # fmt: skip
        yield f"key-{name}", made(DAMAGED, comment, sealed(text))
    yield "key-cut", made(DAMAGED, "the last byte is missing", right[:-1])
    yield "key-bit", made(DAMAGED, "a bit of the payload", flip(right, len(right) - 9))
    other = age_forge.header(age_forge.x25519(age_forge.OTHER_RAW))
    other += age_forge.payload(KEY_TEXT)
    yield "key-other", made(WRONG_KEY, "wrapped for another", other)
    yield "key-large", made(DAMAGED, "more than 68 KiB", sealed(b"#" * 70_000))


def hot_vectors() -> dict[str, Vector]:
    """All of them, by name."""
    makers = (_manifests, _indexes, _signatures, _keys)
    return {name: vector for make in makers for name, vector in make()}
