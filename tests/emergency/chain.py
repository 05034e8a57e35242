"""A chain of style tiered, made by hand: of each kind of member what a writer may do.

Volumes are made of the parts that define the format, not by a backup, as a backup
would not come by all of this in a test: links to files that are stored as the same,
paths whose type changes, names that end in a line feed.
"""

import io
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tiered.archive.columns import Owner
from tiered.archive.fileinfo import FileType
from tiered.archive.members import (
    TRAILER,
    HeaderPacker,
    Role,
    SetDescription,
    pack_end_json,
    pack_set_json,
    padding,
)
from tiered.archive.native_names import native_volume
from tiered.archive.object_name import SetId
from tiered.archive.style import Style
from tiered.codec.envelope import Envelope
from tiered.codec.frames import FrameSize, pack_frame, pack_seek_table

PIECE = 5000
FULL = SetId(1_700_000_000, None, Style.TIERED)
FIRST = SetId(1_700_000_100, FULL.end_s, Style.TIERED)
SECOND = SetId(1_700_000_200, FIRST.end_s, Style.TIERED)


@dataclass(frozen=True)
class Node:
    """What a path is, and how a set stores it."""

    role: Role = Role.SNAPSHOT
    content: bytes = b""
    """Of the file, however it is stored."""
    body: bytes | None = None
    """Of the member; None if that is the content."""
    type: FileType = FileType.REGULAR
    link: bytes = b""
    mode: int = 0o640
    mtime_s: int = 1_600_000_000
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


def folder(mode: int = 0o750) -> Node:
    return Node(type=FileType.DIRECTORY, mode=mode)


def symlink(target: bytes) -> Node:
    return Node(type=FileType.SYMLINK, link=target)


def hard_link(path: bytes, content: bytes) -> Node:
    return Node(type=FileType.HARDLINK, link=path, content=content)


def copy(path: bytes, content: bytes, mode: int = 0o640) -> Node:
    return Node(Role.COPY, content, path, mode=mode)


def same(path: bytes, content: bytes) -> Node:
    return Node(Role.SAME, content, path)


def gone() -> Node:
    return Node(Role.DELETED)


def delta(old: bytes, new: bytes, where: Path) -> Node:
    """`new` as a delta against `old`, by the program rdiff."""
    (where / "old").write_bytes(old)
    (where / "new").write_bytes(new)
    for call in (
        ("signature", "old", "signature"),
        ("delta", "signature", "new", "delta"),
    ):
        subprocess.run(["rdiff", "--force", *call], check=True, cwd=where)
    return Node(
        Role.DIFF,
        new,
        (where / "delta").read_bytes(),
        mtime_s=1_650_000_000,
        xattrs=((b"user.of delta", b"\0\xff"),),
    )


def write_set(
    folder: Path,
    set_id: SetId,
    members: dict[bytes, Node],
    envelope: Envelope,
    cuts: int = 0,
) -> None:
    """The volumes of a set: `cuts` and one, with as many members each."""
    parts = list(_members(members))
    step = len(parts) // (cuts + 1)
    for number in range(1, cuts + 2):
        last = number == cuts + 1
        some = parts[(number - 1) * step : None if last else number * step]
        head = pack_set_json(
            SetDescription(
                set_id=set_id,
                volume=number,
                piece_bytes=PIECE,
                host=b"host",
                source=b"/src",
            )
        )
        end = pack_end_json(set_id, number) if last else b""
        name = native_volume(set_id, number, envelope.suffix)
        (folder / name).write_bytes(_stored([head, *some, end + TRAILER], envelope))


def _members(members: dict[bytes, Node]) -> Iterator[bytes]:
    packer = HeaderPacker()
    for path in sorted(members, key=lambda p: p.split(b"/") if p else []):
        node = members[path]
        is_file = node.type is FileType.REGULAR and node.role is not Role.DELETED
        body = node.content if node.body is None else node.body
        body = body if is_file else b""
        in_pieces = node.role in (Role.SNAPSHOT, Role.DIFF) and len(body) >= PIECE
        for number in range(len(body) // PIECE + 1 if in_pieces else 1):
            part = body[number * PIECE :][:PIECE] if in_pieces else body
            header = packer.pack(
                node.role,
                path,
                type=node.type,
                mode=node.mode,
                owner=Owner(4321, 1234, b"nobody-has-this-name", b"nor-this"),
                mtime_ns=node.mtime_s * 10**9 + 123_456_789,
                size=len(part),
                link=node.link,
                xattrs=node.xattrs,
                piece=number + 1 if in_pieces else None,
            )
            yield header + part + padding(len(part))


def _stored(parts: list[bytes], envelope: Envelope) -> bytes:
    frames = [pack_frame(p, 3) for p in parts]
    sizes = [FrameSize(len(f), len(p)) for f, p in zip(frames, parts, strict=True)]
    target = io.BytesIO()
    writer = envelope.begin(target)
    writer.write(b"".join(frames) + pack_seek_table(sizes))
    writer.close()
    return target.getvalue()
