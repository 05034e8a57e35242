"""tests/vectors/native/: each file has one fault, and a reader must say which class.

A fault is never told by another error than those of `tiered.errors`, and never costs
more memory than the sizes of the format allow.
"""

import io
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit import age_forge, native_forge
from tests.unit.native_parts import FOLDER, RIGHT, Vector, read_vector
from tiered.archive.columns import IndexRow
from tiered.archive.fileinfo import FileType
from tiered.archive.filename import Namer, Prefixes
from tiered.archive.index import IndexReader
from tiered.archive.kinds import Kind
from tiered.archive.member_stream import Member, SetReader, read_sums
from tiered.archive.object_name import ObjectName
from tiered.archive.paths import show_path
from tiered.archive.set_manifest import parse_set_manifest
from tiered.codec.age import X25519Identity, unwrap_identity
from tiered.codec.envelope import AgeEnvelope, Envelope, PlainEnvelope
from tiered.codec.frames import FrameStream
from tiered.engine.native.hot import index_reader
from tiered.engine.native.rebuild.volume import VolumeFile
from tiered.errors import TieredError
from tiered.secret import Secret

VECTORS = {p.stem: read_vector(p.read_text("ascii")) for p in FOLDER.glob("*.txt")}
IDENTITY = X25519Identity.parse(Secret(age_forge.OURS))
OTHER = X25519Identity.parse(Secret(age_forge.OTHER))
MOST_BYTES = 24 << 20
"""Of memory that reading any of them takes: a frame of 4 MiB, a few times."""


def read(vector: Vector) -> Iterator[str]:
    """What a vector says, as its lines `reads` have it."""
    namer = Namer(Prefixes())
    if namer.parse_key(vector.object):
        yield from read_key(vector.data)
        return
    name = namer.parse(vector.object)
    assert name is not None
    if name.kind is Kind.MANIFEST:
        manifest = parse_set_manifest(vector.data, name.set_id)
        yield f"volumes {len(manifest.volumes)}"
        yield f"source {manifest.source.hex()}"
    elif name.kind is Kind.INDEX:
        yield from read_index(vector.data)
    elif name.kind is Kind.SIGNATURE:
        for member in read_sums(FrameStream(io.BytesIO(vector.data))):
            yield f"{member.role.value.decode()} {show_path(member.path)} {member.size}"
    else:
        yield from read_volume(vector.data, name)


def read_key(data: bytes) -> Iterator[str]:
    found = unwrap_identity(data, [IDENTITY], archive=None, name="the key")
    assert found.export() == OTHER.export()
    yield "the other identity"


def read_index(data: bytes) -> Iterator[str]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        reader = index_reader(file)
        for row in reader:
            yield show_row(row, reader)
        for number in reader.layout_numbers:
            layout = reader.layout(number)
            yield f"volume {number}: {sum(layout.content)} in {sum(layout.stored)}"


def show_row(row: IndexRow, reader: IndexReader) -> str:
    kind = row.type.value.decode() if row.type else "-"
    path = b"/".join(row.path).decode()
    shown = f"{path} {kind} {row.mode:o}"
    if row.type is FileType.REGULAR:
        shown += f" {row.size} at"
        for extent in row.extents:
            number = reader.volumes[extent.volume].number
            shown += f" {number}:{extent.offset}+{extent.length}"
    if row.link:
        shown += f" -> {row.link.decode()}"
    for key, value in row.xattrs:
        shown += f" {key.decode()}={value.decode()}"
    return shown


def read_volume(data: bytes, name: ObjectName) -> Iterator[str]:
    age = AgeEnvelope(list, lambda: [IDENTITY], bytes)
    envelope: Envelope = age if name.encrypted else PlainEnvelope()
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        reader = SetReader(name.set_id)
        with VolumeFile(file, name, envelope).content() as content:
            for member in reader.volume(content):
                yield show_member(member)
        reader.finish()


def show_member(member: Member) -> str:
    about = member.attributes
    path = show_path(member.path) + (f"/{member.piece}" if member.piece else "")
    role, kind = member.role.value.decode(), about.type.value.decode()
    shown = f"{role} {path} {kind} {about.mode:o}"
    if kind == "5":
        return f"{role} {path} 5 {about.mode:o}"
    if about.link:
        return f"{shown} -> {about.link.decode()}"
    if member.other is not None:
        return f"{shown} = {show_path(member.other)}"
    body = member.body.read(member.size) if member.size else b""
    if role == "diff":
        return f"{shown} {body.hex()}"
    return f"{shown} {body.decode()}".rstrip()


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_reading(name: str) -> None:
    vector = VECTORS[name]
    said: list[str] = []
    failure: TieredError | None = None
    tracemalloc.start()
    try:
        for line in read(vector):
            said.append(line)
    except TieredError as e:
        failure = e
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if failure is None:
        assert (vector.expect, tuple(said)) == (RIGHT, vector.reads)
    else:
        assert failure.code == vector.expect, failure
        assert failure.exit_status == EXIT_STATUS[failure.code]
    assert peak < MOST_BYTES


EXIT_STATUS = {"archive-damaged": 30, "config-invalid": 2, "passphrase-wrong": 31}


def test_the_files_are_those_of_the_forge() -> None:
    """What zstd makes of a frame may differ from one version to the next."""
    made = native_forge.vectors()
    assert made.keys() == VECTORS.keys()
    for name, vector in made.items():
        kept = VECTORS[name]
        assert (vector.expect, vector.reads) == (kept.expect, kept.reads)


def test_every_kind_has_a_right_one() -> None:
    right = {v.object.partition(".")[0] for v in VECTORS.values() if v.expect == RIGHT}
    assert right == {"tiered-full", "tiered-inc", "tiered-key"}
    size = sum(path.stat().st_size for path in Path(FOLDER).iterdir())
    assert size < 500_000
