"""Manifests: what duplicity writes is read, and what is written is read back."""

import pytest

from tiered.archive.manifest import Manifest, Position, VolumeInfo, parse_manifest
from tiered.archive.paths import PathKey
from tiered.errors import ArchiveDamaged

SHA_A, SHA_B = "cc18" + "0" * 36, "4e37" + "f" * 36

REAL = f"""Hostname vm
Localdir src2
Volume 1:
    StartingPath   .  
    EndingPath     aaa.bin 16
    Hash SHA1 {SHA_A}
Volume 2:
    StartingPath   aaa.bin 17
    EndingPath     aaa.bin 32
    Hash SHA1 {SHA_B}
Filelist 3
    new      aaa.bin
    changed  "with\\x20space/quo\\x22te"
    deleted  gone
""".encode()


def volume(
    number: int,
    start: str = "a",
    end: str = "z",
    start_piece: int | None = None,
    end_piece: int | None = None,
    sha1: str | None = SHA_A,
) -> VolumeInfo:
    def at(path: str, piece: int | None) -> Position:
        return Position(tuple(p.encode() for p in path.split("/") if p), piece)

    return VolumeInfo(
        number=number, start=at(start, start_piece), end=at(end, end_piece), sha1=sha1
    )


def text(*volumes: str) -> bytes:
    return ("Hostname h\nLocaldir d\n" + "".join(volumes)).encode()


def block(number: int, start: str = "a", end: str = "z", sha1: str = SHA_A) -> str:
    return (
        f"Volume {number}:\n    StartingPath   {start}  \n"
        f"    EndingPath     {end}  \n    Hash SHA1 {sha1}\n"
    )


def test_a_real_one() -> None:
    assert parse_manifest(REAL) == Manifest(
        hostname=b"vm",
        localdir=b"src2",
        volumes=(
            volume(1, "", "aaa.bin", None, 16),
            volume(2, "aaa.bin", "aaa.bin", 17, 32, SHA_B),
        ),
    )


def test_it_is_written_as_duplicity_writes_it() -> None:
    without_list = REAL.partition(b"Filelist")[0]
    assert parse_manifest(REAL).dump() == without_list


def test_a_file_list_may_stand_before_the_volumes() -> None:
    head, lists, rest = REAL.partition(b"Volume 1:")[0], b"", b""
    _, _, rest = REAL.partition(head)
    volumes, _, lists = rest.partition(b"Filelist")
    assert parse_manifest(head + b"Filelist" + lists + volumes) == parse_manifest(REAL)


def test_names_in_a_file_list_cannot_be_taken_for_something_else() -> None:
    lists = '    new      Hash\n    changed  Volume\n    new      "Volume\\x209:"\n'
    data = text(block(1), "Filelist 3\n", lists)
    assert parse_manifest(data).volumes == (volume(1),)


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        (b"plain", b"plain"),
        (b"two words", b'"two\\x20words"'),
        (b'quo"te', b'"quo\\x22te"'),
        (b"apo'strophe", b'"apo\\x27strophe"'),
        (b"back\\slash", b'"back\\x5cslash"'),
        (b"line\nfeed", b'"line\\x0afeed"'),
        (b"tab\tand\r\x0b\x0c", b'"tab\\x09and\\x0d\\x0b\\x0c"'),
        (b"caf\xc3\xa9", b"caf\xc3\xa9"),
        (b"no\xffutf8", b"no\xffutf8"),
        (b"no\xa0break\x85", b"no\xa0break\x85"),
        (b'"', b'"\\x22"'),
        (b"\x1c", b"\x1c"),
        (b"7", b"7"),
    ],
)
def test_quoting(path: bytes, quoted: bytes) -> None:
    info = VolumeInfo(
        number=1, start=Position((path,)), end=Position((b"d", path), 3), sha1=SHA_A
    )
    manifest = Manifest(hostname=b"h", localdir=b"/" + path, volumes=(info,))
    dumped = manifest.dump()
    assert b"    StartingPath   " + quoted + b"  \n" in dumped
    assert parse_manifest(dumped) == manifest


def test_after_a_resume_the_last_entry_of_a_volume_counts() -> None:
    data = text(block(1), block(2, end="m"), block(2, end="q", sha1=SHA_B))
    assert parse_manifest(data).volumes == (volume(1), volume(2, end="q", sha1=SHA_B))


def test_after_a_resume_volumes_above_the_last_listed_are_dropped() -> None:
    data = text(block(1), block(2), block(3), block(4), block(2), block(3, end="n"))
    assert parse_manifest(data).volumes == (volume(1), volume(2), volume(3, end="n"))


def test_volumes_are_sorted_by_number() -> None:
    data = text(*(block(n) for n in (2, 10, 1, 11)))
    assert [v.number for v in parse_manifest(data).volumes] == [1, 2, 10, 11]


def test_keywords_in_any_case() -> None:
    data = (
        f"hostname h\nLOCALDIR d\nvolume 1:\n  startingpath a\n"
        f"\tENDINGPATH z\n  hash sha1 {SHA_A.upper()}\n"
    )
    assert parse_manifest(data.encode()) == Manifest(
        hostname=b"h", localdir=b"d", volumes=(volume(1),)
    )


@pytest.mark.parametrize("line", ["", "    Hash SHA1\n", "    Hash MD5 0123\n"])
def test_a_volume_without_a_sha1(line: str) -> None:
    data = text(block(1).replace(f"    Hash SHA1 {SHA_A}\n", line))
    assert parse_manifest(data).volumes == (volume(1, sha1=None),)


@pytest.mark.parametrize("missing", ["StartingPath", "EndingPath"])
def test_a_volume_without_its_paths_is_damage(missing: str) -> None:
    lines = block(7).splitlines(keepends=True)
    cut = "".join(line for line in lines if missing not in line)
    with pytest.raises(ArchiveDamaged, match="volume 7"):
        parse_manifest(text(block(1), cut, block(8)))


def test_a_path_line_without_a_path_is_damage() -> None:
    with pytest.raises(ArchiveDamaged, match="volume 1"):
        parse_manifest(text("Volume 1:\n    StartingPath\n    EndingPath a\n"))


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"<html>not found</html>", text(), text(block(1))[:24]]
)
def test_what_is_not_a_manifest_is_damage(data: bytes) -> None:
    with pytest.raises(ArchiveDamaged, match="does not parse"):
        parse_manifest(data)


def test_a_path_out_of_the_archive_is_damage() -> None:
    with pytest.raises(ArchiveDamaged):
        parse_manifest(text(block(1, start="a/../../etc")))


@pytest.mark.parametrize(
    ("start", "end", "path", "may"),
    [
        ("", "b", (), True),
        ("m", "n", (), True),  # the whole tree
        ("b", "d", (b"c",), True),
        ("b", "d", (b"b",), True),
        ("b", "d", (b"d",), True),
        ("b", "d", (b"a",), False),
        ("b", "d", (b"e",), False),
        ("c/x", "c/y", (b"c",), True),  # what is below counts
        ("b/z", "c/a", (b"c",), True),
        ("c/x", "d", (b"c", b"a"), False),
        ("c.txt", "d", (b"c",), False),  # it sorts behind everything in c
        ("a", "c/x", (b"c", b"y"), False),
    ],
)
def test_which_volumes_may_hold_a_path(
    start: str, end: str, path: PathKey, may: bool
) -> None:
    assert volume(1, start, end).may_hold(path) is may
