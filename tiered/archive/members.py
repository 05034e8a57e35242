"""What the members of volumes and signatures are, and packing their headers.

    set.json                      what the volume is of; first in each
    snapshot/<path>               the file, whole
    diff/<path>                   librsync delta against the parent's version
    multivol_snapshot/<path>/<n>  piece n, from 1; of a delta multivol_diff
    copy/<path>                   content is that of a path in the parent's state
    same/<path>                   content is that of a path earlier in this set
    deleted/<path>                the path is gone
    end.json                      last in the last volume
    signature/<path>, blocks/<path>   in signatures alone

Source: docs/format/native.md, "Volumes".  `tiered.archive.member_stream` reads.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from tiered.archive.columns import Owner
from tiered.archive.fileinfo import FileType
from tiered.archive.header import NOBODY, NOTHING, Extra, HeaderTemplate
from tiered.archive.json_text import FORMAT, VERSION, dump_json, to_text
from tiered.archive.native_names import set_text
from tiered.archive.object_name import SetId
from tiered.archive.tar import BLOCK_BYTES, padding

__all__ = ["TRAILER", "HeaderPacker", "Role", "SetDescription", "padding"]

TRAILER = bytes(2 * BLOCK_BYTES)
"""What ends the content of a volume, and of signatures."""
SET_JSON, END_JSON = b"set.json", b"end.json"


class Role(Enum):
    """What a member is for; the value stands in front of its path."""

    SNAPSHOT = b"snapshot"
    DIFF = b"diff"
    COPY = b"copy"
    SAME = b"same"
    DELETED = b"deleted"
    SIGNATURE = b"signature"
    BLOCKS = b"blocks"


_PREFIX = {role: role.value + b"/" for role in Role}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDescription:
    """`set.json`: what a volume is of, and where its data came from."""

    set_id: SetId
    volume: int
    piece_bytes: int
    host: bytes
    source: bytes


class HeaderPacker:
    """Packs headers; keeps a template for each type, mode and owner.

    Cost: 3 microseconds for a plain file; more where pax records are needed.
    """

    def __init__(self) -> None:
        self._templates: dict[tuple[FileType, int, Owner], HeaderTemplate] = {}

    def pack(
        self,
        role: Role,
        path: bytes,
        *,
        type: FileType = FileType.REGULAR,
        mode: int = 0,
        owner: Owner = NOBODY,
        mtime_ns: int = 0,
        size: int = 0,
        link: bytes = b"",
        device: tuple[int, int] = (0, 0),
        xattrs: Collection[tuple[bytes, bytes]] = (),
        sparse: bool = False,
        piece: int | None = None,
    ) -> bytes:
        """The header blocks of a member; body and `padding` are the caller's.

        Args:
            path: With slashes between its components; the root is empty.
            size: Of the body, below 8 GiB.
            link: Target of a symbolic link; of a hard link the other path.
            piece: Number of a piece of a snapshot or a delta, from 1.

        Raises:
            ValueError: `size` or `device` is larger than a header can say.
        """
        name = _PREFIX[role] + (path or b".")
        if piece is not None:
            name = b"multivol_%s/%d" % (name, piece)
        elif type is FileType.DIRECTORY:
            name += b"/"
        template = self._template(type, mode, owner)
        extra = NOTHING
        if link or xattrs or sparse or device != (0, 0):
            if type is FileType.HARDLINK:
                link = _PREFIX[Role.SNAPSHOT] + link
            extra = Extra(link, device, xattrs, sparse)
        return template.pack(name, size, mtime_ns, extra)

    def plain(self, mode: int, owner: Owner) -> "PlainHeaders":
        """Headers of whole regular files that have nothing special."""
        return PlainHeaders(self._template(FileType.REGULAR, mode, owner))

    def _template(self, type: FileType, mode: int, owner: Owner) -> HeaderTemplate:
        key = type, mode, owner
        template = self._templates.get(key)
        if template is None:
            template = HeaderTemplate(type.value, mode, owner)
            self._templates[key] = template
        return template


class PlainHeaders:
    """Headers of files of one mode and owner, as most files of a tree are."""

    __slots__ = ("_template",)

    def __init__(self, template: HeaderTemplate) -> None:
        self._template = template

    def pack(self, path: bytes, size: int, mtime_ns: int) -> bytes:
        """As `HeaderPacker.pack` for a snapshot.

        Cost: 2 microseconds.
        """
        return self._template.pack(b"snapshot/" + path, size, mtime_ns, NOTHING)


def pack_set_json(description: SetDescription) -> bytes:
    """The whole member `set.json`."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "set": set_text(description.set_id),
        "volume": description.volume,
        "piece_bytes": description.piece_bytes,
        "host": to_text(description.host),
        "source": to_text(description.source),
    }
    return _pack_json(SET_JSON, document, description.set_id)


def pack_end_json(set_id: SetId, volumes: int) -> bytes:
    """The whole member `end.json` of a set of so many volumes."""
    return _pack_json(END_JSON, {"volumes": volumes}, set_id)


def _pack_json(name: bytes, document: dict[str, object], set_id: SetId) -> bytes:
    body = dump_json(document)
    template = HeaderTemplate(FileType.REGULAR.value, 0o600, NOBODY)
    header = template.pack(name, len(body), set_id.end_s * 1_000_000_000, NOTHING)
    return header + body + padding(len(body))
